"""An honest double of the table port: for tests, ours and our users'. Passes the contract tests of `AzureTable`."""

import itertools
import threading
from collections.abc import Iterator, Sequence

from .table import Act, Conflict, Exists, Row, Write, check


class MemoryTable:
    """Rows in memory, with ETags and all-or-nothing transactions."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {}
        self._etags = itertools.count(1)
        self._lock = threading.Lock()

    def get(self, partition: str, key: str) -> Row | None:
        with self._lock:
            return self._rows.get(partition, {}).get(key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        with self._lock:
            found = [row for key, row in sorted(self._rows.get(partition, {}).items()) if first <= key <= last]
        yield from found[:limit]

    def transact(self, partition: str, writes: Sequence[Write]) -> None:
        check(writes)
        with self._lock:
            changed = dict(self._rows.get(partition, {}))
            for write in writes:
                self._apply(changed, write)
            self._rows[partition] = changed

    def _apply(self, rows: dict[str, Row], write: Write) -> None:
        there = rows.get(write.key)
        if write.act is Act.CREATE and there is not None:
            raise Exists(write.key)
        if write.act in (Act.REPLACE, Act.DELETE) and there is None:
            raise Conflict(f"row {write.key} is gone")
        if write.etag and there is not None and there.etag != write.etag:
            raise Conflict(f"row {write.key} was changed")
        if write.act is Act.DELETE:
            del rows[write.key]
        else:
            rows[write.key] = Row(key=write.key, values=dict(write.values), etag=f'W/"{next(self._etags)}"')
