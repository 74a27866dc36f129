"""Where a digest has been, by its first digits: the few digests that begin so, and their records merged by time."""

import heapq
from collections.abc import Iterator

from ..domain.audit import AuditRecord
from ..domain.audit_query import AuditQuery
from . import index_keys as keys
from .table import Page, PagedTable, Row

DIGESTS = 8
"""Digests that one question may mean."""
ROWS = 200
"""Rows of one digest that are read at once; a release has some sixty."""
_HEX = 64


class TooManyDigests(ValueError):  # noqa: N818 - it is an answer
    """More digests begin so than are walked at once."""


class DigestWalk:
    """One question that goes by digest. Everything else it asks for is checked here: the rows are few."""

    def __init__(self, table: PagedTable, query: AuditQuery) -> None:
        assert query.digest is not None
        self._table, self._query = table, query
        self._prefix = query.digest.removeprefix("sha256:")
        self._partition = keys.by_digest(query.digest)

    def find(self, *, limit: int, after: str) -> tuple[tuple[AuditRecord, ...], str]:
        """Records, newest first, and the row key to go on after; "" at the end. Two requests for each digest."""
        known_until, streams = keys.LAST, list[list[Row]]()
        for digest in self._digests():
            first = f"{digest}!{after}!" if after else f"{digest}!"
            page = self._page(first, f"{digest}!{keys.LAST}", limit=ROWS)
            streams.append(list(page.rows))
            if page.more and page.rows:
                known_until = min(known_until, _key(page.rows[-1]))
        found, last = list[AuditRecord](), ""
        for row in heapq.merge(*streams, key=_key):
            if _key(row) > known_until:
                break  # rows of another digest that were not read yet may lie before it
            if len(found) == limit:
                return tuple(found), last
            last = _key(row)
            found += [record for record in keys.records_of([row]) if self._query.matches(record)]
        return tuple(found), "" if known_until == keys.LAST else known_until

    def _digests(self) -> Iterator[str]:
        """Each digest that begins so, found by jumping from one to the next."""
        if len(self._prefix) == _HEX:
            yield self._prefix
            return
        start = self._prefix
        for count in range(DIGESTS + 1):
            page = self._page(start, self._prefix + keys.LAST, limit=1)
            if not page.rows:
                return
            if count == DIGESTS:
                raise TooManyDigests(f"more than {DIGESTS} digests begin with {self._query.digest}")
            digest = page.rows[0].key[:_HEX]
            yield digest
            start = digest + keys.LAST

    def _page(self, first: str, last: str, *, limit: int) -> Page:
        """The first rows of a range: the service may answer with none of them, and say that there are more."""
        page = self._table.page(self._partition, first, last, limit=limit)
        while page.more and not page.rows:
            page = self._table.page(self._partition, first, last, limit=limit, resume=page.more)
        return page


def _key(row: Row) -> str:
    return row.key.partition("!")[2]
