"""A queue with sessions, with a clock that is moved by hand."""

import pytest

from local.servicebus import QueueSettings
from local.servicebus.errors import Condition, Refusal
from local.servicebus.links.management import manage
from local.servicebus.queues.broker import Broker
from local.servicebus.queues.entry import Outcome, Settlement
from local.servicebus.queues.session_queue import SessionQueue
from local.servicebus.queues.testing import Mailbox, ManualClock, message
from local.servicebus.wire.types import Int, Timestamp

COMPLETE = Settlement(outcome=Outcome.COMPLETED)
ABANDON = Settlement(outcome=Outcome.ABANDONED)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> SessionQueue:
    settings = QueueSettings(name="events", requires_session=True, lock_seconds=30, max_delivery_count=3)
    broker = Broker([settings], now=clock.now, call_later=clock.call_later)
    session_queue = broker.queue("events")
    assert isinstance(session_queue, SessionQueue)
    return session_queue


def accept(queue: SessionQueue, session_id: str | None = None, *, timeout: float = 5) -> Mailbox:
    mailbox = Mailbox()
    queue.accept(mailbox, session_id=session_id, timeout=timeout)
    queue.serve(mailbox)  # what a link does when its peer grants credit
    return mailbox


def test_a_session_is_received_by_one_receiver_in_order(queue: SessionQueue) -> None:
    queue.publish([message("a1", session_id="a"), message("b1", session_id="b"), message("a2", session_id="a")])
    mailbox = accept(queue, "a")
    queue.publish([message("a3", session_id="a")])
    assert mailbox.texts == ["a1", "a2", "a3"]


def test_a_session_that_is_held_cannot_be_accepted_again(queue: SessionQueue) -> None:
    accept(queue, "a")
    second = accept(queue, "a")
    assert second.refusal is not None
    assert second.refusal.condition is Condition.SESSION_LOCKED


def test_the_next_session_is_one_that_has_messages_and_no_holder(queue: SessionQueue) -> None:
    queue.publish([message(session_id="a"), message(session_id="b")])
    assert {accept(queue).session, accept(queue).session} == {"a", "b"}


def test_a_waiting_receiver_gets_the_first_session_that_comes(queue: SessionQueue, clock: ManualClock) -> None:
    first, second = accept(queue, timeout=60), accept(queue, timeout=60)
    clock.advance(59)
    queue.publish([message(session_id="a")])
    assert first.session == "a"
    clock.advance(2)
    assert second.session is None
    assert second.refusal is not None
    assert second.refusal.condition is Condition.TIMEOUT


def test_a_receiver_that_stopped_waiting_gets_no_session(queue: SessionQueue, clock: ManualClock) -> None:
    mailbox = accept(queue, timeout=60)
    queue.remove_receiver(mailbox)
    queue.publish([message(session_id="a")])
    assert mailbox.session is None
    assert accept(queue).session == "a"
    clock.advance(60)
    assert mailbox.refusal is None


def test_a_closed_session_is_free_at_once_and_its_messages_did_not_count_as_delivered(queue: SessionQueue) -> None:
    queue.publish([message("a1", session_id="a"), message("a2", session_id="a")])
    queue.remove_receiver(accept(queue, "a"))
    again = accept(queue)
    assert again.texts == ["a1", "a2"]
    assert [message.header[4] for message in again.messages] == [0, 0]


def test_a_session_lock_that_expires_counts_as_a_failed_delivery(queue: SessionQueue, clock: ManualClock) -> None:
    queue.publish([message(session_id="a")])
    loser = accept(queue, "a")
    token = loser.last_token
    clock.advance(30)
    assert loser.refusal is not None
    assert loser.refusal.condition is Condition.SESSION_LOCK_LOST
    with pytest.raises(Refusal):
        queue.settle([token], COMPLETE)
    assert accept(queue, "a").messages[0].header[4] == 1


