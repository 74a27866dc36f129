"""People's ended sessions: one row per person in the index, written by the worker.

The front reads the row for each form that a person sends, and at least once a minute while they read pages.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from ..domain.sessions import EndedSessions
from .rows import pack, read_row
from .table import Act, Conflict, Table, Write

PARTITION: Final = "signed-out"
_NONE_ENDED: Final = EndedSessions()
_ATTEMPTS: Final = 5


class SignOutRows:
    """Reads and writes those rows. People are named by tenant and object id, in lower case."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, tenant: str, person: str) -> EndedSessions:
        """The person's ended sessions. Raises `LedgerUnavailable`."""
        row = self._table.get(PARTITION, _key(tenant, person))
        return _NONE_ENDED if row is None else read_row(EndedSessions, row)

    def end_all(self, tenant: str, person: str, *, at: datetime) -> None:
        """End all sessions that began before `at`. A repeat, or an earlier time, changes nothing. Raises
        `LedgerUnavailable`, `Conflict`."""
        self._change(tenant, person, lambda ended: ended.with_all_ended(at))

    def end_one(self, tenant: str, person: str, session: str, *, at: datetime) -> None:
        """End one session, by the hash of its id. A repeat changes nothing. Raises `LedgerUnavailable`, `Conflict`."""
        self._change(tenant, person, lambda ended: ended.with_one_ended(session, at))

    def _change(self, tenant: str, person: str, change: Callable[[EndedSessions], EndedSessions]) -> None:
        key = _key(tenant, person)
        for attempt in range(_ATTEMPTS):
            row = self._table.get(PARTITION, key)
            before = _NONE_ENDED if row is None else read_row(EndedSessions, row)
            after = change(before)
            if after == before:
                return
            act, etag = (Act.CREATE, "") if row is None else (Act.REPLACE, row.etag)
            try:
                self._table.transact(PARTITION, [Write(act=act, key=key, values=pack(after), etag=etag)])
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


def _key(tenant: str, person: str) -> str:
    return f"{tenant}!{person}".casefold()
