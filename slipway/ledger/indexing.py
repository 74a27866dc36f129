"""What was committed goes into the audit index: right after the commit, and what a crash left behind by the sweep.

The mark in the transaction says which records the index may not have yet. It is taken away when they are there.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..domain.audit import AuditRecord
from . import keys
from .audit_index import AuditIndex
from .rows import unpack_audit
from .table import Act, Conflict, LedgerUnavailable, Row, Table, Write

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """Between the ledger's table and the index."""

    table: Table
    index: AuditIndex

    def take(self, application: str, records: Sequence[AuditRecord]) -> bool:
        """Index what one commit wrote. False when that has to wait for the sweep."""
        if not records:
            return True
        try:
            self.index.write(records)
            self._forget(application, keys.unindexed(records[0].sequence))
        except LedgerUnavailable as away:
            log.warning("the audit index of %s waits for the sweep: %s", application, away)
            return False
        return True

    def take_left_over(self, application: str, *, before: datetime, limit: int = 200) -> int:
        """Index what commits before the moment left unindexed; returns how many records. Raises `LedgerUnavailable`."""
        taken = 0
        for mark in self.table.rows(application, *keys.span(keys.UNINDEXED), limit=limit):
            if datetime.fromisoformat(str(mark.values["At"])) > before:
                continue
            records = self._records(application, mark)
            self.index.write(records)
            self._forget(application, mark.key)
            taken += len(records)
        return taken

    def _records(self, application: str, mark: Row) -> list[AuditRecord]:
        first = int(mark.key.removeprefix(keys.UNINDEXED))
        rows = self.table.rows(application, keys.audit(first), keys.audit(int(mark.values["Last"])))
        found = []
        for row in rows:
            try:
                found.append(unpack_audit(row.values))
            except (ValueError, RecursionError):
                log.warning("%s: the row %s is not an audit record any more; verify the trail", application, row.key)
        return found

    def _forget(self, application: str, mark: str) -> None:
        try:
            self.table.transact(application, [Write(act=Act.DELETE, key=mark)])
        except Conflict:
            return  # another instance indexed them too and was first to say so
