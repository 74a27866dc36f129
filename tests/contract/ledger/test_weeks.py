"""The rows of the numbers, on the double and on Azurite alike."""

import pytest

from slipway.domain.numbers import Checkpoint, Week, WeekCounts
from slipway.ledger import Conflict, Table
from slipway.ledger.weeks import Weeks


def added(*names: str) -> dict[str, Week]:
    return {name: Week(week=name, environments={"production": WeekCounts(deployments=1)}) for name in names}


def test_portions_add_up_and_the_newest_weeks_come_first(table: Table) -> None:
    weeks = Weeks(table)
    weeks.commit("shop", Checkpoint(sequence=10), "", added("2025-W52", "2026-W01"))
    _, etag = weeks.checkpoint("shop")
    weeks.commit("shop", Checkpoint(sequence=20), etag, added("2026-W01", "2026-W02"))
    stored = weeks.read("shop", 2)
    assert stored.checkpoint == Checkpoint(sequence=20)
    assert {name: week.counts("production").deployments for name, week in stored.weeks.items()} == {
        "2026-W01": 2,
        "2026-W02": 1,
    }


def test_a_commit_with_an_outdated_etag_is_refused_and_changes_nothing(table: Table) -> None:
    weeks = Weeks(table)
    weeks.commit("shop", Checkpoint(sequence=10), "", added("2026-W01"))
    _, etag = weeks.checkpoint("shop")
    weeks.commit("shop", Checkpoint(sequence=20), etag, added("2026-W02"))
    for old in ("", etag):
        with pytest.raises(Conflict):
            weeks.commit("shop", Checkpoint(sequence=20), old, added("2026-W02"))
    assert weeks.read("shop", 9).weeks["2026-W02"].counts("production").deployments == 1
