"""What follows a commit: its records are copied into the audit index, and the chain is anchored if what is allowed
was changed. Right after the commit or, after a crash, in the next reconcile run.

The commit's transaction also writes a mark for the records that wait for it; it is deleted once that is done.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.audit import AuditRecord
from ..domain.chain_anchor import changes_rules
from ..domain.signing import KeysUnavailable
from . import keys
from .audit_index import AuditIndex
from .rows import unpack_audit
from .table import LedgerUnavailable, Row, Table, delete_rows

log = logging.getLogger(__name__)

_WAITS = "the audit index of %s waits for the reconcile timer: %s"


def unindexed(table: Table, application: str) -> tuple[range, ...]:
    """The sequences of records that the index may not have yet. Read before the index and after the end of the trail,
    so that what is neither here nor there is missing."""
    marks = table.rows(application, *keys.span(keys.UNINDEXED))
    return tuple(range(int(mark.key.removeprefix(keys.UNINDEXED)), int(mark.values["Last"]) + 1) for mark in marks)


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """Copies records from the ledger's table to the index."""

    table: Table
    index: AuditIndex
    rules_changed: Callable[[str], object]
    """Called with the partition of a chain in which what is allowed was changed. Raises `LedgerUnavailable`,
    `KeysUnavailable`."""

    def take(self, application: str, records: Sequence[AuditRecord]) -> bool:
        """Index the records of one commit, and delete their mark. False if storage was unavailable and the reconcile
        timer has to do it."""
        mark = self.done(application, records)
        try:
            delete_rows(self.table, application, mark)
        except LedgerUnavailable as away:
            log.warning(_WAITS, application, away)
            return False
        return bool(mark) or not records

    def done(self, application: str, records: Sequence[AuditRecord]) -> tuple[str, ...]:
        """Index the records of one commit; returns their mark, for the caller to delete. Empty where there is none, or
        where storage was unavailable and the reconcile timer has to do it."""
        if not records:
            return ()
        try:
            self._follow(application, records)
        except (LedgerUnavailable, KeysUnavailable) as away:
            log.warning(_WAITS, application, away)
            return ()
        return (keys.unindexed(records[0].sequence),)

    def take_left_over(self, application: str, *, before: datetime, limit: int = 200) -> tuple[int, bool]:
        """Index what commits before the time left unindexed; returns how many records, and whether nothing is left.

        Raises `LedgerUnavailable`.
        """
        indexed, whole = 0, True
        marks = list(self.table.rows(application, *keys.span(keys.UNINDEXED), limit=limit))
        for mark in marks:
            if datetime.fromisoformat(str(mark.values["At"])) > before:
                whole = False
                continue
            records = self._records(application, mark)
            try:
                self._follow(application, records)
            except KeysUnavailable as away:
                log.warning("%s is not anchored yet: %s", application, away)
                return indexed, False
            delete_rows(self.table, application, [mark.key])
            indexed += len(records)
        return indexed, whole and len(marks) < limit

    def _follow(self, application: str, records: Sequence[AuditRecord]) -> None:
        self.index.write(records)
        if changes_rules(records):
            self.rules_changed(application)

    def _records(self, application: str, mark: Row) -> list[AuditRecord]:
        first = int(mark.key.removeprefix(keys.UNINDEXED))
        rows = self.table.rows(application, keys.audit(first), keys.audit(int(mark.values["Last"])))
        records = []
        for row in rows:
            try:
                records.append(unpack_audit(row.values))
            except (ValueError, RecursionError):
                log.warning("%s: the row %s is not an audit record any more; verify the trail", application, row.key)
        return records
