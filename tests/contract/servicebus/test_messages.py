"""What is sent is what is received: content, batches, order, limits."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import ServiceBusMessage, ServiceBusMessageState, ServiceBusReceiveMode
from azure.servicebus.amqp import AmqpAnnotatedMessage
from azure.servicebus.exceptions import MessageAlreadySettled, MessageSizeExceededError

from tests.contract.servicebus.support import GLANCE, WAIT, Bench, locked_until


def now() -> datetime:
    return datetime.now(UTC)


def test_a_message_arrives_with_all_that_it_was_sent_with(bench: Bench) -> None:
    properties: dict[str | bytes, int | float | bytes | bool | str | uuid.UUID] = {
        "i": 1,
        "s": "x",
        "f": 1.5,
        "b": True,
        "u": uuid.UUID(int=7),
    }
    bench.send(
        ServiceBusMessage(
            b"hello",
            message_id="m1",
            subject="ImagePushed",
            content_type="application/json",
            correlation_id="c",
            to="to",
            reply_to="rt",
            application_properties=properties,
        )
    )
    message = bench.receive()
    assert b"".join(message.body) == b"hello"
    assert (message.message_id, message.subject, message.content_type) == ("m1", "ImagePushed", "application/json")
    assert (message.correlation_id, message.to, message.reply_to) == ("c", "to", "rt")
    received = message.application_properties
    assert received == {b"i": 1, b"s": b"x", b"f": 1.5, b"b": True, b"u": uuid.UUID(int=7)}
    assert isinstance(message.lock_token, uuid.UUID)
    assert message.delivery_count == 0
    assert message.state is ServiceBusMessageState.ACTIVE
    assert now() < locked_until(message) <= now() + timedelta(seconds=60)
    assert message.enqueued_time_utc is not None
    assert message.enqueued_time_utc <= now()
    bench.receiver().complete_message(message)
    with pytest.raises(MessageAlreadySettled):
        bench.receiver().complete_message(message)
    assert bench.receives_none()


def test_every_kind_of_body_arrives(bench: Bench) -> None:
    sender = bench.sender()
    sender.send_messages(AmqpAnnotatedMessage(value_body={"k": [1, "two", None]}))
    sender.send_messages(AmqpAnnotatedMessage(sequence_body=[[1, 2], ["x"]]))
    sender.send_messages(AmqpAnnotatedMessage(data_body=[b"a", b"b"]))
    value, sequence, data = bench.receive_many(3)
    assert value.body == {b"k": [1, b"two", None]}
    assert [list(part) for part in sequence.body] == [[1, 2], [b"x"]]
    assert list(data.body) == [b"a", b"b"]
    for message in (value, sequence, data):
        bench.receiver().complete_message(message)


def test_batches_arrive_whole_and_in_order(bench: Bench) -> None:
    batch = bench.sender().create_message_batch()
    assert batch.max_size_in_bytes == 256 * 1024
    for number in range(100):
        batch.add_message(ServiceBusMessage(f"m{number}", message_id=str(number)))
    bench.sender().send_messages(batch)
    bench.send(ServiceBusMessage("l1"), ServiceBusMessage("l2"))
    messages = bench.receive_many(102)
    assert [str(message) for message in messages] == [*(f"m{number}" for number in range(100)), "l1", "l2"]
    for message in messages:
        bench.receiver().complete_message(message)


def test_a_large_message_arrives_and_a_larger_one_is_refused(bench: Bench) -> None:
    content = bytes(range(256)) * 1000
    bench.sender().send_messages(ServiceBusMessage(content))
    with pytest.raises(MessageSizeExceededError, match="at most 262144 bytes"):
        bench.sender().send_messages(ServiceBusMessage(bytes(1_000_000)))
    bench.sender().send_messages(ServiceBusMessage("the link still works"))
    large, small = bench.receive_many(2)
    assert b"".join(large.body) == content
    assert str(small) == "the link still works"
    for message in (large, small):
        bench.receiver().complete_message(message)


def test_peek_shows_messages_and_leaves_them(bench: Bench) -> None:
    bench.send(ServiceBusMessage("one"), ServiceBusMessage("two"), ServiceBusMessage("three"))
    first = bench.receiver().peek_messages(2, sequence_number=1)
    assert [str(message) for message in first] == ["one", "two"]
    remaining = bench.receiver().peek_messages(10)
    assert [str(message) for message in remaining] == ["three"], "peeking goes on where it stopped"
    for message in bench.receive_many(3):
        assert message.delivery_count == 0
        bench.receiver().complete_message(message)
    assert bench.receiver().peek_messages(10, sequence_number=1) == []


def test_receive_and_delete_takes_messages_for_good(bench: Bench) -> None:
    bench.send(ServiceBusMessage("a"), ServiceBusMessage("b"))
    mode = ServiceBusReceiveMode.RECEIVE_AND_DELETE
    with bench.client.get_queue_receiver("plain", receive_mode=mode) as receiver:
        texts: list[str] = []
        while len(texts) < 2:
            more = receiver.receive_messages(2 - len(texts), max_wait_time=WAIT)
            assert more
            texts += [str(message) for message in more]
        assert texts == ["a", "b"]
        assert receiver.peek_messages(1) == []


def test_an_iterator_with_prefetch_gets_each_message_once_and_gives_the_rest_back(bench: Bench) -> None:
    bench.send(*(ServiceBusMessage(str(number)) for number in range(30)))
    texts: list[str] = []
    with bench.client.get_queue_receiver("plain", prefetch_count=20, max_wait_time=WAIT) as receiver:
        for message in receiver:
            texts.append(str(message))
            receiver.complete_message(message)
            if len(texts) == 25:
                break
    remaining = bench.receive_many(5)
    assert texts + [str(message) for message in remaining] == [str(number) for number in range(30)]
    assert {message.delivery_count for message in remaining} == {0}
    for message in remaining:
        bench.receiver().complete_message(message)


def test_competing_receivers_never_share_a_message(bench: Bench) -> None:
    bench.send(*(ServiceBusMessage(str(number)) for number in range(10)))
    with bench.client.get_queue_receiver("plain") as second_receiver:
        first_batch = bench.receiver().receive_messages(5, max_wait_time=WAIT)
        second_batch = second_receiver.receive_messages(5, max_wait_time=WAIT)
        for receiver, messages in ((bench.receiver(), first_batch), (second_receiver, second_batch)):
            for message in messages:
                receiver.complete_message(message)
    remaining = bench.receiver().receive_messages(10, max_wait_time=GLANCE)
    for message in remaining:
        bench.receiver().complete_message(message)
    texts = [str(message) for message in [*first_batch, *second_batch, *remaining]]
    assert sorted(texts, key=int) == [str(number) for number in range(10)]


def test_a_batch_with_a_message_that_cannot_be_taken_leaves_nothing_behind(bench: Bench) -> None:
    with bench.client.get_queue_sender("ordered") as sender, pytest.raises(Exception, match="session id was not set"):
        sender.send_messages([ServiceBusMessage("good", session_id="batch"), ServiceBusMessage("no session")])
    with bench.client.get_queue_receiver("ordered", session_id="batch") as receiver:
        assert receiver.peek_messages(10) == []
