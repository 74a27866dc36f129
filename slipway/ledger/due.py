"""The index of what is due: which applications the reconcile timer has to look at, and when.

It is one partition of the ledger's table, and its keys begin with a minute, so one request reads everything that is
due, however many applications there are. An entry is written *before* the commit that may need a look: a needless entry
only costs a look, and if a process dies after its commit, the entry is there. Each commit has two entries. The second
is for a commit that landed so late that the first look found nothing (a storage call that hung, clocks that differ).
The timer also looks at all applications in turn, without the index, and so finds what both entries miss
(`docs/decisions/0037-index-of-what-is-due.md`).
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
"""If a commit takes longer than this after its entry was written, it is left to the timer's turns."""
READ_AT_ONCE: Final = 1000
"""The most rows that one request reads."""


@dataclass(frozen=True, kw_only=True)
class Due:
    """An entry whose time has come."""

    application: str
    """Its name, or `EVERYTHING`."""
    key: str

    def is_old(self, now: datetime) -> bool:
        """Whether the entry has waited so long that an application which is still unknown will not become known any
        more."""
        return self.key < keys.due(_minute(now - MUCH_LATER), "")


class DueIndex:
    """Reads and writes the entries. Its methods raise `LedgerUnavailable`."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._announced: dict[str, str] = {}
        """The minute for which this process has last announced each application, so that no entry is written twice."""

    def announce(self, application: str, now: datetime) -> None:
        """Announce a commit in the application's partition: the application is looked at soon, and once more later."""
        soon = _minute_after(now + SETTLED)
        if self._announced.get(application) == soon:
            return
        self._put(keys.due(soon, application), keys.due(_minute_after(now + MUCH_LATER), application))
        self._announced[application] = soon

    def wait_until(self, application: str, moment: datetime) -> None:
        """Have the application looked at again in the minute after the moment."""
        self._put(keys.due(_minute_after(moment), application))

    def at(self, now: datetime) -> tuple[Due, ...]:
        """The entries that are due, oldest first, in one request; those beyond `READ_AT_ONCE` come in the next run."""
        last = keys.due(_minute(now), keys.AFTER)
        rows = self._table.rows(keys.DUE_INDEX, keys.DUE, last, limit=READ_AT_ONCE)
        return tuple(Due(application=keys.due_application(row.key), key=row.key) for row in rows)

    def forget(self, entries: Sequence[Due]) -> None:
        """Forget entries whose applications were looked at. If an application needs another look, it has another entry
        already."""
        for part in batched(entries, TRANSACTION_LIMIT, strict=False):
            try:
                self._table.transact(keys.DUE_INDEX, [Write(act=Act.DELETE, key=entry.key) for entry in part])
            except Conflict:
                return  # another run of the timer has forgotten some; each that is left costs one more look

    def _put(self, *entries: str) -> None:
        self._table.transact(keys.DUE_INDEX, [Write(act=Act.PUT, key=key) for key in dict.fromkeys(entries)])


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%d%H%M")


def _minute_after(moment: datetime) -> str:
    """The minute after the moment. A run that reads at the moment itself does not see the entry, so it cannot forget
    it."""
    return _minute(moment + timedelta(minutes=1))
