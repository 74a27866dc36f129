"""The inbox: the front writes down what people said, one row each; a row stays until the worker has answered it.

The front reads and adds rows, and the worker reads and removes them. Nobody changes a row: the times of a proof are
judged by its time of arrival alone. Content too large for a row is in a container of its own, named by its hash.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..domain.inbox import InboxRow, Received, is_inbox_id
from ..domain.model import sha256
from . import keys
from .rows import pack, read_row
from .table import Exists, Row, RowTable, UnreadableRow

TABLE: Final = "inbox"
SOURCE: Final = "inbox"
"""The source that parked rows name."""


@dataclass(frozen=True, kw_only=True)
class UnreadableInboxRow:
    """A row that is not one of ours; it is parked unchanged."""

    partition: str
    id: str
    text: str
    problem: str


class Inbox:
    """The rows of the inbox, one partition per application."""

    def __init__(self, table: RowTable) -> None:
        self._table = table

    def add(self, partition: str, id: str, row: InboxRow) -> bool:
        """Add the row. Returns False if a row with this id exists already: the same was said twice. Raises
        `LedgerUnavailable`."""
        try:
            self._table.add(partition, id, pack(row))
        except Exists:
            return False
        return True

    def get(self, partition: str, id: str) -> Received | UnreadableInboxRow | None:
        row = self._table.get(partition, id) if is_inbox_id(id) else None
        return _read(partition, row) if row is not None else None

    def of(self, application: str, *, limit: int) -> Iterator[Received | UnreadableInboxRow]:
        """The waiting rows of one application, in order of arrival."""
        for row in self._table.rows(application, "0", keys.AFTER, limit=limit):
            yield _read(application, row)

    def unread(self, *, limit: int) -> Iterator[Received | UnreadableInboxRow]:
        """All waiting rows; one request if there are none."""
        for partition, row in self._table.everything(limit=limit):
            yield _read(partition, row)

    def remove(self, partition: str, id: str) -> None:
        """Remove the row after its answer was recorded, or after it was parked."""
        self._table.remove(partition, id)


def parked_id(partition: str, id: str) -> str:
    """The id under which a row is parked: a client that knows the row can ask for its outcome."""
    return sha256(f"{SOURCE} {partition} {id}".encode()).removeprefix("sha256:")[:24]


def _read(partition: str, row: Row) -> Received | UnreadableInboxRow:
    try:
        return Received(id=row.key, partition=partition, received_at=_moment(row), row=read_row(InboxRow, row))
    except UnreadableRow as error:
        text = "".join(str(value) for name, value in sorted(row.values.items()) if name.startswith("Data"))
        return UnreadableInboxRow(partition=partition, id=row.key, text=text, problem=error.problem)


def _moment(row: Row) -> datetime:
    if row.written_at is None:
        raise UnreadableRow(row, "the table does not say when it was written")
    return row.written_at
