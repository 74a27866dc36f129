"""The index of what is due: which applications the reconcile timer has to look at, and when.

One partition of the ledger's table, whose keys begin with a minute, so one request reads everything due, however many
applications there are. An entry is written *before* the commit that may need a look: a needless entry costs a look, and
a process that dies after its commit has left one behind. Each commit has two entries. The second is for a commit that
landed so late that the look at the first found nothing (a storage call that hung, clocks that differ). The timer's
turns, which need no index, find what both miss (`docs/decisions/0037-index-of-what-is-due.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Final

from . import keys
from .table import TRANSACTION_LIMIT, Act, Conflict, Table, Write

EVERYTHING: Final = keys.INSTALLATION
"""In place of an application's name: all of them have to be looked at."""
SETTLED: Final = timedelta(seconds=30)
"""A row younger than this is assumed to be still in the hands of the process that wrote it."""
MUCH_LATER: Final = timedelta(minutes=10)
"""A commit that takes longer than this after its entry was written is left to the timer's turns."""
READ_AT_ONCE: Final = 1000
"""As many rows as one request reads."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """An entry whose time has come."""

    application: str
    """Its name, or `EVERYTHING`."""
    key: str

    def is_old(self, now: datetime) -> bool:
        """Whether it has waited so long that an application which is still unknown will not become known."""
        return self.key < keys.due(_minute(now - MUCH_LATER), "")


class DueIndex:
    """Reads and writes the entries. Its methods raise `LedgerUnavailable`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._announced: dict[str, str] = {}
        """The minute for which this process has last announced each application: no second write for the same."""

    def announce(self, application: str, now: datetime) -> None:
        """Somebody is about to commit in the application's partition: it is looked at soon, and once more later."""
        soon = _minute_after(now + SETTLED)
        if self._announced.get(application) == soon:
            return
        self._put(keys.due(soon, application), keys.due(_minute_after(now + MUCH_LATER), application))
        self._announced[application] = soon

    def wait_until(self, application: str, moment: datetime) -> None:
        """The application is looked at again in the minute after the moment."""
        self._put(keys.due(_minute_after(moment), application))

    def at(self, now: datetime) -> tuple[Due, ...]:
        """The entries that are due, oldest first, in one request; those beyond `READ_AT_ONCE` come in the next run."""
        last = keys.due(_minute(now), keys.AFTER)
        rows = self._table.rows(keys.DUE_INDEX, keys.DUE, last, limit=READ_AT_ONCE)
        return tuple(Due(application=keys.due_application(row.key), key=row.key) for row in rows)

    def done(self, entries: Sequence[Due]) -> None:
        """Forget entries whose applications were looked at; those that need another entry have one or have been given
        one."""
        for part in batched(entries, TRANSACTION_LIMIT, strict=False):
            try:
                self._table.transact(keys.DUE_INDEX, [Write(act=Act.DELETE, key=entry.key) for entry in part])
            except Conflict:
                return  # another run of the timer has forgotten some; what is left costs one look more

    def _put(self, *entries: str) -> None:
        self._table.transact(keys.DUE_INDEX, [Write(act=Act.PUT, key=key) for key in dict.fromkeys(entries)])


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M")


def _minute_after(moment: datetime) -> str:
    """Always later than the moment, so no run that reads at that moment forgets the entry unseen."""
    return _minute(moment + timedelta(minutes=1))
