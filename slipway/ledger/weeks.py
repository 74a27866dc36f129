"""Storage of the delivery metrics: one row per application and week, and a checkpoint into the audit trail.

Each application has its own partition. The weeks and the checkpoint are written in one transaction, guarded by the
checkpoint's ETag, so that no record counts twice. All of it can be computed again from the trail.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.numbers import Checkpoint, Week
from . import keys
from .rows import pack, read_row
from .table import Act, Table, Write

WEEKS_AT_ONCE = 80
"""Weeks that one transaction may change."""


@dataclass(frozen=True, kw_only=True)
class StoredWeeks:
    """The checkpoint with its ETag, and the weeks read, by name."""

    checkpoint: Checkpoint
    etag: str
    weeks: Mapping[str, Week]


class Weeks:
    """The rows of the metrics."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, application: str, newest: int) -> StoredWeeks:
        """The checkpoint and the `newest` latest weeks that have a row, in one request."""
        checkpoint, etag, weeks = Checkpoint(), "", dict[str, Week]()
        last = keys.WEEK + keys.AFTER
        for row in self._table.rows(keys.numbers(application), keys.HEAD, last, limit=newest + 1):
            if row.key == keys.HEAD:
                checkpoint, etag = read_row(Checkpoint, row), row.etag
            else:
                week = read_row(Week, row)
                weeks[week.week] = week
        return StoredWeeks(checkpoint=checkpoint, etag=etag, weeks=weeks)

    def copied(self, application: str) -> int:
        """The sequence up to which the audit index has every record. Read this before the index, and after the end
        of the trail: a record with a higher sequence may be missing from the index only because its copy is still to
        come."""
        return self.checkpoint(application)[0].sequence

    def checkpoint(self, application: str) -> tuple[Checkpoint, str]:
        row = self._table.get(keys.numbers(application), keys.HEAD)
        return (read_row(Checkpoint, row), row.etag) if row else (Checkpoint(), "")

    def commit(self, application: str, checkpoint: Checkpoint, etag: str, added: Mapping[str, Week]) -> None:
        """Add to the weeks and move the checkpoint in one transaction. Raises `Conflict` if it has moved since."""
        partition, writes = keys.numbers(application), [_head(checkpoint, etag)]
        for name, week in added.items():
            row = self._table.get(partition, keys.week(name))
            total = read_row(Week, row) if row else Week(week=name)
            total.add(week)
            writes.append(Write(act=Act.PUT, key=keys.week(name), values=pack(total)))
        self._table.transact(partition, writes)


def _head(checkpoint: Checkpoint, etag: str) -> Write:
    return Write(act=Act.REPLACE if etag else Act.CREATE, key=keys.HEAD, values=pack(checkpoint), etag=etag)
