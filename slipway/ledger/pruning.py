"""Deletes what a trail no longer needs: marks of handled events, and answers to rows of the inbox."""

from collections.abc import Sequence
from datetime import datetime

from . import keys
from .table import TRANSACTION_LIMIT, Act, Conflict, Table, Write

SEEN_PARTS = 256
"""The marks of handled events fall into this many equal parts, by their first two hex digits."""


def prune_seen(table: Table, application: str, before: datetime, *, part: int, limit: int = 500) -> int:
    """Delete marks of events handled before the time, and return how many. A repeat that late is harmless.

    Marks are sorted by hash, not by age, so each call scans one of the `SEEN_PARTS` parts instead of all of them.
    """
    marks = table.rows(application, *keys.range_of(keys.seen(f"{part:02x}")), limit=limit)
    return _delete(table, application, [row.key for row in marks if row.moment("At") < before])


def prune_answers(table: Table, partition: str, before: datetime, *, limit: int = 500) -> int:
    """Delete answers to rows that were added before the time; the records of those rows stay. Returns how many."""
    last = keys.answer(f"{int(before.timestamp() * 1000):013d}")
    return _delete(table, partition, [row.key for row in table.rows(partition, keys.ANSWER, last, limit=limit)])


def _delete(table: Table, partition: str, rows: Sequence[str]) -> int:
    """Delete the rows; returns how many were deleted. Rows that another instance deletes at the same time are left to
    it."""
    for start in range(0, len(rows), TRANSACTION_LIMIT):
        part = rows[start : start + TRANSACTION_LIMIT]
        try:
            table.transact(partition, [Write(act=Act.DELETE, key=key) for key in part])
        except Conflict:
            return start
    return len(rows)
