"""The port to Table Storage, limited to the operations that the ledger needs.

`azure_table.AzureTable` is the real one (Azurite and Azure alike); `memory.MemoryTable` is the double. Both pass the
same contract tests.
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from ..domain.errors import CannotBeRead
from ..domain.reports import NotShown
from . import keys

log = logging.getLogger(__name__)

TRANSACTION_LIMIT = 100
"""Operations in one entity-group transaction."""
TEXT_LIMIT = 32_000
"""UTF-16 code units of one string property (the service allows 32 Ki)."""

ROW_LIMIT = 1024 * 1024
"""Bytes of one row, as the service counts them."""

Value = str | int | bool


class LedgerUnavailable(Exception):  # noqa: N818 - it is a state of the service, and callers read it as such
    """Table Storage could not be reached or refused to work; trying again later may help."""


class UnreadableRow(LedgerUnavailable, CannotBeRead):
    """A row that cannot be read until somebody mends it. Its content is unknown; for its subject, that is as if the
    table did not answer. Code that reads several rows goes on with the others (`read_each`)."""

    def __init__(self, row: "Row", problem: str) -> None:
        self.partition, self.key, self.problem = row.partition, row.key, problem
        remedy = keys.remedy(row.partition, row.key)
        super().__init__(f"the row {row.key} of the partition {row.partition} cannot be read: {problem}; {remedy}")

    @property
    def not_shown(self) -> NotShown:
        application = keys.owner_of(self.partition)
        return NotShown(application=application, partition=self.partition, row=self.key, why=str(self))


@dataclass(frozen=True, kw_only=True)
class ReadOfEach[T]:
    """The readable rows among several, and notes about the others."""

    read: tuple[T, ...]
    not_shown: tuple[NotShown, ...]


def read_each[S, T](several: Iterable[S], read: Callable[[S], T]) -> Iterator[T | NotShown]:
    """The result for each row. An unreadable row does not affect the others: the result has a note in its place."""
    for each in several:
        try:
            yield read(each)
        except UnreadableRow as row:
            log.error("%s", row)  # noqa: TRY400 - the message says it all
            yield row.not_shown


def gathered[T](each: Iterable[T | NotShown]) -> ReadOfEach[T]:
    read, not_shown = list[T](), list[NotShown]()
    for one in each:
        not_shown.append(one) if isinstance(one, NotShown) else read.append(one)
    return ReadOfEach(read=tuple(read), not_shown=tuple(not_shown))


class LedgerRefused(ValueError):  # noqa: N818 - it is what happened
    """Table Storage will never accept this key or value, so trying again is no use."""


class Conflict(Exception):  # noqa: N818
    """Somebody else wrote since the read: load again and decide again."""


class Exists(Conflict):
    """The row to be created exists already."""

    def __init__(self, row: str) -> None:
        super().__init__(f"row {row} exists already")
        self.row = row


@dataclass(frozen=True, kw_only=True)
class Row:
    """One entity of the table."""

    partition: str
    key: str
    values: Mapping[str, Value]
    etag: str = ""
    written_at: datetime | None = None
    """When the service last wrote the row, by the service's clock; None if the row was not read from the service."""

    # The columns. Each method raises `UnreadableRow` if there is no column of that name and type.
    def text(self, column: str) -> str:
        return self._column(column, str)

    def flag(self, column: str) -> bool:
        return self._column(column, bool)

    def number(self, column: str) -> int:
        return self._column(column, int)

    def moment(self, column: str) -> datetime:
        try:
            return datetime.fromisoformat(self.text(column)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise UnreadableRow(self, f"{column} is no time") from None

    def _column[T: Value](self, column: str, kind: type[T]) -> T:
        value = self.values.get(column)
        if type(value) is not kind:
            got = "nothing" if value is None else type(value).__name__
            raise UnreadableRow(self, f"expected {kind.__name__} in {column}, got {got}")
        return value


class Act(StrEnum):
    CREATE = "create"
    """Fails with `Exists` if the row exists."""
    REPLACE = "replace"
    """Fails with `Conflict` if the row has a different ETag."""
    PUT = "put"
    """Creates or replaces unconditionally."""
    DELETE = "delete"
    """Fails with `Conflict` if the row does not exist."""


@dataclass(frozen=True, kw_only=True)
class Write:
    """One operation of a transaction."""

    act: Act
    key: str
    values: Mapping[str, Value] = field(default_factory=dict)
    etag: str = ""


class RowCondition(NamedTuple):
    """A condition that the service applies to each row."""

    column: str
    holds: Literal["eq", "ge", "lt"]
    value: str | bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """The result of one request."""

    rows: tuple[Row, ...]
    more: str
    """Continuation token; empty at the end. A page without rows may still have one."""


class UnknownPlace(ValueError):  # noqa: N818 - it is an answer
    """The continuation token is not one that the service gave out for this query."""


class Table(Protocol):
    """A partitioned table with entity-group transactions."""

    def get(self, partition: str, key: str) -> Row | None: ...

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        """Rows with first ≤ key ≤ last, in key order."""
        ...

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        """All of the writes or none. Returns the rows' new ETags, in the order of the writes; empty for a deletion.

        Raises `Exists`, `Conflict`, `LedgerUnavailable`, or ValueError if there are too many.
        """
        ...


def delete_rows(table: Table, partition: str, keys: Sequence[str]) -> None:
    """Delete the rows, at most 100. It takes one request, unless another instance has deleted some of them already."""
    if not keys:
        return
    try:
        table.transact(partition, [Write(act=Act.DELETE, key=key) for key in keys])
    except Conflict:
        if len(keys) > 1:
            for key in keys:
                delete_rows(table, partition, [key])


class PagedTable(Table, Protocol):
    """A table that can also be queried page by page, with conditions."""

    def page(
        self, partition: str, first: str, last: str, *, limit: int, where: Sequence[RowCondition] = (), resume: str = ""
    ) -> Page:
        """One request: at most `limit` rows with first ≤ key ≤ last for which every condition holds, in key order.

        `resume` is `more` of a page with the same range and conditions. Raises `UnknownPlace` for any other value.
        """
        ...


class RowTable(Protocol):
    """A table whose rows are added and removed one by one, and never changed.

    A role that may only add rows cannot use transactions, so the rows are written one by one.
    """

    def get(self, partition: str, key: str) -> Row | None: ...

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        """Rows with first ≤ key ≤ last, in key order."""
        ...

    def add(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        """Raises `Exists`, `LedgerUnavailable`, and ValueError for a row that is too large."""
        ...

    def remove(self, partition: str, key: str) -> None:
        """Removes the row; does nothing if it is gone. Raises `LedgerUnavailable`."""
        ...

    def everything(self, *, limit: int) -> Iterator[tuple[str, Row]]:
        """The first rows of the table, with their partitions: one request if there are none."""
        ...


def check_key(*keys: str) -> None:
    """Raises `LedgerRefused` for a key that Table Storage forbids, even if an emulator would accept it."""
    for key in keys:
        if _FORBIDDEN.search(key) or len(key) > _LONGEST_KEY:
            may = f"at most {_LONGEST_KEY} characters, none of / \\ # ? and no control character"
            raise LedgerRefused(f"expected a key of {may}, got {key[:80]!r}")


def check_transaction(writes: Sequence[Write]) -> None:
    """Raises ValueError if the transaction exceeds a limit; the message says which."""
    check_key(*(write.key for write in writes))
    if len(writes) > TRANSACTION_LIMIT:
        raise ValueError(f"a transaction holds at most {TRANSACTION_LIMIT} writes, this one has {len(writes)}")
    keys, checked = set[str](), None
    for write in writes:
        if write.key in keys:
            raise ValueError(f"{write.key} is written twice in one transaction")
        keys.add(write.key)
        if write.values is not checked:  # the dozen copies of a record in the audit index share one
            _check_row(write)
            checked = write.values


def _check_row(write: Write) -> None:
    size = _OVERHEAD
    for name, value in write.values.items():
        units = len(value.encode("utf-16-le")) // 2 if isinstance(value, str) else 4
        if units > TEXT_LIMIT:
            raise ValueError(f"{write.key}: {name} has {units} characters, the limit is {TEXT_LIMIT}")
        size += 12 + 2 * len(name) + 2 * units
    if size > ROW_LIMIT:
        raise ValueError(f"{write.key}: the row has {size} bytes, the limit is {ROW_LIMIT}")


_FORBIDDEN = re.compile(r"[/\\#?\x00-\x1f\x7f-\x9f]")
_LONGEST_KEY = 512
_OVERHEAD = 2048 + 4
"""Bytes of a row besides its values: two keys of at most 1 KiB each."""
