"""What a gate's policy may say, and what is refused because nobody could ever meet it."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from slipway.domain.application import Application
from slipway.domain.environment import Soak
from slipway.domain.gate import ApprovalGate, AutoGate, Level, Need, Reminders, WhenNewer
from slipway.domain.people import SignedIn
from tests.unit.domain.crowd import ADA_OID, ADA_PRIVATE, BEN_OID, RELEASERS_OID
from tests.unit.domain.samples import ADA, BEN, CLEO, PROBED, application, environment, production, staging


def policy(**fields: Any) -> ApprovalGate:
    return ApprovalGate.model_validate({"approvers": [ADA, BEN]} | fields)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"approvers": []}, "approvers: is missing"),
        ({"approvers": [ADA, ADA.upper()]}, "approvers: the same person is listed twice"),
        ({"required": 3}, "required: 3 approvals cannot come from 2 approvers"),
        ({"approvers": ["ada"]}, "pattern"),
        ({"approvers": ["oid:ada"]}, "pattern"),
        ({"approvers": ["group:leads"]}, "pattern"),
        ({"each": [{"of": []}]}, "at least 1 item"),
        ({"each": [{"of": ADA, "required": 2}]}, "each[0].required: 2 approvals cannot come from 1 people"),
        ({"each": [{"of": ADA}, {"of": [BEN, BEN.upper()]}]}, "each[1].of: the same person is listed twice"),
        ({"people": {"ada": {"mail": ADA}}}, "pattern"),
        ({"people": {ADA_OID: {}, ADA_OID.upper(): {}}}, f"{ADA_OID} is listed twice"),
        (
            {"people": {ADA_OID: {"mail": ADA}, BEN_OID: {"mail": BEN, "also": [ADA.upper()]}}},
            f"{ADA} is listed for two people",
        ),
        (
            {"approvers": [ADA, f"oid:{ADA_OID}"], "people": {ADA_OID: {"mail": ADA}}},
            "approvers: the same person is listed twice, under two names",
        ),
        (
            {"each": [{"of": [ADA, f"oid:{ADA_OID}"], "required": 2}], "people": {ADA_OID: {"mail": ADA}}},
            "each[0].of: the same person is listed twice, under two names",
        ),
        (
            {"approvers": [ADA_PRIVATE], "people": {ADA_OID: {"mail": ADA, "also": [ADA_PRIVATE]}}},
            f"approvers: {ADA_PRIVATE} is listed only to recognize own work: name the person's object id",
        ),
        ({"reason": {"reject": "optional"}}, "Input should be 'required'"),
        ({"reminders": {"after": "30s"}}, "after: expected at least 1m"),
        ({"reminders": {"factor": 0.5}}, "greater than or equal to 1"),
    ],
)
def test_a_policy_that_cannot_be_met_is_refused(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        policy(**fields)
    assert reason in str(refusal.value)


def test_members_of_a_required_group_need_not_be_listed_as_approvers() -> None:
    gate = policy(approvers=[CLEO], each=[{"of": [ADA, BEN]}], required=3)
    assert [person.name for person in gate.voters()] == [CLEO, ADA, BEN]
    assert [person.name for person in policy(approvers=[], each=[{"of": ADA}]).voters()] == [ADA]


def test_a_person_who_is_listed_under_two_names_is_one_voter_with_the_known_address() -> None:
    known_people = {ADA_OID: {"name": "Ada", "mail": ADA}}
    gate = policy(approvers=[f"oid:{ADA_OID}", BEN], each=[{"of": ADA}], people=known_people)
    assert [(person.name, person.shown) for person in gate.voters()] == [(ADA, "Ada"), (BEN, BEN)]


def test_a_group_that_only_entra_knows_is_enough_for_any_quorum() -> None:
    gate = policy(approvers=[], each=[{"of": f"group:{RELEASERS_OID}", "required": 2}], required=5)
    assert gate.voters() == ()
    assert gate.unlisted() == (f"a member of the group {RELEASERS_OID}",)


@pytest.mark.parametrize("listed", [f"group:{RELEASERS_OID.upper()}", "role:releasers"])
def test_a_group_or_a_role_lists_only_people_who_signed_in_with_it(listed: str) -> None:
    gate = policy(approvers=[listed])
    names = frozenset({f"oid:{ADA_OID}"})
    with_it = SignedIn(object_id=ADA_OID, groups=(RELEASERS_OID,), roles=("releasers",))
    assert gate.lists(names, with_it)
    assert not gate.lists(names, SignedIn(object_id=ADA_OID, groups=(BEN_OID,), roles=("Releasers",)))
    assert not gate.lists(names)


def test_a_gate_without_optional_settings_asks_one_approver_with_a_fresh_sign_in_and_bars_own_work() -> None:
    gate = ApprovalGate.model_validate({"kind": "approval", "approvers": [ADA]})
    assert (gate.required, gate.each, gate.people) == (1, (), {})
    assert (gate.level, gate.fresh, gate.own_change) == (Level.SIGNED, timedelta(minutes=5), False)
    assert Level.SIGNED.rank == max(level.rank for level in Level)
    assert (gate.deadline, gate.objection) == (timedelta(hours=24), timedelta(0))
    assert (gate.require_known, gate.reason.approve, gate.when_newer) == (False, Need.OPTIONAL, WhenNewer.REPLACE)


def test_an_auto_gate_without_optional_settings_has_no_condition() -> None:
    assert AutoGate.model_validate({"kind": "auto"}).tests_passed == ()


@pytest.mark.parametrize("oid", [ADA_OID, ADA_OID.upper()])
def test_object_ids_are_known_in_any_case_of_letters(oid: str) -> None:
    gate = policy(approvers=[f"oid:{oid}"])
    assert gate.lists(frozenset({f"oid:{ADA_OID}"}))
    assert not gate.lists(frozenset({f"oid:{BEN_OID}"}))


def test_each_pause_between_reminders_is_longer_until_there_are_no_more() -> None:
    hours = [pause and pause / timedelta(hours=1) for pause in map(Reminders().pause, range(6))]
    assert hours == [2, 4, 8, 16, 32, None]
    assert Reminders(most=0).pause(0) is None
    assert Reminders(after=timedelta(days=36_500), factor=10, most=20).pause(19) == timedelta(days=36_500)


def with_conditions(*, tests_passed: tuple[str, ...] = (), soak: dict[str, str] | None = None) -> Application:
    last = production(
        gate=AutoGate(tests_passed=tests_passed), soak=Soak.model_validate(soak) if soak is not None else None
    )
    return application(staging(), environment("canary", verification=PROBED.evolve(http=())), last)


@pytest.mark.parametrize(
    ("conditions", "reason"),
    [
        ({"tests_passed": ("stagin",)}, "tests_passed: 'stagin' does not come before it"),
        ({"tests_passed": ("production",)}, "tests_passed: 'production' does not come before it"),
        ({"tests_passed": ("canary",)}, "tests_passed: 'canary' has no acceptance tests: give it verification"),
        (
            {"soak": {"in": "prod", "for": "1h"}},
            "soak.in: 'prod' does not come before it; earlier environments are staging, canary",
        ),
        ({"soak": {"in": "staging"}}, "for"),
    ],
)
def test_conditions_may_refer_only_to_earlier_environments_that_can_meet_them(
    conditions: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        with_conditions(**conditions)
    assert reason in str(refusal.value)


def test_the_first_environment_has_nothing_to_soak_in() -> None:
    with pytest.raises(ValidationError, match="soak: there is no environment before it to soak in"):
        application(staging(soak=Soak(time=timedelta(hours=1))))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "x" * 65])
def test_a_time_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="timezone"):
        ApprovalGate.model_validate({"approvers": ["ada@example.com"], "timezone": zone})


def test_the_approvers_zone_is_known_by_name() -> None:
    assert ApprovalGate(approvers=("ada@example.com",), timezone="Europe/Berlin").timezone == "Europe/Berlin"
