"""Time: scheduled messages, duplicate detection, time to live."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import MessageNotFoundError

from local.servicebus import Counts, ServiceBus
from tests.contract.servicebus.support import Bench


def in_seconds(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_scheduled_messages_can_be_seen_and_cancelled(bench: Bench) -> None:
    numbers = bench.sender().schedule_messages([ServiceBusMessage("c1"), ServiceBusMessage("c2")], in_seconds(600))
    peeked = bench.receiver().peek_messages(10, sequence_number=numbers[0])
    assert [str(message) for message in peeked] == ["c1", "c2"]
    assert {message.state for message in peeked} == {ServiceBusMessageState.SCHEDULED}
    assert peeked[0].scheduled_enqueue_time_utc is not None
    bench.sender().cancel_scheduled_messages(numbers)
    with pytest.raises(MessageNotFoundError):
        bench.sender().cancel_scheduled_messages(numbers)
    assert bench.receiver().peek_messages(10, sequence_number=1) == []


def test_a_scheduled_message_comes_when_due(bench: Bench) -> None:
    due = in_seconds(1)
    (number,) = bench.sender().schedule_messages(ServiceBusMessage("later"), due)
    message = bench.receive()
    assert str(message) == "later"
    assert message.sequence_number != number, "it joins the queue again"
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc >= due - timedelta(milliseconds=1), "the wire carries whole milliseconds"
    bench.receiver().complete_message(message)


def test_a_message_sent_with_a_scheduled_time_waits_for_it(bench: Bench, bus: ServiceBus) -> None:
    bench.send(ServiceBusMessage("annotated", scheduled_enqueue_time_utc=in_seconds(600)))
    assert bench.receives_none()
    assert bus.counts("plain") == Counts(scheduled=1)
    bench.send(ServiceBusMessage("due", scheduled_enqueue_time_utc=in_seconds(0.5)))
    message = bench.receive()
    assert str(message) == "due"
    bench.receiver().complete_message(message)


def test_a_repeated_message_id_is_dropped(bench: Bench) -> None:
    bench.send(ServiceBusMessage("a", message_id="1"), queue="unique")
    bench.send(ServiceBusMessage("b", message_id="1"), ServiceBusMessage("c", message_id="2"), queue="unique")
    first, second = bench.receive_many(2, "unique")
    for message in (first, second):
        bench.receiver("unique").complete_message(message)
    bench.send(ServiceBusMessage("d", message_id="1"), queue="unique")
    assert [str(first), str(second)] == ["a", "c"]
    assert bench.receives_none("unique")


def test_an_expired_message_is_dead_lettered(bench: Bench) -> None:
    bench.send(ServiceBusMessage("of the queue"), queue="fleeting")
    bench.send(ServiceBusMessage("its own", time_to_live=timedelta(milliseconds=50)), queue="fleeting")
    dead = bench.receive_many(2, "fleeting/dead")
    assert {str(message) for message in dead} == {"of the queue", "its own"}
    assert {message.dead_letter_reason for message in dead} == {"TTLExpiredException"}
    for message in dead:
        bench.receiver("fleeting/dead").complete_message(message)
