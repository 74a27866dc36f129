"""Compare the audit index with the trail, and repair it: a bounded part at a time, while the app runs.

What the ledger holds is right. A copy that is not there is `missing`; one that says something else is `wrong`; one that
claims to be a record of the part that was looked at and lies where none should be is `extra`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..domain.audit import AuditRecord
from ..domain.reports import Compared
from . import index_keys, keys
from .archive import Archive, sequence_of
from .audit_index import AuditIndex
from .rows import unpack_audit
from .table import Act, Conflict, Row, Table, Value, Where, Write

PART = 200
"""Records that are compared at once."""


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What the index must hold of a part of the trail: partition → row key → columns."""

    first: int
    last: int
    wanted: Mapping[str, Mapping[str, Mapping[str, Value]]]
    damaged: int


@dataclass(kw_only=True)
class _Differences:
    puts: dict[str, list[Write]] = field(default_factory=lambda: defaultdict(list))
    deletes: list[tuple[str, str]] = field(default_factory=list)
    missing: int = 0
    wrong: int = 0


@dataclass(frozen=True, kw_only=True)
class Reindexing:
    """Between the ledger's table and the index."""

    table: Table
    index: AuditIndex
    archive: Archive | None = None
    """Where records lie that have left the table; the index keeps its copies of them."""

    def compare(self, application: str, *, head: int, after: int = 0, repair: bool, limit: int = PART) -> Compared:
        """The next `limit` records behind the sequence `after`. Raises `LedgerUnavailable`."""
        rows = list(self._trail(application, after + 1, max(head, after + 1), limit))
        part = _part(rows, after=after)
        found = self._differences(application, part)
        if repair:
            self.index.put(found.puts)
            for partition, row in found.deletes:
                self._delete(partition, row)
        return Compared(
            application=application,
            records=len(rows) - part.damaged,
            damaged=part.damaged,
            missing=found.missing,
            wrong=found.wrong,
            extra=len(found.deletes),
            repaired=repair,
            next=part.last if len(rows) == limit and part.last < head else None,
            head=head,
        )

    def _trail(self, application: str, first: int, last: int, limit: int) -> Iterator[AuditRecord | Row]:
        def rows(start: int) -> Iterator[Row]:
            return self.table.rows(application, keys.audit(start), keys.audit(last), limit=limit)

        if self.archive is None:
            return rows(first)
        return self.archive.filled(application, rows, first=first, last=last, limit=limit)

    def _differences(self, application: str, part: _Part) -> _Differences:
        found = _Differences()
        for partition, wanted in part.wanted.items():
            there = {row.key: row.values for row in self._there(partition, wanted, application)}
            for key, values in wanted.items():
                if key not in there:
                    found.missing += 1
                elif dict(there[key]) != dict(values):
                    found.wrong += 1
                else:
                    continue
                found.puts[partition].append(Write(act=Act.PUT, key=key, values=values))
            extra = there.keys() - wanted.keys()
            found.deletes += [
                (partition, key) for key in extra if part.first <= index_keys.sequence_of(key) <= part.last
            ]
        return found

    def _there(self, partition: str, wanted: Mapping[str, object], application: str) -> Iterator[Row]:
        """What the index holds between the first and the last row that it should hold."""
        where, resume = (Where("Application", "eq", application),), ""
        while True:
            page = self.index.table.page(partition, min(wanted), max(wanted), limit=1000, where=where, resume=resume)
            yield from page.rows
            resume = page.more
            if not resume:
                return

    def _delete(self, partition: str, row: str) -> None:
        try:
            self.index.table.transact(partition, [Write(act=Act.DELETE, key=row)])
        except Conflict:
            return  # it is gone already


def _part(rows: list[AuditRecord | Row], *, after: int) -> _Part:
    wanted: dict[str, dict[str, Mapping[str, Value]]] = defaultdict(dict)
    damaged, last = 0, after
    for row in rows:
        last = sequence_of(row) or last
        record = _record(row)
        if record is None:
            damaged += 1
            continue
        values = index_keys.values(record)
        for partition, key in index_keys.places(record):
            wanted[partition][key] = values
    return _Part(first=after + 1, last=last, wanted=wanted, damaged=damaged)


def _record(row: AuditRecord | Row) -> AuditRecord | None:
    if isinstance(row, AuditRecord):
        return row
    try:
        return unpack_audit(row.values)
    except (ValueError, RecursionError):
        return None
