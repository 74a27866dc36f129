"""A process that can die: whatever leaves it (rows, messages, documents) counts as a point where it may end.

Between two points nothing is seen outside, so to die at each point is to die everywhere. A dead process does nothing
more: also what its `finally` blocks try comes to nothing, as when the machine is gone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from slipway.domain.steps import Outgoing
from slipway.effects.messaging import Bus, DeadLetter, QueueUnavailable
from slipway.ledger import Blobs, LedgerUnavailable, Table
from slipway.ledger.logs import AppendLog
from slipway.ledger.table import Row, Write


class Crash(BaseException):
    """The process is gone. No `except Exception` holds it."""


@dataclass
class Life:
    """Counts the points, and ends or disturbs the process at chosen ones."""

    crash_at: frozenset[int] = frozenset()
    fail_at: frozenset[int] = frozenset()
    """Points at which the service that is being spoken to is away; only those of the table and the queues can be."""
    points: list[str] = field(default_factory=list)
    dead: bool = False

    def reach(self, point: str) -> None:
        if self.dead:
            raise Crash(point)
        number = len(self.points)
        self.points.append(point)
        if number in self.crash_at:
            self.dead = True
            raise Crash(point)
        if number in self.fail_at and point.startswith("table"):
            raise LedgerUnavailable(f"switched off: {point}")
        if number in self.fail_at and point.startswith("bus"):
            raise QueueUnavailable(f"switched off: {point}")

    def restart(self) -> None:
        self.dead = False


class MortalTable:
    """A table that is written to by a mortal process, and may be away: before a write, or after it took effect."""

    def __init__(self, table: Table, life: Life) -> None:
        self._table, self._life = table, life

    def get(self, partition: str, key: str) -> Row | None:
        self._alive()
        return self._table.get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        self._alive()
        yield from self._table.rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> None:
        what = ",".join(sorted({write.key.partition("!")[0] for write in writes}))
        self._life.reach(f"table before {what}")
        self._table.transact(partition, writes)
        self._life.reach(f"table after {what}")

    def _alive(self) -> None:
        if self._life.dead:
            raise Crash("table")


class MortalBus:
    """Queues that a mortal process sends to; it may end, or they may be away, between any two messages."""

    def __init__(self, bus: Bus, life: Life) -> None:
        self._bus, self._life = bus, life

    def send(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            self._life.reach("bus before send")
            self._bus.send([message])
            self._life.reach("bus after send")

    def send_raw(
        self, queue: str, body: bytes, *, message_id: str, not_before: datetime | None = None, tries: int = 0
    ) -> None:
        self._life.reach("bus before raw")
        self._bus.send_raw(queue, body, message_id=message_id, not_before=not_before, tries=tries)
        self._life.reach("bus after raw")

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        return self._bus.drain(queue, keep, limit=limit)


class MortalBlobs:
    """Documents that a mortal process keeps."""

    def __init__(self, blobs: Blobs, life: Life) -> None:
        self._blobs, self._life = blobs, life

    def put(self, content: bytes, content_type: str) -> str:
        self._life.reach("blobs before put")
        digest = self._blobs.put(content, content_type)
        self._life.reach("blobs after put")
        return digest

    def get(self, digest: str) -> bytes | None:
        return self._blobs.get(digest)


class MortalLog:
    """Files that a mortal process adds to."""

    def __init__(self, log: AppendLog, life: Life) -> None:
        self._log, self._life = log, life

    def names(self, prefix: str) -> list[str]:
        return self._log.names(prefix)

    def read(self, name: str) -> bytes:
        return self._log.read(name)

    def append(self, name: str, content: bytes, *, at: int) -> None:
        self._life.reach("log before append")
        self._log.append(name, content, at=at)
        self._life.reach("log after append")


def is_service(point: str) -> bool:
    """Whether a service can be away at the point."""
    return point.startswith(("table", "bus"))
