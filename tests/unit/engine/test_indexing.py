"""The audit index follows the trail: after each commit, and after a crash through the reconcile timer."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slipway.domain.audit_query import AuditQuery
from slipway.ledger import LedgerUnavailable
from slipway.ledger.table import PagedTable
from slipway.testing import Installation, MemoryTable
from slipway.testing.chains import PUBLIC_KEYS, SIGNER


def indexed(installation: Installation, **filters: str) -> list[tuple[str, int]]:
    page = installation.app.trail.page(AuditQuery.model_validate(filters), limit=200)
    return sorted((record.application, record.sequence) for record in page.records)


def trail(installation: Installation) -> list[tuple[str, int]]:
    return [(record.application, record.sequence) for record in installation.trail()]


def disable_index(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise LedgerUnavailable("away")

    monkeypatch.setattr(installation.index_table, "transact", refuse)


def test_committed_records_are_indexed_at_once(installation: Installation) -> None:
    installation.push("1.0")
    installation.settle()
    assert indexed(installation, application="shop") == trail(installation)


def test_the_reconcile_timer_indexes_records_that_were_left_out(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        disable_index(installation, patched)
        installation.push("1.0")
        installation.settle()
    assert indexed(installation) == []
    installation.wait(timedelta(minutes=2))
    installation.reconcile()
    assert indexed(installation, application="shop") == trail(installation)
    indexed_count = installation.app.numbers.weeks.copied("shop")
    assert indexed_count == len(trail(installation)) > 0


def test_records_that_the_reconcile_timer_could_not_index_are_left_to_its_next_run(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        disable_index(installation, patched)
        installation.push("1.0")
        installation.wait(timedelta(minutes=2))
        assert installation.reconcile().problems
    installation.wait(timedelta(minutes=1))
    replace(installation.app.reconciler, in_turn=0).run(look_for_pushes=False)
    assert indexed(installation, application="shop") == trail(installation)


def test_the_trail_goes_on_while_the_index_is_away(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    disable_index(installation, monkeypatch)
    installation.push("1.0")
    installation.settle()
    assert installation.verify().intact
    assert len(trail(installation)) > 5


def test_the_installations_own_chain_is_indexed_too(installation: Installation) -> None:
    installation.app.parking.park(source="events", reason="unreadable", body=b"{")
    assert indexed(installation, application="_installation") == [("_installation", 1)]


def test_the_reconcile_timer_indexes_records_left_out_of_the_installations_trail(installation: Installation) -> None:
    without_index = type(installation.app.installation)(
        installation.app.table, signer=lambda: SIGNER, keys=lambda: PUBLIC_KEYS
    )
    without_index.park(id="p-1", source="events", reason="unreadable", body="{", message_id="", now=installation.now)
    assert indexed(installation, application="_installation") == []
    installation.wait(timedelta(minutes=2))
    installation.reconcile()
    assert indexed(installation, application="_installation") == [("_installation", 1)]


def test_indexing_the_same_records_twice_is_harmless(installation: Installation) -> None:
    installation.push("1.0")
    records = installation.trail()
    installation.app.indexer.take("shop", records)
    installation.app.indexer.take("shop", records)
    assert indexed(installation, application="shop") == trail(installation)


def test_a_double_of_the_index_is_a_paged_table() -> None:
    table: PagedTable = MemoryTable()
    assert table.page("p", "", "~", limit=1).rows == ()
