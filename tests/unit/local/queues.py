"""A queue of the laptop's bus, and what tests do with it."""

from typing import Any

from local.servicebus import QueueSettings
from local.servicebus.queues.broker import Broker
from local.servicebus.queues.entry import Outcome, Settlement
from local.servicebus.queues.queue import Queue
from local.servicebus.queues.testing import Mailbox, ManualClock
from local.servicebus.wire.message import Message

COMPLETE = Settlement(outcome=Outcome.COMPLETED)
ABANDON = Settlement(outcome=Outcome.ABANDONED)
RELEASE = Settlement(outcome=Outcome.RELEASED)
DEFER = Settlement(outcome=Outcome.DEFERRED)


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
