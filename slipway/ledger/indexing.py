"""The work after a commit: copies its records into the audit index, and has the chain anchored if the commit changed
what is allowed. The process that commits does this at once. The reconcile timer does it once more for every record, so
if a crash leaves out a copy, it is there a minute or two later (`queries/numbers.py` reads the new records for it).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..domain.audit import AuditRecord
from ..domain.chain_anchor import changes_rules
from ..domain.signing import KeysUnavailable
from .audit_index import AuditIndex
from .table import LedgerUnavailable

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Indexer:
    """Copies records from the ledger's table to the index."""

    index: AuditIndex
    rules_changed: Callable[[str, int], object]
    """Called with the partition of a chain, and with the sequence of the record that changed what is allowed. Raises
    `LedgerUnavailable`, `KeysUnavailable`."""

    def follow(self, application: str, records: Sequence[AuditRecord]) -> None:
        """Do the work after the records' commit, as far as that is possible now."""
        try:
            self.take(application, records)
        except (LedgerUnavailable, KeysUnavailable) as away:
            log.warning("the audit index of %s waits for the reconcile timer: %s", application, away)

    def take(self, application: str, records: Sequence[AuditRecord]) -> None:
        """Do the work after the records' commit; it may be done any number of times. Raises `LedgerUnavailable`,
        `KeysUnavailable`."""
        self.index.write(records)
        if changed := changes_rules(records):
            self.rules_changed(application, changed)
