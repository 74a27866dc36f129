"""A queue without sessions: locks, settling, dead letters, receivers."""

import uuid

import pytest

from local.servicebus.errors import Condition, Refusal
from local.servicebus.queues.entry import Outcome, Settlement
from local.servicebus.queues.queue import dead_lettering
from local.servicebus.queues.testing import ManualClock, message, text_of
from local.servicebus.wire.message import Message
from tests.unit.local.queues import ABANDON, COMPLETE, DEFER, RELEASE, a_queue, dead, delivery_count, receive


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_messages_arrive_in_order_and_complete_removes_them(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message("a"), message("b")])
    mailbox = receive(queue)
    queue.publish([message("c")])
    assert mailbox.texts == ["a", "b", "c"]
    queue.settle([token for token in mailbox.tokens if token], COMPLETE)
    assert queue.counts().active == queue.counts().locked == 0
    assert queue.peek(first=0, count=10) == []


def test_a_lock_that_expires_brings_the_message_back_with_one_more_delivery(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30)
    queue.publish([message()])
    mailbox = receive(queue)
    clock.advance(29.9)
    assert len(mailbox.messages) == 1
    clock.advance(0.2)
    assert [delivery_count(message) for message in mailbox.messages] == [0, 1]
    assert mailbox.tokens[0] != mailbox.tokens[1]


def test_settling_after_the_lock_expired_is_refused(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30)
    queue.publish([message()])
    mailbox = receive(queue, room=1)
    clock.advance(31)
    with pytest.raises(Refusal) as refused:
        queue.settle([mailbox.last_token], COMPLETE)
    assert refused.value.condition is Condition.LOCK_LOST
    assert queue.counts().active == 1


def test_a_renewed_lock_holds_from_the_renewal_on(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30)
    queue.publish([message()])
    mailbox = receive(queue)
    clock.advance(20)
    assert queue.renew([mailbox.last_token]) == [clock.now() + 30]
    clock.advance(29)
    queue.settle([mailbox.last_token], COMPLETE)
    assert len(mailbox.messages) == 1


def test_abandoning_makes_a_message_available_at_once_ahead_of_later_ones(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message("first"), message("second")])
    mailbox = receive(queue, room=1)
    mailbox.room = 3
    queue.settle([mailbox.last_token], ABANDON)
    assert mailbox.texts == ["first", "first", "second"]
    assert [delivery_count(message) for message in mailbox.messages] == [0, 1, 0]


def test_releasing_does_not_count_as_a_delivery(clock: ManualClock) -> None:
    queue = a_queue(clock, max_delivery_count=1)
    queue.publish([message()])
    mailbox = receive(queue)
    for _ in range(3):
        queue.settle([mailbox.last_token], RELEASE)
    assert [delivery_count(message) for message in mailbox.messages] == [0, 0, 0, 0]


@pytest.mark.parametrize("failure", ["abandoned", "expired"])
def test_the_last_failed_delivery_leads_to_the_dead_letter_queue(clock: ManualClock, failure: str) -> None:
    queue = a_queue(clock, lock_seconds=10, max_delivery_count=3)
    queue.publish([message(application={"keep": 1})])
    mailbox = receive(queue)
    for _ in range(3):
        if failure == "abandoned":
            queue.settle([mailbox.last_token], ABANDON)
        else:
            clock.advance(10)
    assert len(mailbox.messages) == 3
    (buried,) = dead(queue)
    assert buried.application["DeadLetterReason"] == "MaxDeliveryCountExceeded"
    assert "3 delivery attempts" in buried.application["DeadLetterErrorDescription"]
    assert buried.application["keep"] == 1
    assert delivery_count(buried) == 3


def test_a_dead_lettered_message_keeps_its_time_of_arrival_and_can_be_completed(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message()])
    arrived = int(clock.now() * 1000)
    clock.advance(5)
    queue.settle([receive(queue).last_token], dead_lettering("why", "because"))
    assert queue.dead_letters is not None
    mailbox = receive(queue.dead_letters)
    assert mailbox.messages[0].annotations["x-opt-enqueued-time"] == arrived
    assert mailbox.messages[0].annotations["x-opt-enqueue-sequence-number"] == 1
    queue.dead_letters.settle([mailbox.last_token], COMPLETE)
    assert queue.counts().dead_lettered == 0


