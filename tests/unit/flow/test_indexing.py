"""The audit index follows the trail: after each commit, and after a crash by the sweep."""

from datetime import timedelta

import pytest

from slipway.domain.audit_query import AuditQuery
from slipway.ledger import LedgerUnavailable, MemoryTable, keys
from slipway.ledger.installation import Installation
from slipway.ledger.table import PagedTable
from tests.unit.flow.house import House


def marks(house: House, application: str = "shop") -> list[str]:
    return [row.key for row in house.table.rows(application, *keys.span(keys.UNINDEXED))]


def indexed(house: House, **filters: str) -> list[tuple[str, int]]:
    page = house.trail.page(AuditQuery.model_validate(filters), limit=200)
    return sorted((record.application, record.sequence) for record in page.records)


def trail(house: House) -> list[tuple[str, int]]:
    return [(record.application, record.sequence) for record in house.audit()]


def away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(house.index_table, "transact", refuse)


def test_what_is_committed_is_indexed_at_once_and_no_mark_is_left(house: House) -> None:
    house.push("1.0")
    house.settle()
    assert indexed(house, application="shop") == trail(house)
    assert marks(house) == []


def test_a_mark_is_written_with_the_records_and_the_sweep_indexes_what_is_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        away(house, patched)
        house.push("1.0")
        house.settle()
    assert indexed(house) == []
    assert marks(house)
    house.time.wait(timedelta(minutes=2))
    swept = house.sweep.run(look_for_pushes=False)
    assert swept.indexed == len(trail(house)) > 0
    assert indexed(house, application="shop") == trail(house)
    assert marks(house) == []


def test_the_trail_goes_on_while_the_index_is_away(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    away(house, monkeypatch)
    house.push("1.0")
    house.settle()
    assert house.reader.verify("shop").intact
    assert len(trail(house)) > 5


def test_the_installations_own_chain_is_indexed_too(house: House) -> None:
    house.parking.park(source="causes", reason="unreadable", body=b"{")
    assert indexed(house, application="_installation") == [("_installation", 1)]
    assert marks(house, keys.INSTALLATION) == []


def test_the_sweep_indexes_what_the_installations_chain_left(house: House) -> None:
    without = Installation(house.table)
    without.park(id="p-1", source="causes", reason="unreadable", body="{", message_id="", now=house.time())
    assert indexed(house, application="_installation") == []
    house.time.wait(timedelta(minutes=2))
    assert house.sweep.run(look_for_pushes=False).indexed == 1
    assert indexed(house, application="_installation") == [("_installation", 1)]


def test_indexing_twice_at_once_is_harmless(house: House) -> None:
    house.push("1.0")
    records = house.audit()
    assert house.indexer.take("shop", records)
    assert house.indexer.take("shop", records)
    assert indexed(house, application="shop") == trail(house)


def test_a_double_of_the_index_is_a_paged_table() -> None:
    table: PagedTable = MemoryTable()
    assert table.page("p", "", "~", limit=1).rows == ()
