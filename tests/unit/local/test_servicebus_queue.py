"""A queue without sessions, with a clock that is moved by hand."""

import tracemalloc
import uuid
from typing import Any

import pytest

from local.servicebus import QueueSettings
from local.servicebus.errors import Condition, Refusal
from local.servicebus.queues.broker import Broker
from local.servicebus.queues.entry import Outcome, Settlement
from local.servicebus.queues.queue import Queue, dead_lettering
from local.servicebus.queues.testing import Mailbox, ManualClock, encoded_message, message, text_of
from local.servicebus.wire.encode import encode
from local.servicebus.wire.message import Message
from local.servicebus.wire.types import Described, ULong

COMPLETE = Settlement(outcome=Outcome.COMPLETED)
ABANDON = Settlement(outcome=Outcome.ABANDONED)
RELEASE = Settlement(outcome=Outcome.RELEASED)
DEFER = Settlement(outcome=Outcome.DEFERRED)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def a_broker(clock: ManualClock, **settings: Any) -> Broker:
    queue = QueueSettings(name="events", **settings)
    return Broker([queue], now=clock.now, call_later=clock.call_later)


def a_queue(clock: ManualClock, **settings: Any) -> Queue:
    return a_broker(clock, **settings).queue("events")


def receive(queue: Queue, **options: Any) -> Mailbox:
    mailbox = Mailbox(**options)
    queue.add_receiver(mailbox)
    return mailbox


def dead(queue: Queue) -> list[Message]:
    assert queue.dead_letters is not None
    return [Message.parse(encoded) for encoded in queue.dead_letters.peek(first=0, count=100)]


def delivery_count(message: Message) -> int:
    return int(message.header[4])


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
    assert [delivery_count(each) for each in mailbox.messages] == [0, 1]
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
    assert [delivery_count(each) for each in mailbox.messages] == [0, 1, 0]


def test_releasing_does_not_count_as_a_delivery(clock: ManualClock) -> None:
    queue = a_queue(clock, max_delivery_count=1)
    queue.publish([message()])
    mailbox = receive(queue)
    for _ in range(3):
        queue.settle([mailbox.last_token], RELEASE)
    assert [delivery_count(each) for each in mailbox.messages] == [0, 0, 0, 0]


@pytest.mark.parametrize("how", ["abandoned", "expired"])
def test_the_last_failed_delivery_leads_to_the_dead_letter_queue(clock: ManualClock, how: str) -> None:
    queue = a_queue(clock, lock_seconds=10, max_delivery_count=3)
    queue.publish([message(application={"keep": 1})])
    mailbox = receive(queue)
    for _ in range(3):
        if how == "abandoned":
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


@pytest.mark.parametrize(("own", "default"), [(5.0, None), (None, 5.0), (5.0, 60.0), (60.0, 5.0)])
def test_the_shorter_time_to_live_counts(clock: ManualClock, own: float | None, default: float | None) -> None:
    queue = a_queue(clock, default_ttl_seconds=default, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own)])
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
    kept, lost = (token for token in mailbox.tokens if token)
    queue.settle([kept], COMPLETE)
    queue.settle([lost], ABANDON)
    assert [text_of(each) for each in dead(queue)] == ["lost"]


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


def test_receive_and_delete_hands_over_without_a_lock(clock: ManualClock) -> None:
    queue = a_queue(clock)
    queue.publish([message()])
    mailbox = receive(queue, deletes=True)
    assert mailbox.tokens == [None]
    assert queue.peek(first=0, count=1) == []


def test_receivers_take_turns_and_a_full_one_is_passed_over(clock: ManualClock) -> None:
    queue = a_queue(clock)
    one, two = receive(queue, room=1), receive(queue)
    queue.publish([message(str(number)) for number in range(4)])
    assert one.texts == ["0"]
    assert two.texts == ["1", "2", "3"]


def test_what_a_vanished_receiver_had_locked_stays_locked_until_the_lock_expires(clock: ManualClock) -> None:
    queue = a_queue(clock, lock_seconds=30)
    queue.publish([message()])
    vanished = receive(queue)
    queue.remove_receiver(vanished)
    other = receive(queue)
    clock.advance(29)
    assert other.messages == []
    clock.advance(2)
    assert len(other.messages) == 1


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
    seen = [Message.parse(encoded) for encoded in queue.peek(first=1, count=10)]
    assert [(text_of(each), each.annotations["x-opt-message-state"]) for each in seen] == [
        ("deferred", 1),
        ("active", 0),
        ("scheduled", 2),
    ]
    assert len(queue.peek(first=2, count=10)) == 2
    assert len(queue.peek(first=1, count=1)) == 1


