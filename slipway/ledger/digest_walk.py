"""Searches by the first digits of a digest: finds the few digests with that prefix, and merges their records by
time."""

import heapq
from collections.abc import Iterator

from ..domain.audit import AuditRecord, Damaged
from ..domain.audit_query import AuditQuery
from ..domain.errors import present
from . import index_keys as keys
from .table import Page, PagedTable, Row

DIGESTS = 8
"""Maximum number of digests that one prefix may match."""
ROWS = 200
"""Rows of one digest read in one request; a release has about sixty."""
_HEX = 64


class TooManyDigests(ValueError):  # noqa: N818 - it is an answer
    """More than `DIGESTS` digests have the prefix."""


class DigestWalk:
    """One query by digest. The query's other conditions are checked here, since there are few rows."""

    def __init__(self, table: PagedTable, query: AuditQuery) -> None:
        digest = present(query.digest, "the digest of the query")
        self._table, self._query = table, query
        self._prefix = digest.removeprefix("sha256:")

    def find(self, *, limit: int, after: str) -> tuple[tuple[AuditRecord | Damaged, ...], str]:
        """Records, newest first, and the place after which the next page starts, or "". Makes two requests per
        digest."""
        known_until, streams = keys.LAST, list[list[Row]]()
        for digest in self._digests():
            axis = keys.by_digest(digest)
            page = self._page(f"{axis}!{after}!" if after else f"{axis}!", f"{axis}!{keys.LAST}", limit=ROWS)
            streams.append(list(page.rows))
            if page.more and page.rows:
                known_until = min(known_until, _position(page.rows[-1]))
        records, last = list[AuditRecord | Damaged](), ""
        for row in heapq.merge(*streams, key=_position):
            if _position(row) > known_until:
                break  # unread rows of another digest may sort before this one
            if len(records) == limit:
                return tuple(records), last
            last = _position(row)
            in_row = keys.records_of([row])
            records += [item for item in in_row if isinstance(item, Damaged) or self._query.matches(item)]
        return tuple(records), "" if known_until == keys.LAST else known_until

    def _digests(self) -> Iterator[str]:
        """Each digest with the prefix; each is found by seeking past the one before."""
        if len(self._prefix) == _HEX:
            yield self._prefix
            return
        start = prefix = keys.by_digest(self._prefix)
        for count in range(DIGESTS + 1):
            page = self._page(start, prefix + keys.LAST, limit=1)
            if not page.rows:
                return
            if count == DIGESTS:
                raise TooManyDigests(f"more than {DIGESTS} digests begin with {self._query.digest}")
            axis = keys.axis_of(page.rows[0].key)
            yield axis.removeprefix(keys.DIGEST)
            start = axis + keys.LAST

    def _page(self, first: str, last: str, *, limit: int) -> Page:
        """The first rows of a range. The service may return an empty page with a continuation token, so follow it."""
        page = self._table.page(keys.COPIES, first, last, limit=limit)
        while page.more and not page.rows:
            page = self._table.page(keys.COPIES, first, last, limit=limit, resume=page.more)
        return page


def _position(row: Row) -> str:
    return keys.place_of(row.key)
