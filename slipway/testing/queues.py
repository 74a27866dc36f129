"""In-memory queues: a double of the port to Service Bus that passes the same contract tests."""

from collections.abc import Callable, Sequence
from datetime import datetime

from ..domain.queues import WITH_SESSIONS, Queue
from ..domain.steps import Outgoing
from ..effects.messaging import (
    DeadLetter,
    MessageTooLarge,
    QueueDenied,
    QueueUnavailable,
    RawMessage,
    WaitingMessage,
    encoded,
)

MESSAGE_LIMIT = 256 * 1024
"""Bytes of one message in Service Bus' Standard tier, with its properties and the envelope."""
ENVELOPE = 1024
"""An upper bound for the bytes that AMQP and our properties add to a body."""


def _too_large(body: bytes) -> bool:
    return len(body) + ENVELOPE > MESSAGE_LIMIT


class MemoryBus:
    """Stores sent messages. Like the queues, it drops repeated message ids and refuses messages that are too large."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.raw: list[RawMessage] = []
        self.dead: list[DeadLetter] = []
        self.in_free_sessions: list[WaitingMessage] = []
        """Messages that wait in sessions that nobody holds."""
        self.broken = False
        self.denied: dict[str, str] = {}
        """Queue → the right that is denied: `send` or `listen`."""
        self.at_once: Callable[[RawMessage], None] | None = None
        """Takes each hint as soon as it is sent, in the thread that sends it, as a worker on another core might."""
        self._ids: set[tuple[str, str]] = set()

    def __deepcopy__(self, known: object) -> "MemoryBus":
        """A copy with the same messages, which nobody changes. A function that takes hints at once is not copied."""
        duplicate = MemoryBus()
        duplicate.sent, duplicate.raw, duplicate.dead, duplicate.in_free_sessions = (
            [*self.sent],
            [*self.raw],
            [*self.dead],
            [*self.in_free_sessions],
        )
        duplicate._ids = set(self._ids)
        return duplicate

    def forget_ids(self) -> None:
        """Forget the message ids, as a queue does after a while."""
        self._ids.clear()

    def send(self, messages: Sequence[Outgoing]) -> None:
        by_queue: dict[str, list[Outgoing]] = {}
        for message in messages:
            by_queue.setdefault(message.queue, []).append(message)
        for queue, of_queue in by_queue.items():
            too_large = [message.id for message in of_queue if _too_large(encoded(message))]
            for message in of_queue:
                if self.broken:
                    raise QueueUnavailable("the queue is switched off")
                if message.id not in too_large and (queue, message.id) not in self._ids:
                    self._ids.add((queue, message.id))
                    self.sent.append(message)
            if too_large:
                raise MessageTooLarge(queue, too_large)

    def send_raw(self, message: RawMessage) -> None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        if _too_large(message.body):
            raise MessageTooLarge(message.queue, [message.message_id])
        if bool(message.session) is not (message.queue in WITH_SESSIONS):
            lacks = "not taken" if message.session else "needed"
            raise QueueUnavailable(f"queue {message.queue}: a session is {lacks}")
        if self.at_once is not None and message.queue == Queue.HINTS and message.not_before is None:
            self.at_once(message)
        else:
            self.raw.append(message)

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        letters = [letter for letter in self.dead if letter.queue == queue][:limit]
        for letter in letters:
            keep(letter)
            self.dead.remove(letter)
        return len(letters)

    def take_free_sessions(self, queue: str, take: Callable[[WaitingMessage], None], *, limit: int = 100) -> int:
        messages = [message for message in self.in_free_sessions if message.queue == queue][:limit]
        for waiting in messages:
            take(waiting)
            self.in_free_sessions.remove(waiting)
        return len(messages)

    def probe(self, queue: str) -> datetime | None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        if queue in self.denied:
            raise QueueDenied(queue, self.denied[queue])
        return min((waiting.enqueued_at for waiting in self.in_free_sessions if waiting.queue == queue), default=None)