def test_a_renewed_session_keeps_its_messages_locked(queue: SessionQueue, clock: ManualClock) -> None:
    queue.publish([message(session_id="a")])
    mailbox = accept(queue, "a")
    clock.advance(20)
    assert queue.renew_session("a") == clock.now() + 30
    clock.advance(20)
    queue.settle([mailbox.last_token], COMPLETE)
    assert queue.counts().active == queue.counts().locked == 0


def test_failing_often_dead_letters_a_message_and_the_session_goes_on(queue: SessionQueue) -> None:
    queue.publish([message("bad", session_id="a"), message("good", session_id="a")])
    mailbox = accept(queue, "a")
    lock_token = mailbox.tokens[0]
    for _ in range(3):
        assert lock_token is not None
        queue.settle([lock_token], ABANDON)
        lock_token = mailbox.tokens[-1]
    assert queue.counts().dead_lettered == 1
    assert mailbox.texts == ["bad", "good", "bad", "bad"]


def test_session_state_outlives_the_receiver_and_needs_the_lock(queue: SessionQueue) -> None:
    holder = accept(queue, "a")
    queue.set_session_state("a", b"step 2")
    queue.remove_receiver(holder)
    with pytest.raises(Refusal) as refused:
        queue.session_state("a")
    assert refused.value.condition is Condition.SESSION_LOCK_LOST
    accept(queue, "a")
    assert queue.session_state("a") == b"step 2"
    assert queue.session_ids() == ["a"]


def test_a_session_state_that_is_too_large_is_refused(queue: SessionQueue) -> None:
    accept(queue, "a")
    with pytest.raises(Refusal, match="at most 262144"):
        queue.set_session_state("a", bytes(262_145))


def test_a_message_without_a_session_is_refused_with_its_batch(queue: SessionQueue) -> None:
    with pytest.raises(Refusal, match="session id was not set"):
        queue.publish([message(session_id="a"), message()])
    assert queue.counts().active == 0


def test_deferred_messages_are_taken_within_their_session(queue: SessionQueue) -> None:
    (number,) = queue.publish([message(session_id="a")])
    mailbox = accept(queue, "a")
    queue.settle([mailbox.last_token], Settlement(outcome=Outcome.DEFERRED))
    with pytest.raises(Refusal):
        queue.receive_deferred([number], delete=True)
    with pytest.raises(Refusal):
        queue.receive_deferred([number], delete=True, session_id="b")
    assert len(queue.receive_deferred([number], delete=True, session_id="a")) == 1


def test_a_receiver_without_a_session_is_refused(queue: SessionQueue) -> None:
    with pytest.raises(Refusal, match="requires sessions"):
        queue.add_receiver(Mailbox())


def listed(queue: SessionQueue, updated_after: Timestamp) -> list[str]:
    body = {"last-updated-time": updated_after, "skip": Int(0), "top": Int(100)}
    response = manage(queue, "com.microsoft:get-message-sessions", body)
    return [] if response.status == 204 else list(response.value["sessions-ids"])


def test_sessions_are_listed_by_when_their_state_was_set(queue: SessionQueue, clock: ManualClock) -> None:
    """B-08. Text of Azure.Messaging.ServiceBus 7.21.0: with a time, sessions whose state was set after it; with
    DateTime.MaxValue, which the client sends as the first moment of the year 10000, all with messages or a state."""
    queue.publish([message(session_id="with-message")])
    for session_id in ("early", "late"):
        accept(queue, session_id)
        clock.advance(10)
        queue.set_session_state(session_id, b"state")
    assert listed(queue, Timestamp.of(clock.now() - 5)) == ["late"]
    assert listed(queue, Timestamp.of(clock.now() - 15)) == ["early", "late"]
    assert listed(queue, Timestamp.of(clock.now())) == []
    assert listed(queue, Timestamp(253_402_300_800_000)) == ["early", "late", "with-message"]
