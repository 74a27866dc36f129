"""In-memory queues: a double of the port to Service Bus that passes the same contract tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.queues import WITH_SESSIONS, Queue
from ..domain.steps import Outgoing, Trace
from ..effects.messaging import DeadLetter, MessageTooLarge, QueueDenied, QueueUnavailable, Waiting, encoded

MESSAGE_LIMIT = 256 * 1024
"""Bytes of one message in Service Bus' Standard tier, with its properties and the envelope."""
ENVELOPE = 1024
"""An upper bound for the bytes that AMQP and our properties add to a body."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """The arguments of one call of `MemoryBus.send_raw`."""

    queue: str
    body: bytes
    message_id: str
    not_before: datetime | None
    tries: int
    session: str = ""
    trace: Trace | None = None


def _too_large(body: bytes) -> bool:
    return len(body) + ENVELOPE > MESSAGE_LIMIT


class MemoryBus:
    """Stores sent messages. Like the queues, it drops repeated message ids and refuses messages that are too large."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.raw: list[Raw] = []
        self.dead: list[DeadLetter] = []
        self.lying: list[Waiting] = []
        """Messages that wait in sessions which nobody holds."""
        self.broken = False
        self.denied: dict[str, str] = {}
        """Queue → the right that is denied: `send` or `listen`."""
        self.at_once: Callable[[Raw], None] | None = None
        """Takes each hint as soon as it is sent, in the thread that sends it, as a worker on another core might."""
        self._ids: set[tuple[str, str]] = set()

    def __deepcopy__(self, known: object) -> "MemoryBus":
        """A copy with the same messages, which nobody changes. A function that takes hints at once is not copied."""
        made = MemoryBus()
        made.sent, made.raw, made.dead, made.lying = [*self.sent], [*self.raw], [*self.dead], [*self.lying]
        made._ids = set(self._ids)
        return made

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

    def send_raw(
        self,
        queue: str,
        body: bytes,
        *,
        message_id: str,
        session: str = "",
        not_before: datetime | None = None,
        tries: int = 0,
        trace: Trace | None = None,
    ) -> None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        if _too_large(body):
            raise MessageTooLarge(queue, [message_id])
        if bool(session) is not (queue in WITH_SESSIONS):
            raise QueueUnavailable(f"queue {queue}: a session is {'needed' if not session else 'not taken'}")
        raw = Raw(
            queue=queue,
            body=body,
            message_id=message_id,
            not_before=not_before,
            tries=tries,
            session=session,
            trace=trace,
        )
        if self.at_once is not None and queue == Queue.HINTS and not_before is None:
            self.at_once(raw)
        else:
            self.raw.append(raw)

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        mine = [letter for letter in self.dead if letter.queue == queue][:limit]
        for letter in mine:
            keep(letter)
            self.dead.remove(letter)
        return len(mine)

    def take_free_sessions(self, queue: str, take: Callable[[Waiting], None], *, limit: int = 100) -> int:
        mine = [waiting for waiting in self.lying if waiting.queue == queue][:limit]
        for waiting in mine:
            take(waiting)
            self.lying.remove(waiting)
        return len(mine)

    def probe(self, queue: str) -> datetime | None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        if queue in self.denied:
            raise QueueDenied(queue, self.denied[queue])
        return min((waiting.enqueued_at for waiting in self.lying if waiting.queue == queue), default=None)
