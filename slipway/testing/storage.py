"""In-memory storage: doubles of the ports to tables and blobs that pass the same contract tests."""

import itertools
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any

from ..clock import Clock, utc_now
from ..domain.chain_anchor import LIMIT
from ..domain.model import sha256
from ..ledger import blobs
from ..ledger.table import (
    Act,
    Conflict,
    Exists,
    Page,
    Row,
    RowCondition,
    UnknownPlace,
    Value,
    Write,
    check_key,
    check_transaction,
)

EXAMINED = 1000
"""Rows that one request examines before it returns an incomplete page, as the service does after some time."""


class MemoryTable:
    """In-memory rows, with ETags and atomic transactions."""

    def __init__(self, *, examined: int = EXAMINED, clock: Clock = utc_now) -> None:
        """`clock` is the service's clock, which gives the time at which each row was written."""
        self._examined, self._clock = examined, clock
        self._rows: dict[str, dict[str, Row]] = {}
        self._sorted: dict[str, list[str]] = {}
        """The keys of each partition's rows."""
        self._etags = itertools.count(1)
        self._lock = threading.Lock()

    def use_clock(self, clock: Clock) -> None:
        """Use this clock as the service's from now on."""
        self._clock = clock

    def __deepcopy__(self, known: dict[int, Any]) -> "MemoryTable":
        duplicate = MemoryTable(examined=self._examined, clock=deepcopy(self._clock, known))
        with self._lock:
            duplicate._rows = {partition: dict(rows) for partition, rows in self._rows.items()}
            duplicate._sorted = {partition: list(keys) for partition, keys in self._sorted.items()}
            duplicate._etags = itertools.count(next(self._etags))
        return duplicate

    def get(self, partition: str, key: str) -> Row | None:
        check_key(partition, key)
        with self._lock:
            return self._rows.get(partition, {}).get(key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        with self._lock:
            rows, keys = self._rows.get(partition, {}), self._sorted.get(partition, [])
            within = keys[bisect_left(keys, first) : bisect_right(keys, last)]
            matching = [rows[key] for key in within[:limit]]
        yield from matching

    def page(
        self, partition: str, first: str, last: str, *, limit: int, where: Sequence[RowCondition] = (), resume: str = ""
    ) -> Page:
        if resume and not resume.startswith(_PLACE):
            raise UnknownPlace(resume)
        start, matching = max(first, resume.removeprefix(_PLACE)), list[Row]()
        for count, row in enumerate(self.rows(partition, start, last)):
            if count == self._examined or len(matching) == limit:
                return Page(rows=tuple(matching), more=_PLACE + row.key)
            if all(_is_met(row, condition) for condition in where):
                matching.append(row)
        return Page(rows=tuple(matching), more="")

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        check_transaction(writes)
        with self._lock:
            rows = self._rows.setdefault(partition, {})
            before = {write.key: rows.get(write.key) for write in writes}
            try:
                for write in writes:
                    self._apply(partition, rows, write)
            except Exception:
                for key, row in before.items():
                    _set_row(rows, key, row)
                raise
            for key, row in before.items():
                self._sort(partition, key, was_there=row is not None)
            return tuple(rows[write.key].etag if write.key in rows else "" for write in writes)

    def _sort(self, partition: str, key: str, *, was_there: bool) -> None:
        """Keep the keys of a partition in order, so that a range of a long one costs what it returns."""
        keys, is_there = self._sorted.setdefault(partition, []), key in self._rows[partition]
        if is_there and not was_there:
            insort(keys, key)
        elif was_there and not is_there:
            del keys[bisect_left(keys, key)]

    def _apply(self, partition: str, rows: dict[str, Row], write: Write) -> None:
        current = rows.get(write.key)
        if write.act is Act.CREATE and current is not None:
            raise Exists(write.key)
        if write.act in (Act.REPLACE, Act.DELETE) and current is None:
            raise Conflict(f"row {write.key} is gone")
        if write.etag and current is not None and current.etag != write.etag:
            raise Conflict(f"row {write.key} was changed")
        if write.act is Act.DELETE:
            del rows[write.key]
        else:
            etag = f'W/"{next(self._etags)}"'
            values, at = dict(write.values), self._clock()
            rows[write.key] = Row(partition=partition, key=write.key, values=values, etag=etag, written_at=at)

    # ---- row by row
    def add(self, partition: str, key: str, values: Mapping[str, Value]) -> None:
        self.transact(partition, [Write(act=Act.CREATE, key=key, values=values)])

    def remove(self, partition: str, key: str) -> None:
        with self._lock:
            if self._rows.get(partition, {}).pop(key, None) is not None:
                self._sort(partition, key, was_there=True)

    def everything(self, *, limit: int) -> Iterator[tuple[str, Row]]:
        with self._lock:
            rows = [(name, row) for name, of_it in sorted(self._rows.items()) for _, row in sorted(of_it.items())]
        yield from rows[:limit]


_PLACE = "at:"


def _set_row(rows: dict[str, Row], key: str, row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row


def _is_met(row: Row, condition: RowCondition) -> bool:
    value = row.values.get(condition.column)
    if value is None or type(value) is not type(condition.value):
        return False
    match condition.holds:
        case "eq":
            return value == condition.value
        case "ge":
            return str(value) >= str(condition.value)
        case "lt":
            return str(value) < str(condition.value)


class MemoryBlobs:
    """In-memory documents."""

    def __init__(self, *, limit: int = blobs.BLOB_LIMIT, clock: Clock = utc_now) -> None:
        self.documents: dict[str, bytes] = {}
        self._limit, self._clock = limit, clock
        self._created: dict[str, datetime] = {}

    def put(self, content: bytes, content_type: str) -> str:
        digest = sha256(blobs.check_blob_size(content, self._limit))
        self.documents.setdefault(digest, content)
        self._created.setdefault(digest, self._clock())
        return digest

    def get(self, digest: str) -> bytes | None:
        content = self.documents.get(digest)
        if content is not None and len(content) > self._limit:
            raise ValueError(f"the document {digest} was changed: it has {len(content)} bytes, more than any of ours")
        return None if content is None else blobs.check_hash(digest, content)

    def remove(self, digest: str) -> None:
        self.documents.pop(digest, None)
        self._created.pop(digest, None)

    def remove_old(self, before: datetime, *, limit: int = 1000) -> int:
        old = [digest for digest, created in self._created.items() if created < before][:limit]
        for digest in old:
            self.remove(digest)
        return len(old)


class MemoryAdded:
    """In-memory blobs that are only added."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __deepcopy__(self, known: dict[int, Any]) -> "MemoryAdded":
        duplicate = type(self)()
        duplicate.files = dict(self.files)
        return duplicate

    def add(self, name: str, content: bytes, content_type: str = "application/json") -> None:
        with self._lock:
            if name in self.files:
                raise Conflict(f"{name} is there already")
            self.files[name] = content

    def listed(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        for name in sorted(self.files):
            if name.startswith(prefix):
                yield name, self.files[name][:LIMIT]

    def folders(self, prefix: str) -> Iterator[str]:
        below = (name.removeprefix(prefix) for name in sorted(self.files) if name.startswith(prefix))
        yield from dict.fromkeys(name.partition("/")[0] for name in below if "/" in name)
