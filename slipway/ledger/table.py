"""The port to Table Storage: what the ledger needs of a table, and no more.

`azure_table.AzureTable` is the real one (Azurite and Azure alike); `memory.MemoryTable` is the double. Both pass the
same contract tests.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

TRANSACTION_LIMIT = 100
"""Operations in one entity-group transaction."""
TEXT_LIMIT = 32_000
"""UTF-16 code units that go into one string property (the service allows 32 Ki)."""

ROW_LIMIT = 1024 * 1024
"""Bytes of one row, as the service counts them."""

Value = str | int | bool


class LedgerUnavailable(Exception):  # noqa: N818 - it is a state of the service, and callers read it as such
    """Table Storage could not be reached or refused to work; trying again later may help."""


class Conflict(Exception):  # noqa: N818
    """Somebody else wrote in between: load again and decide again."""


class Exists(Conflict):
    """The row that was to be created is there already."""

    def __init__(self, row: str) -> None:
        super().__init__(f"row {row} is there already")
        self.row = row


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entity of the table."""

    key: str
    values: Mapping[str, Value]
    etag: str = ""


class Act(StrEnum):
    CREATE = "create"
    """Fails with `Exists` where the row is there."""
    REPLACE = "replace"
    """Fails with `Conflict` where the row's ETag is another one."""
    PUT = "put"
    """Creates or replaces, whatever is there."""
    DELETE = "delete"
    """Fails with `Conflict` where the row is gone."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One operation of a transaction."""

    act: Act
    key: str
    values: Mapping[str, Value] = field(default_factory=dict)
    etag: str = ""


class Where(NamedTuple):
    """A condition that the service checks, row by row."""

    column: str
    holds: Literal["eq", "ge", "lt"]
    value: str | bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one request found."""

    rows: tuple[Row, ...]
    more: str
    """Where the service goes on; empty at the end. Rows may be none although there is more."""


class UnknownPlace(ValueError):  # noqa: N818 - it is an answer
    """The service knows no such place to go on from."""


class Table(Protocol):
    """A partitioned table with entity-group transactions."""

    def get(self, partition: str, key: str) -> Row | None: ...

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        """Rows with first ≤ key ≤ last, in key order."""
        ...

    def transact(self, partition: str, writes: Sequence[Write]) -> None:
        """All of the writes or none. Raises `Exists`, `Conflict`, `LedgerUnavailable`, or ValueError when too many."""
        ...


class PagedTable(Table, Protocol):
    """A table that is also asked page by page, with conditions."""

    def page(
        self, partition: str, first: str, last: str, *, limit: int, where: Sequence[Where] = (), resume: str = ""
    ) -> Page:
        """One request: at most `limit` rows with first ≤ key ≤ last for which every condition holds, in key order.

        `resume` is `more` of a page with the same range and conditions. Raises `UnknownPlace` for another one.
        """
        ...


def check(writes: Sequence[Write]) -> None:
    """The limits of a transaction, with a message that says which one is passed."""
    if len(writes) > TRANSACTION_LIMIT:
        raise ValueError(f"a transaction holds at most {TRANSACTION_LIMIT} writes, this one has {len(writes)}")
    keys = set[str]()
    for write in writes:
        if write.key in keys:
            raise ValueError(f"{write.key}: it is written twice in one transaction")
        keys.add(write.key)
        size = _OVERHEAD
        for name, value in write.values.items():
            units = len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else 4
            if units > TEXT_LIMIT:
                raise ValueError(f"{write.key}: {name} has {units} characters, the limit is {TEXT_LIMIT}")
            size += 12 + 2 * len(name) + 2 * units
        if size > ROW_LIMIT:
            raise ValueError(f"{write.key}: the row has {size} bytes, the limit is {ROW_LIMIT}")


_OVERHEAD = 2048 + 4
"""Bytes that a row has besides its values: its two keys, of 1 KiB at most each."""
