"""What becomes of a received message: completed, failed, set aside, dead-lettered, or its lock lost."""

from datetime import UTC, datetime, timedelta

import pytest
from azure.servicebus import AutoLockRenewer, ServiceBusMessage, ServiceBusMessageState
from azure.servicebus.exceptions import MessageLockLostError, MessageNotFoundError, ServiceBusError

from tests.contract.servicebus.support import WAIT, Bench, locked_until


def test_failing_too_often_leads_to_the_dead_letter_queue(bench: Bench) -> None:
    bench.send(ServiceBusMessage("x", application_properties={"keep": "me"}), queue="strict")
    for attempt in range(2):
        message = bench.receive("strict")
        assert message.delivery_count == attempt
        bench.receiver("strict").abandon_message(message)
    assert bench.receives_none("strict")
    dead = bench.receive("strict/dead")
    assert dead.dead_letter_reason == "MaxDeliveryCountExceeded"
    assert dead.application_properties is not None
    assert dead.application_properties[b"keep"] == b"me"
    bench.receiver("strict/dead").complete_message(dead)


def test_dead_lettering_keeps_the_reason_and_cannot_be_done_twice(bench: Bench) -> None:
    bench.send(ServiceBusMessage("bad"))
    bench.receiver().dead_letter_message(bench.receive(), reason="why", error_description="because")
    assert str(bench.receiver("plain/dead").peek_messages(1)[0]) == "bad"
    dead = bench.receive("plain/dead")
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("why", "because")
    bench.receiver("plain/dead").complete_message(dead)

    bench.send(ServiceBusMessage("worse"))
    bench.receiver().dead_letter_message(bench.receive(), reason="why")
    with bench.client.get_queue_receiver("plain", sub_queue="deadletter") as receiver:
        (dead,) = receiver.receive_messages(1, max_wait_time=WAIT)
        with pytest.raises(ServiceBusError, match="cannot be dead-lettered again"):
            receiver.dead_letter_message(dead, reason="again")
    assert str(bench.receiver("plain/dead").peek_messages(1, sequence_number=1)[0]) == "worse", "it is not lost"


def test_a_deferred_message_is_taken_by_its_number(bench: Bench) -> None:
    bench.send(ServiceBusMessage("later"))
    message = bench.receive()
    number = message.sequence_number
    assert number is not None
    bench.receiver().defer_message(message)
    assert bench.receives_none()
    assert bench.receiver().peek_messages(1, sequence_number=number)[0].state is ServiceBusMessageState.DEFERRED
    (deferred,) = bench.receiver().receive_deferred_messages([number])
    assert str(deferred) == "later"
    bench.receiver().renew_message_lock(deferred)
    bench.receiver().complete_message(deferred)
    with pytest.raises(MessageNotFoundError):
        bench.receiver().receive_deferred_messages([number])


def test_a_deferred_message_can_be_dead_lettered(bench: Bench) -> None:
    bench.send(ServiceBusMessage("x"), queue="renewed")
    message = bench.receive("renewed")
    bench.receiver("renewed").defer_message(message)
    assert message.sequence_number is not None
    (deferred,) = bench.receiver("renewed").receive_deferred_messages([message.sequence_number])
    bench.receiver("renewed").dead_letter_message(deferred, reason="r", error_description="d")
    dead = bench.receive("renewed/dead")
    assert (dead.dead_letter_reason, dead.dead_letter_error_description) == ("r", "d")
    bench.receiver("renewed/dead").complete_message(dead)


def test_a_message_whose_lock_expired_is_delivered_again_and_its_old_lock_is_invalid(bench: Bench) -> None:
    bench.send(ServiceBusMessage("x"), queue="short")
    first = bench.receive("short")
    second = bench.receive("short")  # waits for the lock to expire
    assert second.delivery_count == 1
    assert second.lock_token != first.lock_token
    bench.receiver("short").complete_message(second)
    first._expiry = datetime.now(UTC) + timedelta(hours=1)  # else the SDK refuses on its own
    with pytest.raises(MessageLockLostError):
        bench.receiver("short").renew_message_lock(first)
    with pytest.raises(MessageLockLostError):
        bench.receiver("short").complete_message(first)


def test_a_renewed_lock_outlives_its_first_end(bench: Bench) -> None:
    bench.send(ServiceBusMessage("x"), queue="short")
    message = bench.receive("short")
    first_end = locked_until(message)
    while datetime.now(UTC) < first_end:
        assert bench.receiver("short").renew_message_lock(message) > datetime.now(UTC)
        assert bench.receives_none("short")
    bench.receiver("short").complete_message(message)


def test_the_auto_lock_renewer_keeps_a_message(bench: Bench) -> None:
    bench.send(ServiceBusMessage("x"), queue="renewed")
    with AutoLockRenewer() as renewer:
        message = bench.receive("renewed")
        first_end = locked_until(message)
        renewer.register(bench.receiver("renewed"), message)
        while datetime.now(UTC) < first_end:
            assert bench.receives_none("renewed")
        bench.receiver("renewed").complete_message(message)
        assert message.auto_renew_error is None
