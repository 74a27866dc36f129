"""Compares the audit index with the trail, and repairs it: a bounded part at a time, while the app runs.

The ledger is authoritative. An absent copy is `missing`; one with other values is `wrong`; a row that claims to be a
copy of a compared record, in a place where none belongs, is `extra`.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..domain.audit import AuditRecord
from ..domain.reports import MOST_NAMED, Compared
from . import index_keys, keys
from .archive import Archive, sequence_in
from .audit_index import AuditIndex
from .rows import unpack_audit
from .table import Act, Conflict, Row, RowCondition, Table, Value, Write
from .weeks import Weeks

PART = 200
"""Records compared in one call."""


@dataclass(frozen=True, kw_only=True)
class _IndexPart:
    """The copies that the index must hold of a part of the trail: axis → row key → columns."""

    first: int
    last: int
    expected: Mapping[str, Mapping[str, Mapping[str, Value]]]
    damaged: int


@dataclass(kw_only=True)
class _Differences:
    puts: list[Write] = field(default_factory=list)
    deletes: list[str] = field(default_factory=list)
    missing: int = 0
    wrong: int = 0
    lacking: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    """Records that have no copy at all yet; their copies may still come, since those of one commit are written
    together."""


@dataclass(frozen=True, kw_only=True)
class Reindexing:
    """Compares and repairs the index."""

    table: Table
    index: AuditIndex
    archive: Archive | None = None
    """Holds the records that were moved out of the table; their copies stay in the index."""

    def compare(self, application: str, *, head: int, after: int = 0, repair: bool, limit: int = PART) -> Compared:
        """Compare the next `limit` records after the sequence `after`. Raises `LedgerUnavailable`."""
        rows = list(self._trail(application, after + 1, max(head, after + 1), limit))
        part = _part(rows, after=after)
        differences = self._differences(application, part, copied=Weeks(self.table).copied(application))
        if repair:
            self.index.put(differences.puts)
            for key in differences.deletes:
                self._delete(key)
        return Compared(
            application=application,
            records=len(rows) - part.damaged - len(differences.waiting),
            damaged=part.damaged,
            missing=differences.missing,
            wrong=differences.wrong,
            extra=len(differences.deletes),
            waiting=len(differences.waiting),
            lacking=tuple(sorted(differences.lacking)[:MOST_NAMED]),
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

    def _differences(self, application: str, part: _IndexPart, *, copied: int) -> _Differences:
        differences = _Differences()
        index_rows = {
            axis: {row.key: row.values for row in self._stored_rows(rows, application)}
            for axis, rows in part.expected.items()
        }
        begun = {index_keys.sequence_of(key) for rows in index_rows.values() for key in rows}
        for axis, rows in part.expected.items():
            indexed = index_rows[axis]
            for key, values in rows.items():
                sequence = index_keys.sequence_of(key)
                if key not in indexed and sequence > copied and sequence not in begun:
                    differences.waiting.add(sequence)
                elif key not in indexed:
                    differences.missing += 1
                    differences.lacking.add(sequence)
                elif dict(indexed[key]) != dict(values):
                    differences.wrong += 1
                    differences.lacking.add(sequence)
                else:
                    continue
                differences.puts.append(Write(act=Act.PUT, key=key, values=values))
            extra = indexed.keys() - rows.keys()
            differences.deletes += [key for key in extra if part.first <= index_keys.sequence_of(key) <= part.last]
        return differences

    def _stored_rows(self, wanted: Mapping[str, object], application: str) -> Iterator[Row]:
        """The application's rows on an axis, from the first to the last expected row key."""
        where, resume = (RowCondition("Application", "eq", application),), ""
        while True:
            page = self.index.table.page(
                index_keys.COPIES, min(wanted), max(wanted), limit=1000, where=where, resume=resume
            )
            yield from page.rows
            resume = page.more
            if not resume:
                return

    def _delete(self, key: str) -> None:
        try:
            self.index.table.transact(index_keys.COPIES, [Write(act=Act.DELETE, key=key)])
        except Conflict:
            return  # another repair deleted it first


def _part(rows: list[AuditRecord | Row], *, after: int) -> _IndexPart:
    copies: dict[str, dict[str, Mapping[str, Value]]] = defaultdict(dict)
    damaged, last = 0, after
    for row in rows:
        last = sequence_in(row) or last
        record = _record(row)
        if record is None:
            damaged += 1
            continue
        values = index_keys.values(record)
        for key in index_keys.copies(record):
            copies[index_keys.axis_of(key)][key] = values
    return _IndexPart(first=after + 1, last=last, expected=copies, damaged=damaged)


def _record(row: AuditRecord | Row) -> AuditRecord | None:
    if isinstance(row, AuditRecord):
        return row
    try:
        return unpack_audit(row.values)
    except (ValueError, RecursionError):
        return None
