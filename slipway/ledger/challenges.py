"""The table of challenges: statements on their way to the identity provider and back.

The front reads and adds rows, and the worker removes old ones; nobody changes a row. Each day has its partition, so old
rows are found without reading the others. A row's key is the hash of the `state`, which begins with its day.
"""

from datetime import datetime, timedelta
from typing import Final

from ..domain.challenge import KEPT, Challenge, Pending, UsedChallenge, challenge_key
from ..domain.model import Record
from . import keys
from .rows import pack, read_row
from .table import Exists, RowTable

TABLE: Final = "challenges"
_CHALLENGE: Final = "challenge!"
_USED: Final = "used!"
_PENDING: Final = "pending!"
_CONFIRMED: Final = "confirmed!"
_DAY: Final = "%Y%m%d"
_WHOLE_DAYS: Final = 3
"""The number of past days that one run looks at: if a day had no run, one of the next two makes up for it."""


class Challenges:
    """Rows by the `state` with which a browser comes back. Raises `LedgerUnavailable`."""

    def __init__(self, table: RowTable) -> None:
        self._table = table

    def add(self, state: str, challenge: Challenge) -> None:
        self._table.add(_day(state), _CHALLENGE + challenge_key(state), pack(challenge))

    def find(self, state: str) -> Challenge | None:
        return self._read(_CHALLENGE, state, Challenge)

    def used(self, state: str) -> UsedChallenge | None:
        return self._read(_USED, state, UsedChallenge)

    def mark(self, state: str, used: UsedChallenge) -> UsedChallenge:
        """The mark that is now in force: this one, or that of an earlier way back."""
        return self._marked(_USED, state, used)

    def add_pending(self, handle: str, pending: Pending) -> None:
        self._table.add(_day(handle), _PENDING + challenge_key(handle), pack(pending))

    def pending(self, handle: str) -> Pending | None:
        return self._read(_PENDING, handle, Pending)

    def mark_confirmed(self, handle: str, used: UsedChallenge) -> UsedChallenge:
        """Note the row that carries a pending command, and return the note in force: this one, or an earlier one."""
        return self._marked(_CONFIRMED, handle, used)

    def confirmed(self, handle: str) -> UsedChallenge | None:
        return self._read(_CONFIRMED, handle, UsedChallenge)

    def _read[T: Record](self, prefix: str, handle: str, kind: type[T]) -> T | None:
        row = self._table.get(_day(handle), prefix + challenge_key(handle))
        return read_row(kind, row) if row else None

    def _marked(self, prefix: str, handle: str, used: UsedChallenge) -> UsedChallenge:
        try:
            self._table.add(_day(handle), prefix + challenge_key(handle), pack(used))
        except Exists:
            # It was removed in between: a browser that comes back this late finds no challenge either.
            return self._read(prefix, handle, UsedChallenge) or used
        return used

    def remove_old(self, now: datetime, *, limit: int = 1000) -> int:
        """Remove rows that are more than a day old, and return how many. A challenge is removed before its mark:
        without the mark it could be answered again."""
        removed = 0
        for days in range(_WHOLE_DAYS):
            day = (now - KEPT - timedelta(days=1 + days)).date()
            challenges = self._remove(f"{day:{_DAY}}", _CHALLENGE, limit)
            marks = self._remove(f"{day:{_DAY}}", _USED, limit) if challenges < limit else 0
            pending = sum(self._remove(f"{day:{_DAY}}", prefix, limit) for prefix in (_PENDING, _CONFIRMED))
            removed += challenges + marks + pending
        return removed

    def _remove(self, partition: str, prefix: str, limit: int) -> int:
        rows = [row.key for row in self._table.rows(partition, *keys.range_of(prefix), limit=limit)]
        for key in rows:
            self._table.remove(partition, key)
        return len(rows)


def _day(state: str) -> str:
    return state[:8]
