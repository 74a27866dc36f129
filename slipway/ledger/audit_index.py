"""The audit index: copies of the audit records, sorted by what people search for. The ledger is authoritative.

It is written after each commit (`indexing.py`) and can be rebuilt from the ledger at any time (`reindexing.py`). A
query reads one range of keys, and Table Storage filters by the remaining conditions. A page makes a bounded number of
requests, so it may be short and still have a next one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..domain.audit import AuditRecord, Damaged
from ..domain.audit_query import AuditQuery
from . import index_keys as keys
from .digest_walk import DigestWalk
from .index_plan import QueryPlan, goes_by_digest, plan_query
from .table import TRANSACTION_LIMIT, Act, Page, PagedTable, Value, Write

REQUESTS = 12
"""Maximum number of storage requests for one page."""
TRANSACTION_BYTES = 3 * 1024 * 1024
"""Maximum size of one transaction; the service accepts 4 MiB, headers included."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """The start of the next page."""

    after: str = ""
    """Place of the last row returned."""
    resume: str = ""
    """The service's continuation token, if it stopped before it had enough rows."""


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """A page of records, and where the next one starts; None at the end."""

    records: tuple[AuditRecord | Damaged, ...]
    """The records as they were read; the code that shows them verifies them."""
    next: Position | None


class AuditIndex:
    """One partition; its keys are spelt in `index_keys.py`."""

    def __init__(self, table: PagedTable) -> None:
        self.table = table

    # ---- writing
    def write(self, records: Iterable[AuditRecord]) -> None:
        """Write every copy of the records. Idempotent."""
        writes = dict[str, Write]()
        for record in records:
            values = keys.values(record)
            writes |= {key: Write(act=Act.PUT, key=key, values=values) for key in keys.copies(record)}
        self.put(list(writes.values()))

    def put(self, writes: list[Write]) -> None:
        for batch in _batches(writes):
            self.table.transact(keys.COPIES, batch)

    # ---- querying
    def find(self, query: AuditQuery, *, limit: int, start: Position | None = None) -> RecordPage:
        """Matching records, newest first. Raises `UnknownPlace` and `TooManyDigests`."""
        if goes_by_digest(query):
            walk = DigestWalk(self.table, query)
            records, last = walk.find(limit=limit, after=start.after if start else "")
            return RecordPage(records=records, next=Position(after=last) if last else None)
        return self._walk(plan_query(query), limit=limit, start=start or Position())

    def _walk(self, planned: QueryPlan, *, limit: int, start: Position) -> RecordPage:
        records, position = list[AuditRecord | Damaged](), start
        for _ in range(REQUESTS):
            page = self._request(planned, position, limit=limit - len(records))
            records += keys.records_of(page.rows)
            if not page.more:
                return RecordPage(records=tuple(records), next=None)
            if page.rows and len(records) == limit:
                return RecordPage(records=tuple(records), next=Position(after=keys.place_of(page.rows[-1].key)))
            position = Position(after=position.after, resume=page.more)
        return RecordPage(records=tuple(records), next=position)

    def _request(self, planned: QueryPlan, position: Position, *, limit: int) -> Page:
        first = max(planned.first, f"{planned.axis}!{position.after}{_NEXT}" if position.after else "")
        return self.table.page(
            keys.COPIES, first, planned.last, limit=limit, where=planned.where, resume=position.resume
        )


_NEXT = "!"
"""Appended to a row key, this gives a key that sorts directly after it: row keys end in digits of a fixed width."""


def _batches(writes: list[Write]) -> Iterator[list[Write]]:
    batch, size, weighed, weight = list[Write](), 0, None, 0
    for write in writes:
        if write.values is not weighed:  # the copies of a record share their values
            weighed, weight = write.values, _weight(write.values.values())
        if batch and (len(batch) == TRANSACTION_LIMIT or size + weight > TRANSACTION_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(write)
        size += weight
    if batch:
        yield batch


def _weight(values: Iterable[Value]) -> int:
    """An upper estimate of the row's size in a request, in bytes: JSON in UTF-8 with names and escapes."""
    return 2048 + sum(2 * len(value.encode("utf-8", "surrogatepass")) for value in values if isinstance(value, str))
