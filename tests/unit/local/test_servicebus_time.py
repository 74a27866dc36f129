"""What time does to the messages of a queue: scheduling, time to live, the window of duplicates."""

import pytest

from local.servicebus.errors import Condition, Refusal
from local.servicebus.queues.testing import ManualClock, message, text_of
from local.servicebus.wire.message import Message
from tests.unit.local.queues import ABANDON, COMPLETE, DEFER, a_queue, dead, receive


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_scheduled_message_comes_when_due_at_the_end_of_the_queue(clock: ManualClock) -> None:
    queue = a_queue(clock)
    (scheduled,) = queue.publish([message("later", scheduled_for=clock.now() + 600)])
    queue.publish([message("now")])
    mailbox = receive(queue, deletes=True)
    clock.advance(599)
    assert mailbox.texts == ["now"]
    clock.advance(1)
    assert mailbox.texts == ["now", "later"]
    assert mailbox.messages[1].annotations["x-opt-sequence-number"] > scheduled
    assert mailbox.messages[1].annotations["x-opt-enqueued-time"] == int(clock.now() * 1000)


def test_cancelling_scheduled_messages_is_all_or_nothing(clock: ManualClock) -> None:
    queue = a_queue(clock)
    numbers = queue.publish([message(scheduled_for=clock.now() + 60), message(scheduled_for=clock.now() + 60)])
    with pytest.raises(Refusal) as refused:
        queue.cancel_scheduled([*numbers, 99])
    assert refused.value.condition is Condition.MESSAGE_NOT_FOUND
    queue.cancel_scheduled(numbers)
    mailbox = receive(queue)
    clock.advance(61)
    assert mailbox.messages == []


def test_a_message_scheduled_for_the_past_comes_at_once(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message(scheduled_for=clock.now() - 1)])
    assert len(receive(queue).messages) == 1


def test_a_duplicate_within_the_window_is_dropped_and_afterwards_it_is_not(clock: ManualClock) -> None:
    queue = a_queue(clock, duplicate_detection_seconds=600)
    mailbox = receive(queue, deletes=True)
    queue.publish([message("1", message_id="a"), message("2", message_id="a"), message("3", message_id="b")])
    clock.advance(599)
    queue.publish([message("4", message_id="a")])
    clock.advance(2)
    queue.publish([message("5", message_id="a"), message("6"), message("7")])
    assert mailbox.texts == ["1", "3", "5", "6", "7"]


def test_scheduled_messages_count_for_duplicate_detection(clock: ManualClock) -> None:
    queue = a_queue(clock, duplicate_detection_seconds=600)
    queue.publish([message(message_id="a", scheduled_for=clock.now() + 60)])
    queue.publish([message(message_id="a")])
    mailbox = receive(queue)
    clock.advance(100)
    assert len(mailbox.messages) == 1


@pytest.mark.parametrize(("own_ttl", "default"), [(5.0, None), (None, 5.0), (5.0, 60.0), (60.0, 5.0)])
def test_the_shorter_time_to_live_counts(clock: ManualClock, own_ttl: float | None, default: float | None) -> None:
    queue = a_queue(clock, default_ttl_seconds=default, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own_ttl)])
    clock.advance(4.9)
    assert queue.counts().active == 1
    clock.advance(0.2)
    assert queue.counts().active == 0
    assert dead(queue)[0].application["DeadLetterReason"] == "TTLExpiredException"
    clock.advance(1e6)
    assert len(dead(queue)) == 1, "what is dead-lettered does not expire"


def test_an_expired_message_is_removed_where_the_queue_says_so(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message(time_to_live=5)])
    clock.advance(6)
    assert receive(queue).messages == []
    assert dead(queue) == []


def test_a_locked_message_expires_only_when_its_lock_ends(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30, dead_letter_on_expiration=True)
    queue.publish([message("kept", time_to_live=5), message("lost", time_to_live=5)])
    mailbox = receive(queue)
    clock.advance(10)
    settled, lost = (token for token in mailbox.tokens if token)
    queue.settle([settled], COMPLETE)
    queue.settle([lost], ABANDON)
    assert [text_of(message) for message in dead(queue)] == ["lost"]


def test_a_deferred_message_expires_too(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message(time_to_live=5)])
    queue.settle([receive(queue).last_token], DEFER)
    clock.advance(6)
    assert queue.counts().deferred == 0


def test_time_to_live_of_a_scheduled_message_begins_when_it_is_due(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message(time_to_live=5, scheduled_for=clock.now() + 60)])
    clock.advance(63)
    assert queue.counts().active == 1
    clock.advance(3)
    assert queue.counts().active == 0


def time_to_live(message: Message) -> int | None:
    """Milliseconds, as the header has them."""
    milliseconds: int | None = message.header[2]
    return milliseconds


@pytest.mark.parametrize(("own_ttl", "expected_ttl"), [(None, 60_000), (10, 10_000), (3600, 60_000)])
def test_the_time_to_live_of_the_queue_shows_on_the_message_and_is_a_ceiling(
    clock: ManualClock, own_ttl: float | None, expected_ttl: int
) -> None:
    """B-06. Documentation of Service Bus, "Message expiration": the default counts where the sender sets no time,
    and is a ceiling for the time that he sets."""
    queue = a_queue(clock, default_ttl_seconds=60, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own_ttl)])
    assert time_to_live(receive(queue).messages[0]) == expected_ttl
    queue = a_queue(clock, default_ttl_seconds=60, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own_ttl)])
    clock.advance(61)
    assert [time_to_live(lost) for lost in dead(queue)] == [expected_ttl]


def test_a_message_without_any_limit_shows_no_time_to_live(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message()])
    assert time_to_live(receive(queue).messages[0]) is None


def test_a_scheduled_message_is_enqueued_under_the_number_that_it_shows(clock: ManualClock) -> None:
    """B-05. `x-opt-enqueue-sequence-number` is on every message; only a forwarded one keeps another number."""
    queue = a_queue(clock)
    queue.publish([message(scheduled_for=clock.now() + 5)])
    clock.advance(6)
    annotations = receive(queue).messages[0].annotations
    assert annotations["x-opt-enqueue-sequence-number"] == annotations["x-opt-sequence-number"] == 2
