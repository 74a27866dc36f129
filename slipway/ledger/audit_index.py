"""The audit index: the trail's records again, under the partitions that questions are asked by. Never the truth.

It is written after each commit (`indexing.py`) and can be rebuilt from the ledger at any time (`reindexing.py`). A
question walks one partition, or one for each month; what else it asks for is filtered by the service. Each page has a
bound on its requests: where little is found, the page is short and says where to go on.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.audit import AuditRecord
from ..domain.audit_query import AuditQuery
from . import index_keys as keys
from .digest_walk import DigestWalk
from .index_plan import Plan, goes_by_digest, plan
from .table import TRANSACTION_LIMIT, Act, Page, PagedTable, Value, Write

REQUESTS = 12
"""Storage requests of one page, at most."""
SKEW = timedelta(minutes=10)
"""How far another instance's clock may be ahead of ours."""
TRANSACTION_BYTES = 3 * 1024 * 1024
"""Of one transaction; the service takes 4 MiB, headers included."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """Where a walk goes on."""

    month: str = ""
    """The month that was being walked; empty before the first, and where there are none."""
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
        self._months: set[str] = set()

    # ---- writing
    def write(self, records: Iterable[AuditRecord]) -> None:
        """Put every copy of the records. Doing it again changes nothing."""
        by_partition = defaultdict[str, list[Write]](list)
        for record in records:
            values = keys.values(record)
            for partition, row in keys.places(record):
                by_partition[partition].append(Write(act=Act.PUT, key=row, values=values))
            name = keys.month(record.time)
            if name not in self._months:
                by_partition[keys.MONTHS].append(keys.month_write(name))
                self._months.add(name)
        try:
            self.put(by_partition)
        except BaseException:
            self._months.clear()  # they may not have been written
            raise

    def put(self, by_partition: dict[str, list[Write]]) -> None:
        for partition, writes in by_partition.items():
            distinct = list({write.key: write for write in writes}.values())
            for batch in _batches(distinct):
                self.table.transact(partition, batch)

    # ---- asking
    def find(self, query: AuditQuery, *, limit: int, now: datetime, start: Position | None = None) -> Found:
        """Newest first. Raises `UnknownPlace` and `TooManyDigests`."""
        if goes_by_digest(query):
            walk = DigestWalk(self.table, query)
            records, last = walk.find(limit=limit, after=start.after if start else "")
            return Found(records=records, next=Position(after=last) if last else None)
        return self._walk(query, plan(query), limit=limit, now=now, start=start or Position())

    def _walk(self, query: AuditQuery, planned: Plan, *, limit: int, now: datetime, start: Position) -> Found:
        found, position = list[AuditRecord](), start
        months = self._months_of(query, planned, now=now, start=start.month)
        name = next(months)
        for _ in range(REQUESTS):
            page = self._request(planned, name, position, limit=limit - len(found))
            found += keys.records_of(page.rows)
            if page.more and page.rows and len(found) == limit:
                return Found(records=tuple(found), next=Position(month=name, after=page.rows[-1].key))
            if page.more:
                position = Position(month=name, after=position.after, resume=page.more)
                continue
            following = next(months, None)
            if following is None:
                return Found(records=tuple(found), next=None)
            name, position = following, Position(month=following)
            if len(found) == limit:
                break
        return Found(records=tuple(found), next=position)

    def _request(self, planned: Plan, name: str, position: Position, *, limit: int) -> Page:
        first = max(planned.first, position.after + _NEXT if position.after else "")
        return self.table.page(
            planned.partition(name), first, planned.last, limit=limit, where=planned.where, resume=position.resume
        )

    def _months_of(self, query: AuditQuery, planned: Plan, *, now: datetime, start: str) -> Iterator[str]:
        """The months to walk, newest first. How far back there are any is looked up when the first has been walked."""
        newest = keys.month(min(query.until, now + SKEW) if query.until else now + SKEW)
        name = start or newest
        yield name
        if not planned.monthly:
            return
        oldest = max(self.first_month() or name, keys.month(query.since) if query.since else "")
        while name > oldest:
            name = keys.month_before(name)
            yield name

    def first_month(self) -> str:
        """The oldest month that has records; empty where there is none."""
        row = next(iter(self.table.rows(keys.MONTHS, "", keys.LAST, limit=1)), None)
        return row.key if row else ""


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