def test_a_full_queue_refuses_and_has_room_again_after_completion(clock: ManualClock) -> None:
    queue = a_queue(clock, max_size_megabytes=1)
    large = message("x" * 250_000)
    queue.publish([large] * 4)
    with pytest.raises(Refusal) as refused:
        queue.publish([large])
    assert refused.value.condition is Condition.QUOTA_EXCEEDED
    mailbox = receive(queue)
    queue.settle([mailbox.last_token], COMPLETE)
    queue.publish([large])


def batch(*parts: bytes) -> bytes:
    return b"".join(encode(Described(ULong(0x75), part)) for part in parts)


@pytest.mark.parametrize(
    ("bad", "condition"),
    [
        (b"\x01not a message", Condition.DECODE_ERROR),
        (encoded_message(message_id="x" * 129), Condition.ARGUMENT),
        (encoded_message(application={"large": "x" * 65536}), Condition.MESSAGE_TOO_LARGE),
    ],
)
def test_a_batch_with_one_bad_message_is_refused_as_a_whole(
    clock: ManualClock, bad: bytes, condition: Condition
) -> None:
    broker = a_broker(clock)
    queue = broker.queue("events")
    with pytest.raises(Refusal) as refused:
        broker.publish(queue, batch(encoded_message("good"), bad), is_batch=True)
    assert refused.value.condition is condition
    assert queue.counts().active == 0
    broker.publish(queue, batch(encoded_message("good"), encoded_message("too")), is_batch=True)
    assert queue.counts().active == 2


def test_queues_are_found_without_regard_to_case(clock: ManualClock) -> None:
    broker = a_broker(clock)
    assert broker.queue("EVENTS") is broker.queue("events")
    assert broker.queue("events/$deadletterqueue") is broker.queue("events").dead_letters
    for path in ("steps", "steps/$DeadLetterQueue", "events/$DeadLetterQueue/$DeadLetterQueue", ""):
        with pytest.raises(Refusal, match="could not be found"):
            broker.queue(path)


@pytest.mark.parametrize("end", ["completed", "expired"])
def test_memory_does_not_grow_with_the_number_of_messages_that_have_gone(clock: ManualClock, end: str) -> None:
    lasting = 86400 * 14 if end == "completed" else 1
    broker = a_broker(clock, default_ttl_seconds=lasting, duplicate_detection_seconds=60)
    queue = broker.queue("events")
    mailbox = receive(queue) if end == "completed" else Mailbox()

    def pass_through(count: int) -> int:
        for _ in range(count):
            queue.publish([message(message_id=str(uuid.uuid4()))])
            if mailbox.tokens:
                queue.settle([mailbox.last_token], COMPLETE)
                mailbox.tokens.clear()
                mailbox.messages.clear()
            clock.advance(1)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = pass_through(1000)
        assert pass_through(3000) - before < 200_000
    finally:
        tracemalloc.stop()


def time_to_live(message: Message) -> int | None:
    """Milliseconds, as the header has them."""
    milliseconds: int | None = message.header[2]
    return milliseconds


@pytest.mark.parametrize(("own", "shown"), [(None, 60_000), (10, 10_000), (3600, 60_000)])
def test_the_time_to_live_of_the_queue_shows_on_the_message_and_is_a_ceiling(
    clock: ManualClock, own: float | None, shown: int
) -> None:
    """B-06. Documentation of Service Bus, "Message expiration": the default counts where the sender sets no time,
    and is a ceiling for the time that he sets."""
    queue = a_queue(clock, default_ttl_seconds=60, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own)])
    assert time_to_live(receive(queue).messages[0]) == shown
    queue = a_queue(clock, default_ttl_seconds=60, dead_letter_on_expiration=True)
    queue.publish([message(time_to_live=own)])
    clock.advance(61)
    assert [time_to_live(lost) for lost in dead(queue)] == [shown]


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


def test_a_batch_is_limited_by_its_size_and_not_by_its_count(clock: ManualClock) -> None:
    """B-09. Change log of Azure.Messaging.ServiceBus 7.20.2: "the service does not enforce a count limit"."""
    broker = a_broker(clock)
    queue = broker.queue("causes")
    one = encode(Described(ULong(0x75), encoded_message("")))
    broker.publish(queue, one * 5000, is_batch=True)
    assert queue.counts().active == 5000
