"""Since when the sessions of a person are over: one row per person in the index, which the worker writes.

The front reads it for each form that somebody sends, and at least once a minute while they read pages.
"""

from datetime import UTC, datetime
from typing import Final

from .table import Act, Conflict, Table, Write

PARTITION: Final = "signed-out"
_SINCE: Final = "Since"
_ATTEMPTS: Final = 5


class SignedOut:
    """Reads and writes those rows. People are named by tenant and object id, in lower case."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def since(self, tenant: str, person: str) -> datetime | None:
        """Sessions that began earlier are over; None if none ever was ended. Raises `LedgerUnavailable`."""
        row = self._table.get(PARTITION, _key(tenant, person))
        return None if row is None else datetime.fromisoformat(str(row.values[_SINCE]))

    def end(self, tenant: str, person: str, *, at: datetime) -> None:
        """End all sessions that began before. Repeating it, or an earlier time, changes nothing.
        Raises `LedgerUnavailable`, `Conflict`."""
        key, values = _key(tenant, person), {_SINCE: at.astimezone(UTC).isoformat()}
        for attempt in range(_ATTEMPTS):
            row = self._table.get(PARTITION, key)
            if row is not None and datetime.fromisoformat(str(row.values[_SINCE])) >= at:
                return
            act, etag = (Act.CREATE, "") if row is None else (Act.REPLACE, row.etag)
            try:
                self._table.transact(PARTITION, [Write(act=act, key=key, values=values, etag=etag)])
            except Conflict:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return


def _key(tenant: str, person: str) -> str:
    return f"{tenant}!{person}"
