"""The inbox: rows in which the front writes down what people said, until the worker has answered.

The front reads and adds, the worker reads and removes; nobody changes a row, whose time of arrival is the only clock of
a proof. Content too large for a row lies in a container of its own, by its hash.
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
"""The source named for parked rows."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A row that is not one of ours; parked as it is."""

    partition: str
    id: str
    text: str
    problem: str


class Inbox:
    """The rows of the inbox, one partition per application."""

    def __init__(self, table: RowTable) -> None:
        self._table = table

    def add(self, partition: str, id: str, row: InboxRow) -> bool:
        """Returns False if there is a row with this id already: the same was said twice. Raises `LedgerUnavailable`."""
        try:
            self._table.add(partition, id, pack(row))
        except Exists:
            return False
        return True

    def get(self, partition: str, id: str) -> Received | Unreadable | None:
        row = self._table.get(partition, id) if is_inbox_id(id) else None
        return _read(partition, row) if row is not None else None

    def of(self, application: str, *, limit: int) -> Iterator[Received | Unreadable]:
        """The waiting rows of one application, in order of arrival."""
        for row in self._table.rows(application, "0", keys.AFTER, limit=limit):
            yield _read(application, row)

    def unread(self, *, limit: int) -> Iterator[Received | Unreadable]:
        """All waiting rows; one request if there are none."""
        for partition, row in self._table.everything(limit=limit):
            yield _read(partition, row)

    def remove(self, partition: str, id: str) -> None:
        """After the answer was recorded, or the row parked."""
        self._table.remove(partition, id)


def parked_id(partition: str, id: str) -> str:
    """The id under which a row is parked: a client that knows the row can ask for its outcome."""
    return sha256(f"{SOURCE} {partition} {id}".encode()).removeprefix("sha256:")[:24]


def _read(partition: str, row: Row) -> Received | Unreadable:
    try:
        return Received(id=row.key, partition=partition, received_at=_moment(row), row=read_row(InboxRow, row))
    except UnreadableRow as error:
        text = "".join(str(value) for name, value in sorted(row.values.items()) if name.startswith("Data"))
        return Unreadable(partition=partition, id=row.key, text=text, problem=error.problem)


def _moment(row: Row) -> datetime:
    if row.written_at is None:
        raise UnreadableRow(row, "the table does not say when it was written")
    return row.written_at
