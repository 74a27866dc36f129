"""The audit index follows the trail: after each commit, and after a crash by the reconcile timer."""

from datetime import timedelta

import pytest

from slipway.domain.audit_query import AuditQuery
from slipway.ledger import LedgerUnavailable, keys
from slipway.ledger.table import PagedTable
from slipway.testing import Installation, MemoryTable
from slipway.testing.chains import PUBLIC_KEYS, SIGNER


def marks(installation: Installation, application: str = "shop") -> list[str]:
    return [row.key for row in installation.app.table.rows(application, *keys.span(keys.UNINDEXED))]


def indexed(installation: Installation, **filters: str) -> list[tuple[str, int]]:
    page = installation.app.trail.page(AuditQuery.model_validate(filters), limit=200)
    return sorted((record.application, record.sequence) for record in page.records)


def trail(installation: Installation) -> list[tuple[str, int]]:
    return [(record.application, record.sequence) for record in installation.trail()]


def away(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(installation.index_table, "transact", refuse)


def test_what_is_committed_is_indexed_at_once_and_no_mark_is_left(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    assert indexed(installation, application="shop") == trail(installation)
    assert marks(installation) == []


def test_a_mark_is_written_with_the_records_and_the_reconcile_timer_indexes_what_is_left(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        away(installation, patched)
        installation.push("1.0")
        installation.settle()
    assert indexed(installation) == []
    assert marks(installation)
    installation.wait(timedelta(minutes=2))
    reconciled = installation.reconcile()
    assert reconciled.indexed == len(trail(installation)) > 0
    assert indexed(installation, application="shop") == trail(installation)
    assert marks(installation) == []


def test_the_trail_goes_on_while_the_index_is_away(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    away(installation, monkeypatch)
    installation.push("1.0")
    installation.settle()
    assert installation.verify().intact
    assert len(trail(installation)) > 5


def test_the_installations_own_chain_is_indexed_too(installation: Installation) -> None:
    installation.app.parking.park(source="events", reason="unreadable", body=b"{")
    assert indexed(installation, application="_installation") == [("_installation", 1)]
    assert marks(installation, keys.INSTALLATION) == []


def test_the_reconcile_timer_indexes_what_the_installations_chain_left(installation: Installation) -> None:
    without = type(installation.app.installation)(
        installation.app.table, signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS
    )
    without.park(id="p-1", source="events", reason="unreadable", body="{", message_id="", now=installation.now)
    assert indexed(installation, application="_installation") == []
    installation.wait(timedelta(minutes=2))
    assert installation.reconcile().indexed == 1
    assert indexed(installation, application="_installation") == [("_installation", 1)]


def test_indexing_twice_at_once_is_harmless(installation: Installation) -> None:
    installation.push("1.0")
    records = installation.trail()
    assert installation.app.indexer.take("shop", records)
    assert installation.app.indexer.take("shop", records)
    assert indexed(installation, application="shop") == trail(installation)


def test_a_double_of_the_index_is_a_paged_table() -> None:
    table: PagedTable = MemoryTable()
    assert table.page("p", "", "~", limit=1).rows == ()
