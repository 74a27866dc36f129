"""Watches the audit index: compares it with the trails, a part of one trail at a time, and repairs it.

The index is written after each commit, and anybody who may write to its table could remove something from it. Searches
that show a whole trail notice a gap by themselves. For all others this goes round the trails, a bounded part in each
run, so its cost does not grow with the number of applications.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from ..catalogue.entries import Catalogue
from ..domain.reports import Compared
from ..ledger import Ledger, keys
from ..ledger.installation import InstallationLedger
from ..ledger.reindexing import PART, Reindexing
from ..ledger.table import Act, UnreadableRow, Value, Write

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class IndexWatch:
    """Goes round the trails."""

    reindexing: Callable[[], Reindexing]
    ledger: Ledger
    installation: InstallationLedger
    catalogue: Catalogue
    part: int = PART
    """Records that one run compares."""

    def run(self) -> tuple[str, ...]:
        """Compare the next part; returns the differences, which are repaired. Raises `LedgerUnavailable`."""
        application, after = self._next()
        try:
            head = self.ledger.head(application).sequence
        except UnreadableRow as unreadable:
            self._note(application, None)
            return (f"{application} was not compared with the audit index: {unreadable}",)
        compared = self.reindexing().compare(application, head=head, after=after, repair=True, limit=self.part)
        self._note(application, compared.next)
        return (difference_sentence(compared),) if compared.differences else ()

    def _next(self) -> tuple[str, int]:
        """The trail to continue with and where, or else the beginning of the next trail."""
        names = sorted({keys.INSTALLATION, *self.catalogue.entries})
        row = self.installation.row(keys.INDEX_WATCH)
        try:
            at, after = (row.text("Application"), row.number("After")) if row else ("", -1)
        except UnreadableRow as unreadable:
            log.error("%s", unreadable)  # noqa: TRY400 - the message says it all
            at, after = "", -1
        if at in names and after >= 0:
            return at, after
        return next((name for name in names if name > at), names[0]), 0

    def _note(self, application: str, after: int | None) -> None:
        values: dict[str, Value] = {"Application": application, "After": -1 if after is None else after}
        self.installation.table.transact(keys.INSTALLATION, [Write(act=Act.PUT, key=keys.INDEX_WATCH, values=values)])


def difference_sentence(compared: Compared) -> str:
    """The differences in one sentence."""
    counts = {"missing": compared.missing, "wrong": compared.wrong, "extra": compared.extra}
    kinds = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    numbers = f" of records {', '.join(map(str, compared.lacking))}" if compared.lacking else ""
    done = ", and put right" if compared.repaired else ""
    return f"{compared.application}: copies in the audit index were not those of the trail: {kinds}{numbers}{done}"
