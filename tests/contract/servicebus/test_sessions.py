"""Queues with sessions, by name and by turn."""

from datetime import UTC, datetime

import pytest
from azure.servicebus import NEXT_AVAILABLE_SESSION, ServiceBusMessage
from azure.servicebus.exceptions import (
    OperationTimeoutError,
    ServiceBusError,
    SessionCannotBeLockedError,
    SessionLockLostError,
)

from tests.contract.servicebus.support import WAIT, Bench


def test_a_named_session_is_held_by_one_receiver(bench: Bench) -> None:
    bench.send(
        ServiceBusMessage("a1", session_id="A"),
        ServiceBusMessage("b1", session_id="B"),
        ServiceBusMessage("a2", session_id="A"),
        queue="ordered",
    )
    with bench.client.get_queue_receiver("ordered", session_id="A") as receiver:
        assert receiver.session.session_id == "A"
        assert receiver.session.locked_until_utc is not None
        assert receiver.session.locked_until_utc > datetime.now(UTC)
        messages = receiver.receive_messages(5, max_wait_time=WAIT)
        assert [str(message) for message in messages] == ["a1", "a2"]
        for message in messages:
            receiver.complete_message(message)
        receiver.session.set_state(b"step 2")
        assert bytes(receiver.session.get_state() or b"") == b"step 2"
        assert receiver.session.renew_lock() > datetime.now(UTC)
        second = bench.client.get_queue_receiver("ordered", session_id="A")
        with pytest.raises(SessionCannotBeLockedError), second:
            pass
    with bench.client.get_queue_receiver("ordered", session_id=NEXT_AVAILABLE_SESSION) as receiver:
        assert receiver.session.session_id == "B"
        (message,) = receiver.receive_messages(1, max_wait_time=WAIT)
        receiver.complete_message(message)


def test_waiting_for_a_session_that_does_not_come_times_out(bench: Bench) -> None:
    waiting = bench.client.get_queue_receiver("ordered-short", session_id=NEXT_AVAILABLE_SESSION, max_wait_time=0.3)
    with pytest.raises(OperationTimeoutError), waiting:
        pass


def test_a_receiver_without_a_session_is_refused(bench: Bench) -> None:
    with pytest.raises(ServiceBusError, match="requires sessions"), bench.client.get_queue_receiver("ordered"):
        pass


def test_a_session_whose_lock_expired_is_free_for_another(bench: Bench) -> None:
    bench.send(ServiceBusMessage("a1", session_id="A"), queue="ordered-short")
    with bench.client.get_queue_receiver("ordered-short", session_id="A") as loser:
        (message,) = loser.receive_messages(1, max_wait_time=WAIT)
        next_one = NEXT_AVAILABLE_SESSION
        waiting = bench.client.get_queue_receiver("ordered-short", session_id=next_one, max_wait_time=WAIT)
        with waiting as winner:
            (again,) = winner.receive_messages(1, max_wait_time=WAIT)
            assert again.delivery_count == 1
            winner.complete_message(again)
        with pytest.raises(SessionLockLostError):
            loser.complete_message(message)
