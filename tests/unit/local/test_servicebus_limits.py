"""What a queue refuses, and that it remembers nothing of messages that are gone."""

import tracemalloc
import uuid

import pytest

from local.servicebus.errors import Condition, Refusal
from local.servicebus.queues.testing import Mailbox, ManualClock, encoded_message, message
from local.servicebus.wire.encode import encode
from local.servicebus.wire.types import Described, ULong
from tests.unit.local.queues import COMPLETE, a_broker, a_queue, receive


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


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
    seconds = 86400 * 14 if end == "completed" else 1
    broker = a_broker(clock, default_ttl_seconds=seconds, duplicate_detection_seconds=60)
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


def test_a_batch_is_limited_by_its_size_and_not_by_its_count(clock: ManualClock) -> None:
    """B-09. Change log of Azure.Messaging.ServiceBus 7.20.2: "the service does not enforce a count limit"."""
    broker = a_broker(clock)
    queue = broker.queue("events")
    message = encode(Described(ULong(0x75), encoded_message("")))
    broker.publish(queue, message * 5000, is_batch=True)
    assert queue.counts().active == 5000