def test_a_message_of_a_dead_letter_queue_is_never_lost_by_dead_lettering_it(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=10, max_delivery_count=1)
    queue.publish([message()])
    queue.settle([receive(queue).last_token], dead_lettering("why", None))
    assert queue.dead_letters is not None
    mailbox = receive(queue.dead_letters)
    with pytest.raises(Refusal, match="cannot be dead-lettered again") as refused:
        queue.dead_letters.settle([mailbox.last_token], dead_lettering("again", None))
    assert refused.value.condition is Condition.NOT_ALLOWED
    clock.advance(10)  # nor by failing more often than a queue allows
    assert len(mailbox.messages) == 2
    assert len(dead(queue)) == 1


def test_a_deferred_message_is_taken_by_number_only_and_stays_deferred_when_abandoned(clock: ManualClock) -> None:
    queue = a_queue(clock)
    (number,) = queue.publish([message()])
    mailbox = receive(queue)
    queue.settle([mailbox.last_token], DEFER)
    clock.advance(1000)
    assert len(mailbox.messages) == 1
    ((_, token),) = queue.receive_deferred([number], delete=False)
    assert token is not None
    with pytest.raises(Refusal, match="no deferred message 1"):
        queue.receive_deferred([number], delete=False)
    queue.settle([token], ABANDON)
    assert queue.counts().deferred == 1
    queue.receive_deferred([number], delete=True)
    assert queue.counts().deferred == 0


def test_taking_deferred_messages_is_all_or_nothing(clock: ManualClock) -> None:
    queue = a_queue(clock)
    (number,) = queue.publish([message()])
    queue.settle([receive(queue).last_token], DEFER)
    with pytest.raises(Refusal):
        queue.receive_deferred([number, 99], delete=True)
    assert queue.counts().deferred == 1


def test_receive_and_delete_hands_over_without_a_lock(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message()])
    mailbox = receive(queue, deletes=True)
    assert mailbox.tokens == [None]
    assert queue.peek(first=0, count=1) == []


def test_receivers_take_turns_and_a_full_one_is_passed_over(clock: ManualClock) -> None:
    queue = a_queue(clock)
    first, second = receive(queue, room=1), receive(queue)
    queue.publish([message(str(number)) for number in range(4)])
    assert first.texts == ["0"]
    assert second.texts == ["1", "2", "3"]


def test_a_message_of_a_vanished_receiver_stays_locked_until_its_lock_expires(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30)
    queue.publish([message()])
    mailbox = receive(queue)
    queue.remove_receiver(mailbox)
    second_mailbox = receive(queue)
    clock.advance(29)
    assert second_mailbox.messages == []
    clock.advance(2)
    assert len(second_mailbox.messages) == 1


def test_settling_several_messages_is_all_or_nothing(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message()])
    token = receive(queue).last_token
    with pytest.raises(Refusal):
        queue.settle([token, uuid.uuid4()], COMPLETE)
    assert queue.counts().locked == 1


def test_properties_that_are_changed_on_abandoning_come_with_the_next_delivery(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message(application={"attempt": 1, "keep": "x"})])
    mailbox = receive(queue)
    queue.settle([mailbox.last_token], Settlement(outcome=Outcome.ABANDONED, changes={"attempt": 2}))
    assert mailbox.messages[-1].application == {"attempt": 2, "keep": "x"}


def test_peek_shows_every_state_from_a_number_on(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message("deferred"), message("active"), message("scheduled", scheduled_for=clock.now() + 9)])
    queue.settle([receive(queue, room=1).last_token], DEFER)
    messages = [Message.parse(encoded) for encoded in queue.peek(first=1, count=10)]
    assert [(text_of(message), message.annotations["x-opt-message-state"]) for message in messages] == [
        ("deferred", 1),
        ("active", 0),
        ("scheduled", 2),
    ]
    assert len(queue.peek(first=2, count=10)) == 2
    assert len(queue.peek(first=1, count=1)) == 1
