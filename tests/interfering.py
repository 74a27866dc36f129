"""A table to which somebody else writes right before our own writes."""

from collections.abc import Callable, Iterator, Sequence

from slipway.ledger import Table
from slipway.ledger.keys import DUE_INDEX
from slipway.ledger.table import Row, Write


class Interfering:
    """Wraps a table: `before` is called ahead of each transaction, except for an entry in the index of due
    applications: that is written ahead of the commit that somebody else is to overtake."""

    def __init__(self, table: Table, before: Callable[[], object]) -> None:
        self._table, self._before = table, before

    def get(self, partition: str, key: str) -> Row | None:
        return self._table.get(partition, key)

    def rows(self, partition: str, first: str, last: str, *, limit: int | None = None) -> Iterator[Row]:
        return self._table.rows(partition, first, last, limit=limit)

    def transact(self, partition: str, writes: Sequence[Write]) -> tuple[str, ...]:
        if partition != DUE_INDEX:
            self._before()
        return self._table.transact(partition, writes)
