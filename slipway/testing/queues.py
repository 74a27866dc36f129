"""Queues in memory: the port to Service Bus. Passes the contract tests of its Azure port."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.steps import Outgoing, Trace
from ..effects.messaging import DeadLetter, QueueDenied, QueueUnavailable


@dataclass(frozen=True, kw_only=True)
class Raw:
    """What `MemoryBus.send_raw` was given."""

    queue: str
    body: bytes
    message_id: str
    not_before: datetime | None
    tries: int
    trace: Trace | None = None


class MemoryBus:
    """Keeps what was sent, and drops repeats of a message id as the queues do."""

    def __init__(self) -> None:
        self.sent: list[Outgoing] = []
        self.raw: list[Raw] = []
        self.dead: list[DeadLetter] = []
        self.broken = False
        self.denied: dict[str, str] = {}
        """Queue → the right that is denied: `send` or `listen`."""
        self._ids: set[tuple[str, str]] = set()

    def send(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            if self.broken:
                raise QueueUnavailable("the queue is switched off")
            if (message.queue, message.id) not in self._ids:
                self._ids.add((message.queue, message.id))
                self.sent.append(message)

    def send_raw(
        self,
        queue: str,
        body: bytes,
        *,
        message_id: str,
        not_before: datetime | None = None,
        tries: int = 0,
        trace: Trace | None = None,
    ) -> None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        raw = Raw(queue=queue, body=body, message_id=message_id, not_before=not_before, tries=tries, trace=trace)
        self.raw.append(raw)

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        mine = [letter for letter in self.dead if letter.queue == queue][:limit]
        for letter in mine:
            keep(letter)
            self.dead.remove(letter)
        return len(mine)

    def probe(self, queue: str) -> None:
        if self.broken:
            raise QueueUnavailable("the queue is switched off")
        if queue in self.denied:
            raise QueueDenied(queue, self.denied[queue])
