"""Where the numbers are kept: one row for each week of an application, and a cursor that says how far they go.

A partition of their own for each application; a portion of records and the cursor behind it are written in one
transaction, under the cursor's ETag, so that no record counts twice. Nothing here is the truth: the trail is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..domain.numbers import Cursor, Week
from . import keys
from .rows import pack, unpack
from .table import TRANSACTION_LIMIT, Act, Conflict, Row, Table, Write

WEEKS_AT_ONCE = 80
"""Weeks that one transaction may change."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The cursor, and the weeks that were asked for."""

    cursor: Cursor
    etag: str
    weeks: Mapping[str, Week]


class Weeks:
    """The numbers' rows."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def read(self, application: str, newest: int) -> Kept:
        """The cursor and so many of the newest weeks that have anything, in one request."""
        cursor, etag, weeks = Cursor(), "", dict[str, Week]()
        last = keys.WEEK + keys.AFTER
        for row in self._table.rows(keys.numbers(application), keys.HEAD, last, limit=newest + 1):
            if row.key == keys.HEAD:
                cursor, etag = unpack(Cursor, row.values), row.etag
            elif row.key.startswith(_generation(cursor)):
                week = unpack(Week, row.values)
                weeks[week.week] = week
        return Kept(cursor=cursor, etag=etag, weeks=weeks)

    def cursor(self, application: str) -> tuple[Cursor, str]:
        row = self._table.get(keys.numbers(application), keys.HEAD)
        return (unpack(Cursor, row.values), row.etag) if row else (Cursor(), "")

    def commit(self, application: str, cursor: Cursor, etag: str, added: Mapping[str, Week]) -> None:
        """Add to the weeks and move the cursor, together. Raises `Conflict` where somebody else did so."""
        partition, writes = keys.numbers(application), [_head(cursor, etag)]
        for name, week in added.items():
            row = self._table.get(partition, keys.week(cursor.generation, name))
            kept = unpack(Week, row.values) if row else Week(week=name)
            kept.add(week)
            writes.append(Write(act=Act.PUT, key=keys.week(cursor.generation, name), values=pack(kept)))
        self._table.transact(partition, writes)

    def begin_anew(self, application: str) -> Cursor:
        """Forget the numbers of an application: they are made of its trail again."""
        before, _ = self.cursor(application)
        cursor = Cursor(generation=before.generation + 1)
        head = Write(act=Act.PUT, key=keys.HEAD, values=pack(cursor))
        self._table.transact(keys.numbers(application), [head])  # whoever is adding to them meets another ETag
        rows = self._table.rows(keys.numbers(application), *keys.span(keys.WEEK), limit=1000)
        self._forget(application, [row for row in rows if not row.key.startswith(_generation(cursor))])
        return cursor

    def _forget(self, application: str, rows: list[Row]) -> None:
        for start in range(0, len(rows), TRANSACTION_LIMIT):
            writes = [Write(act=Act.DELETE, key=row.key) for row in rows[start : start + TRANSACTION_LIMIT]]
            try:
                self._table.transact(keys.numbers(application), writes)
            except Conflict:
                return  # somebody else is forgetting them; what is left of an earlier generation is read by nobody


def _head(cursor: Cursor, etag: str) -> Write:
    return Write(act=Act.REPLACE if etag else Act.CREATE, key=keys.HEAD, values=pack(cursor), etag=etag)


def _generation(cursor: Cursor) -> str:
    return keys.week(cursor.generation, "0000-W00")[: len(keys.WEEK) + 4]
