"""The audit index: the trail's records again, under the partitions that questions are asked by. Never the truth.

It is written after each commit (`indexing.py`) and can be rebuilt from the ledger at any time (`reindexing.py`). A
question walks one partition; what else it asks for is filtered by the service. Each page has a bound on its requests:
where little is found, the page is short and says where to go on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..domain.audit import AuditRecord
from ..domain.audit_query import AuditQuery
from . import index_keys as keys
from .digest_walk import DigestWalk
from .index_plan import Plan, goes_by_digest, plan
from .table import TRANSACTION_LIMIT, Act, Page, PagedTable, Value, Write

REQUESTS = 12
"""Storage requests of one page, at most."""
TRANSACTION_BYTES = 3 * 1024 * 1024
"""Of one transaction; the service takes 4 MiB, headers included."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a walk goes on."""

    after: str = ""
    """Row key of the last row that was seen."""
    resume: str = ""
    """The service's own place, where it stopped without finding anything."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """A page of records, and where to go on; None at the end."""

    records: tuple[AuditRecord, ...]
    next: Position | None


class AuditIndex:
    """One table; partitions as `index_keys.py` spells them."""

    def __init__(self, table: PagedTable) -> None:
        self.table = table

    # ---- writing
    def write(self, records: Iterable[AuditRecord]) -> None:
        """Put every copy of the records. Doing it again changes nothing."""
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

    # ---- asking
    def find(self, query: AuditQuery, *, limit: int, start: Position | None = None) -> Found:
        """Newest first. Raises `UnknownPlace` and `TooManyDigests`."""
        if goes_by_digest(query):
            walk = DigestWalk(self.table, query)
            records, last = walk.find(limit=limit, after=start.after if start else "")
            return Found(records=records, next=Position(after=last) if last else None)
        return self._walk(plan(query), limit=limit, start=start or Position())

    def _walk(self, planned: Plan, *, limit: int, start: Position) -> Found:
        found, position = list[AuditRecord](), start
        for _ in range(REQUESTS):
            page = self._request(planned, position, limit=limit - len(found))
            found += keys.records_of(page.rows)
            if not page.more:
                return Found(records=tuple(found), next=None)
            if page.rows and len(found) == limit:
                return Found(records=tuple(found), next=Position(after=page.rows[-1].key))
            position = Position(after=position.after, resume=page.more)
        return Found(records=tuple(found), next=position)

    def _request(self, planned: Plan, position: Position, *, limit: int) -> Page:
        first = max(planned.first, position.after + _NEXT if position.after else "")
        return self.table.page(
            planned.partition, first, planned.last, limit=limit, where=planned.where, resume=position.resume
        )


_NEXT = "!"
"""Behind a row key it makes the key that comes right after: row keys end in digits, all of one length."""


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
    """About as many bytes as the row takes in a request: JSON in UTF-8, with its names and escapes."""
    return 2048 + sum(2 * len(value.encode("utf-8", "surrogatepass")) for value in values if isinstance(value, str))
