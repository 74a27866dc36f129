"""The numbers as they are kept: portion by portion, each record once, and fresh to the last one."""

from collections.abc import Mapping

import pytest

from slipway.domain.numbers import Checkpoint, Week, fold
from slipway.inbound.reading import BadInput
from slipway.ledger import keys
from slipway.ledger.table import Act, Conflict, Write
from slipway.queries.numbers import Numbers
from slipway.queries.numbers_asked import read_question
from tests.unit.web.fleet import Fleet
from tests.unit.web.history import history, keep, numbers


def kept_weeks(numbers: Numbers, application: str = "shop") -> dict[str, Week]:
    return dict(numbers.weeks.read(application, 200).weeks)


def from_scratch(application: str = "shop") -> dict[str, Week]:
    return fold(Checkpoint(), history(application, weeks=26, seed=0))[1]


def test_the_kept_numbers_are_those_of_the_whole_trail() -> None:
    fleet_numbers = numbers(Fleet(applications=1))
    assert kept_weeks(fleet_numbers) == from_scratch()


def test_catching_up_again_changes_nothing_and_writes_nothing() -> None:
    fleet = Fleet(applications=1)
    fleet_numbers = numbers(fleet)
    before = fleet_numbers.weeks.checkpoint("shop")
    assert fleet_numbers.catch_up("shop") == 0
    assert fleet_numbers.weeks.checkpoint("shop") == before


def test_two_instances_that_catch_up_at_once_count_each_record_once(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(applications=1)
    first = numbers(fleet, caught_up=False)
    fleet.restart()
    second = fleet.app.numbers
    commit = first.weeks.commit

    def too_late(application: str, checkpoint: Checkpoint, etag: str, added: Mapping[str, Week]) -> None:
        second.catch_up("shop")
        commit(application, checkpoint, etag, added)

    monkeypatch.setattr(first.weeks, "commit", too_late)
    first.catch_up("shop")
    assert kept_weeks(first) == from_scratch()


def test_a_commit_under_an_old_etag_is_refused() -> None:
    fleet_numbers = numbers(Fleet(applications=1))
    checkpoint, etag = fleet_numbers.weeks.checkpoint("shop")
    fleet_numbers.weeks.commit("shop", checkpoint, etag, {})
    with pytest.raises(Conflict):
        fleet_numbers.weeks.commit("shop", checkpoint, etag, {"2026-W48": Week(week="2026-W48")})


def test_an_answer_holds_the_records_that_nobody_has_folded_yet_and_writes_nothing() -> None:
    fresh, folded = (numbers(Fleet(applications=1), weeks=4, caught_up=caught_up) for caught_up in (False, True))
    answer = fresh.answer(application="shop", weeks=52)
    assert answer == folded.answer(application="shop", weeks=52)
    assert not answer.behind
    assert fresh.weeks.checkpoint("shop") == (Checkpoint(), "")


def test_an_answer_that_is_behind_says_so_and_writes_nothing() -> None:
    fresh, folded = numbers(Fleet(applications=1), caught_up=False), numbers(Fleet(applications=1))
    fresh_answer = fresh.answer(application="shop", weeks=52)
    folded_answer = folded.answer(application="shop", weeks=52)
    assert fresh.weeks.checkpoint("shop") == (Checkpoint(), "")
    assert [application.application for application in fresh_answer.behind] == ["shop"], (
        "more records than one portion are left"
    )
    assert not folded_answer.behind
    while fresh.catch_up("shop", portions=1):
        pass
    assert fresh.answer(application="shop", weeks=52) == folded_answer


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("weeks", [104, 4])
def test_an_answer_costs_three_requests_for_each_application(weeks: int) -> None:
    """Weeks, records that no reconcile run has added yet, and whether some of those lie in the archive."""
    fleet = Fleet(applications=3)
    fleet_numbers = numbers(fleet)
    fleet.table.requests = 0
    fleet_numbers.answer(weeks=weeks)
    assert fleet.table.requests == 3 * 3


def test_a_record_that_cannot_be_read_is_passed_over() -> None:
    fleet = Fleet(applications=1)
    fleet_numbers = numbers(fleet, histories=0)
    records = history("shop", weeks=2, seed=1)
    keep(fleet.app.ledger, records)
    broken = Write(act=Act.PUT, key=keys.audit(len(records)), values={"Details": "no record"})
    fleet.table.transact("shop", [broken])
    fleet_numbers.catch_up("shop")
    assert fleet_numbers.weeks.checkpoint("shop")[0].sequence == len(records)


WRONG = [
    ({"weeks": "0"}, "weeks", "from 1 to 104"),
    ({"weeks": "1e3"}, "weeks", "from 1 to 104"),
    ({"weeks": "²"}, "weeks", "from 1 to 104"),
    ({"until": "2026-11-23"}, "until", "an ISO week, 2026-W48"),
    ({"until": "2026-W54"}, "until", "an ISO week"),
    ({"until": "2027-W01"}, "until", "2026-W48 at the latest"),
    ({"until": "0001-W01"}, "until", "an ISO week"),
    ({"application": "' or 1 eq 1"}, "application", "one of shop"),
    ({"environment": "moon"}, "environment", "one of staging, production"),
    ({"per": "day"}, "per", "one of the parameters application, environment, weeks, until"),
]


@pytest.mark.parametrize(("parameters", "field", "expected"), WRONG)
def test_a_wrong_parameter_is_named_with_what_was_expected(
    parameters: dict[str, str], field: str, expected: str
) -> None:
    with pytest.raises(BadInput) as refused:
        read_question(parameters, numbers(Fleet(applications=1), histories=0))
    assert refused.value.field == field
    assert expected in str(refused.value)
