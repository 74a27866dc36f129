"""The index of due applications, on the double and on Azurite: the one that is due first comes first, and none is
forgotten unseen."""

from datetime import UTC, datetime, timedelta

import pytest

from slipway.ledger import Table, keys
from slipway.ledger.due import MUCH_LATER, SETTLED, DueIndex

NOW = datetime(2026, 11, 28, 22, 15, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def index(table: Table) -> DueIndex:
    return DueIndex(table)


def names(index: DueIndex, at: datetime) -> list[str]:
    return [entry.application for entry in index.at(at)]


def test_an_announced_commit_is_due_once_it_has_settled_and_once_more_much_later(index: DueIndex) -> None:
    index.announce("shop", NOW)
    assert names(index, NOW + SETTLED) == []
    soon = NOW + SETTLED + MINUTE
    assert names(index, soon) == ["shop"]
    index.forget(index.at(soon))
    assert names(index, NOW + MUCH_LATER) == []
    assert names(index, NOW + MUCH_LATER + MINUTE) == ["shop"]


def test_the_application_that_is_due_first_comes_first_whatever_its_name_is(index: DueIndex) -> None:
    index.wait_until("alpha", NOW + 2 * MINUTE)
    index.wait_until("till", NOW)
    index.wait_until("shop", NOW + timedelta(days=40))
    assert names(index, NOW + 5 * MINUTE) == ["till", "alpha"]


def test_an_application_that_becomes_due_during_a_run_is_not_removed_by_that_run(index: DueIndex) -> None:
    """For a writer the current minute is already over; for a reader it is not over yet."""
    index.wait_until("shop", NOW)
    due = index.at(NOW)
    index.forget(due)
    assert due == ()
    assert names(index, NOW + MINUTE) == ["shop"]


def test_an_application_that_commits_all_the_time_is_announced_once_a_minute(table: Table) -> None:
    index = DueIndex(table)
    for second in range(0, 60, 5):
        index.announce("shop", NOW + timedelta(seconds=second))
    assert len(list(table.rows(keys.DUE_INDEX, *keys.range_of(keys.DUE)))) <= 4
    assert len(names(index, NOW + timedelta(hours=1))) <= 4


def test_two_runs_of_the_timer_may_remove_the_same_entries(index: DueIndex) -> None:
    for name in ("alpha", "shop", "till"):
        index.wait_until(name, NOW)
    first, second = index.at(NOW + MINUTE), index.at(NOW + MINUTE)
    index.forget(first[:1])
    index.forget(second)
    index.forget(index.at(NOW + MINUTE))
    assert names(index, NOW + MINUTE) == []


def test_more_entries_than_a_transaction_holds_are_removed(index: DueIndex) -> None:
    for number in range(130):
        index.wait_until(f"app-{number}", NOW)
    index.forget(index.at(NOW + MINUTE))
    assert names(index, NOW + MINUTE) == []
