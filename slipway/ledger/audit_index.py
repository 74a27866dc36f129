"""The audit index: copies of the audit records, partitioned by what people search for. The ledger is authoritative.

It is written after each commit (`indexing.py`) and can be rebuilt from the ledger at any time (`reindexing.py`). A
query reads one partition, and Table Storage filters by the remaining conditions. A page makes a bounded number of
requests, so it may be short and still have a next one.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..domain.audit import AuditRecord, Damaged
from ..domain.audit_query import AuditQuery
from . import index_keys as keys
from .digest_walk import DigestWalk
from .index_plan import QueryPlan, goes_by_digest, plan
from .table import TRANSACTION_LIMIT, Act, Page, PagedTable, Value, Write

REQUESTS = 12
"""Maximum number of storage requests for one page."""
TRANSACTION_BYTES = 3 * 1024 * 1024
"""Maximum size of one transaction; the service accepts 4 MiB, headers included."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where the next page starts."""

    after: str = ""
    """Row key of the last row returned."""
    resume: str = ""
    """The service's continuation token, if it stopped before it had enough rows."""


@dataclass(frozen=True, kw_only=True)
class RecordPage:
    """A page of records, and where the next one starts; None at the end."""

    records: tuple[AuditRecord | Damaged, ...]
    """As they were read: whoever shows them verifies them."""
    next: Position | None


class AuditIndex:
    """One table; partitions as `index_keys.py` spells them."""

    def __init__(self, table: PagedTable) -> None:
        self.table = table

    # ---- writing
    def write(self, records: Iterable[AuditRecord]) -> None:
        """Write every copy of the records. Idempotent."""
        by_partition = defaultdict[str, list[Write]](list)
        for record in records:
            values = keys.values(record)
            for partition, row in keys.places(record):
                by_partition[partition].append(Write(act=Act.PUT, key=row, values=values))
        self.put(by_partition)

    def put(self, by_partition: dict[str, list[Write]]) -> None:
        for partition, writes in by_partition.items():
            distinct = list({write.key: write for write in writes}.values())
            for batch in _batches(distinct):
                self.table.transact(partition, batch)

    # ---- querying
    def find(self, query: AuditQuery, *, limit: int, start: Position | None = None) -> RecordPage:
        """Matching records, newest first. Raises `UnknownPlace` and `TooManyDigests`."""
        if goes_by_digest(query):
            walk = DigestWalk(self.table, query)
            records, last = walk.find(limit=limit, after=start.after if start else "")
            return RecordPage(records=records, next=Position(after=last) if last else None)
        return self._walk(plan(query), limit=limit, start=start or Position())

    def _walk(self, planned: QueryPlan, *, limit: int, start: Position) -> RecordPage:
        records, position = list[AuditRecord | Damaged](), start
        for _ in range(REQUESTS):
            page = self._request(planned, position, limit=limit - len(records))
            records += keys.records_of(page.rows)
            if not page.more:
                return RecordPage(records=tuple(records), next=None)
            if page.rows and len(records) == limit:
                return RecordPage(records=tuple(records), next=Position(after=page.rows[-1].key))
            position = Position(after=position.after, resume=page.more)
        return RecordPage(records=tuple(records), next=position)

    def _request(self, planned: QueryPlan, position: Position, *, limit: int) -> Page:
        first = max(planned.first, position.after + _NEXT if position.after else "")
        return self.table.page(
            planned.partition, first, planned.last, limit=limit, where=planned.where, resume=position.resume
        )


_NEXT = "!"
"""Appended to a row key, gives a key that sorts directly after it: row keys end in digits of a fixed width."""


def _batches(writes: list[Write]) -> Iterator[list[Write]]:
    batch, size = list[Write](), 0
    for write in writes:
        weight = _weight(write.values.values())
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
