"""What counts as a weaker production gate: compared by place and field by field; what cannot be compared is weaker."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.domain.application import Application
from slipway.domain.drift import IgnoredDrift, OnDrift
from slipway.domain.environment import Environment, Soak
from slipway.domain.gate import ApprovalGate, AutoGate, Gate, Level
from slipway.domain.people import KnownPerson
from slipway.domain.pipeline import RunResult
from slipway.domain.project import AllowedKinds, EnvironmentClass, LeastGate, Project, ProjectEnvironment
from slipway.domain.promotion import PromotionRule, RefusedReferrer
from slipway.domain.requirements import Requirements, RulesOfImages
from slipway.domain.strictness import project_weakenings, weakenings
from tests.unit.domain.samples import application, environment

PEOPLE = ("ada@example.com", "ben@example.com", "cleo@example.com")
GATES = st.builds(
    ApprovalGate,
    approvers=st.sets(st.sampled_from(PEOPLE), min_size=1).map(lambda names: tuple(sorted(names))),
    required=st.just(1),
    level=st.sampled_from(Level),
    objection=st.sampled_from([timedelta(0), timedelta(minutes=30)]),
    fresh=st.sampled_from([None, timedelta(minutes=5), timedelta(minutes=1)]),
    deadline=st.sampled_from([timedelta(hours=1), timedelta(hours=24)]),
    require_known=st.booleans(),
    own_change=st.booleans(),
)


HOUR = timedelta(hours=1)
OID, OTHER = "0a000000-0000-4000-8000-00000000000a", "0b000000-0000-4000-8000-00000000000b"
KNOWN = {OID: KnownPerson(mail=PEOPLE[0], also=("ada@home.example",))}


def production(gate: Gate, *, name: str = "production", **fields: Any) -> Environment:
    return environment(name, gate=gate).evolve(environment_class=EnvironmentClass.PRODUCTION, **fields)


def guarded(gate: Gate, **fields: Any) -> Application:
    return application(production(gate, **fields))


RESOURCES = IgnoredDrift(kind="Deployment", fields=("spec.template.spec.containers[].resources",))
REPLICAS = IgnoredDrift(kind="Deployment", fields=("spec.replicas",))


@pytest.mark.parametrize(
    ("ignored_before", "ignored_after", "weaker"),
    [
        ((), (), False),
        ((), (REPLICAS,), True),
        ((RESOURCES, REPLICAS), (REPLICAS,), False),
        ((REPLICAS,), (RESOURCES,), True),
        ((REPLICAS,), (REPLICAS.evolve(name="web"),), True),
    ],
)
def test_ignoring_more_drift_than_before_is_weaker(
    ignored_before: tuple[IgnoredDrift, ...], ignored_after: tuple[IgnoredDrift, ...], weaker: bool
) -> None:
    weaker_fields = weakenings(
        guarded(AutoGate(), drift_ignore=ignored_before), guarded(AutoGate(), drift_ignore=ignored_after)
    )
    assert bool(weaker_fields) is weaker


@pytest.mark.parametrize(
    ("people", "weaker"),
    [
        (KNOWN, False),
        ({OID: KnownPerson(mail=PEOPLE[0], name="Ada", also=("ada@home.example", "a@git.example"))}, False),
        (KNOWN | {OTHER: KnownPerson(name="Ben", also=("ben@git.example",))}, False),
        ({OID: KnownPerson(mail=PEOPLE[0])}, True),
        ({OID: KnownPerson(mail="eve@example.com", also=("ada@home.example",))}, True),
        (KNOWN | {OTHER: KnownPerson(mail=PEOPLE[1])}, True),
        ({OTHER: KnownPerson(mail=PEOPLE[0])}, True),
        ({}, True),
    ],
)
def test_a_change_of_known_people_is_weaker_unless_it_only_bars_more_of_them(
    people: dict[str, KnownPerson], weaker: bool
) -> None:
    gate = ApprovalGate(approvers=PEOPLE[:2], people=KNOWN)
    assert bool(weakenings(guarded(gate), guarded(gate.evolve(people=people)))) is weaker


@pytest.mark.parametrize(
    ("services", "weaker"), [(("mail:a@x",), False), ((), False), (("mail:a@x", "mail:b@x"), True)]
)
def test_one_more_known_service_is_weaker(services: tuple[str, ...], weaker: bool) -> None:
    gate = ApprovalGate(approvers=PEOPLE[:2], known_services=("mail:a@x",))
    assert bool(weakenings(guarded(gate), guarded(gate.evolve(known_services=services)))) is weaker


OF_BASE = RulesOfImages(of=("team/base",), sbom=True)


@given(GATES)
def test_a_gate_is_not_weaker_than_itself(gate: ApprovalGate) -> None:
    assert weakenings(guarded(gate), guarded(gate)) == ()


@given(GATES, GATES)
def test_a_gate_that_is_not_weaker_is_at_least_as_strict_in_every_field(
    gate_before: ApprovalGate, gate_after: ApprovalGate
) -> None:
    if weakenings(guarded(gate_before), guarded(gate_after)):
        return
    assert set(gate_after.approvers) <= set(gate_before.approvers)
    assert gate_after.level.rank >= gate_before.level.rank
    assert gate_before.fresh is None or (gate_after.fresh is not None and gate_after.fresh <= gate_before.fresh)
    assert gate_after.deadline <= gate_before.deadline
    assert gate_after.objection >= gate_before.objection
    assert gate_after.require_known or not gate_before.require_known
    assert gate_before.own_change or not gate_after.own_change


@given(GATES, GATES, GATES)
def test_two_changes_that_weaken_nothing_weaken_nothing_together(
    first: ApprovalGate, second: ApprovalGate, third: ApprovalGate
) -> None:
    application_1, application_2, application_3 = guarded(first), guarded(second), guarded(third)
    if not weakenings(application_1, application_2) and not weakenings(application_2, application_3):
        assert weakenings(application_1, application_3) == ()


@pytest.mark.parametrize(
    ("drift_before", "drift_after", "weaker"),
    [(OnDrift.HOLD, OnDrift.REPORT, True), (OnDrift.REPORT, OnDrift.HOLD, False), (OnDrift.HOLD, OnDrift.HOLD, False)],
)
def test_reporting_drift_that_held_releases_before_is_weaker(
    drift_before: OnDrift, drift_after: OnDrift, weaker: bool
) -> None:
    assert bool(weakenings(guarded(AutoGate(), drift=drift_before), guarded(AutoGate(), drift=drift_after))) is weaker


@pytest.mark.parametrize(
    ("requirements", "weaker"),
    [(Requirements(), False), (Requirements(sbom=True), True), (Requirements(sbom=True, each=(OF_BASE,)), False)],
)
def test_separate_rules_for_some_images_are_weaker_where_other_rules_held_for_them(
    requirements: Requirements, weaker: bool
) -> None:
    with_own_rules = requirements.evolve(each=(OF_BASE,))
    assert (
        bool(weakenings(guarded(AutoGate(), require=requirements), guarded(AutoGate(), require=with_own_rules)))
        is weaker
    )


def test_a_gate_without_people_is_weaker_and_one_with_people_is_not() -> None:
    people = ApprovalGate(approvers=PEOPLE)
    assert weakenings(guarded(people), guarded(AutoGate()))
    assert weakenings(guarded(AutoGate()), guarded(people)) == ()


@pytest.mark.parametrize(
    ("soak_before", "soak_after", "weaker"),
    [
        (None, Soak(time=HOUR), False),
        (Soak(time=HOUR), None, True),
        (Soak(time=HOUR), Soak(time=2 * HOUR), False),
        (Soak(time=2 * HOUR), Soak(time=HOUR), True),
        (Soak(time=HOUR), Soak(environment="staging", time=HOUR), True),
    ],
)
def test_a_soak_may_only_become_longer(soak_before: Soak | None, soak_after: Soak | None, weaker: bool) -> None:
    staging, gate = environment("staging"), ApprovalGate(approvers=PEOPLE)
    application_before, application_after = (
        application(staging, production(gate, soak=soak)) for soak in (soak_before, soak_after)
    )
    assert bool(weakenings(application_before, application_after)) is weaker


def test_an_environment_under_another_name_guards_its_place_as_before() -> None:
    gate = ApprovalGate(approvers=PEOPLE)
    same = {"clusters": ("production",)}
    assert weakenings(guarded(gate, **same), guarded(gate, name="live", **same)) == ()
    elsewhere = guarded(gate, namespace="elsewhere", **same)
    assert "no environment of class production" in weakenings(guarded(gate, **same), elsewhere)[0].text


def test_an_environment_that_may_lack_signatures_from_now_on_is_weaker() -> None:
    gate = ApprovalGate(approvers=PEOPLE, required=1)
    strict, lenient = (guarded(gate, promotion=PromotionRule(referrers=rule)) for rule in RefusedReferrer)
    assert "promotion" in weakenings(strict, lenient)[0].text
    assert weakenings(lenient, strict) == weakenings(lenient, lenient) == ()


def test_counting_runs_that_only_partially_succeeded_is_weaker_where_production_is() -> None:
    strict = guarded(ApprovalGate(approvers=PEOPLE))
    assert strict.pipeline is not None
    lenient = strict.evolve(pipeline=strict.pipeline.evolve(results=tuple(RunResult)))
    assert [weakening.text for weakening in weakenings(strict, lenient)] == [
        "pipeline: results: succeeded, partiallySucceeded instead of succeeded"
    ]
    assert weakenings(lenient, strict) == weakenings(lenient, lenient) == ()
    assert weakenings(application(environment("staging")), application(environment("staging"))) == ()


@pytest.mark.parametrize("fields", [{"class": "test"}, {"namespaces": ["other"]}, {"clusters": ["staging"]}])
def test_a_place_that_loses_class_production_is_weaker(fields: dict[str, Any]) -> None:
    listed = {"class": "production", "clusters": ["production"], "namespaces": ["shop"]}

    def project(**changed: Any) -> Project:
        return Project.model_validate(
            {"project": "team", "repositories": ["*"], "environments": {"production": {**listed, **changed}}}
        )

    assert project_weakenings(project(), project(**fields))
    assert project_weakenings(project(), project(namespaces=["shop", "cart"])) == ()


@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from(Level), st.sampled_from(Level))
def test_a_least_gate_may_only_grow(required_before: int, required_after: int, level: Level, next_level: Level) -> None:
    def project(required: int, level: Level) -> Project:
        least = LeastGate(required=required, level=level)
        place = ProjectEnvironment(
            environment_class=EnvironmentClass.PRODUCTION, clusters=("p",), namespaces=("n",), least_gate=least
        )
        return Project(project="team", repositories=("*",), environments={"production": place})

    weaker = project_weakenings(project(required_before, level), project(required_after, next_level))
    assert bool(weaker) is (required_after < required_before or next_level.rank < level.rank)


def test_a_weaker_time_is_shown_in_the_notation_of_the_manifest() -> None:
    short, long = (ApprovalGate(approvers=PEOPLE, deadline=time) for time in (timedelta(hours=1), timedelta(hours=48)))
    (weakening,) = weakenings(guarded(short), guarded(long))
    assert weakening.text.endswith("gate: deadline: 2d instead of 1h")


def test_long_values_are_shown_from_where_they_differ() -> None:
    branches = [f"refs/heads/release/{number:02}" for number in range(9)]
    strict = guarded(ApprovalGate(approvers=PEOPLE))
    assert strict.pipeline is not None
    before, after = (
        strict.evolve(pipeline=strict.pipeline.evolve(branches=(*branches, last)))
        for last in ("refs/heads/main", "refs/heads/maint")
    )
    [weakening] = weakenings(before, after)
    shown, _, instead = weakening.text.partition(" instead of ")
    assert shown != instead
    assert (shown.endswith("refs/heads/maint"), instead.endswith("refs/heads/main")) == (True, True)


def test_only_differences_between_known_people_are_named_in_words_of_the_manifest() -> None:
    ada, bob = KnownPerson(name="Ada", mail="ada@shop.example"), KnownPerson(name="Bob", mail="bob@shop.example")
    first, second, third = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "abc")
    gate = ApprovalGate(approvers=PEOPLE, people={first: ada, second: bob})
    eve = KnownPerson(mail="eve@else.example")
    people = {first: ada.evolve(mail="ada@else.example"), second: bob, third: eve}
    texts = [weakening.text for weakening in weakenings(guarded(gate), guarded(gate.evolve(people=people)))]
    assert texts == [
        f"production (production/shop): gate: people.{first}.mail: ada@else.example instead of ada@shop.example",
        f"production (production/shop): gate: people.{third}: mail: eve@else.example instead of nothing",
    ]


def test_ten_of_many_people_who_differ_are_named_and_the_others_counted() -> None:
    gate = ApprovalGate(approvers=PEOPLE)
    people = {
        f"{number:08}-0000-4000-8000-000000000000": KnownPerson(mail=f"p{number}@shop.example") for number in range(14)
    }
    texts = [weakening.text for weakening in weakenings(guarded(gate), guarded(gate.evolve(people=people)))]
    assert len(texts) == 11
    assert texts[-1] == "production (production/shop): gate: people: 4 more differences"


@pytest.mark.parametrize("field", ["also", "host_access"])
def test_allowing_more_kinds_is_weaker(field: str) -> None:
    fewer_kinds, more_kinds = AllowedKinds(), AllowedKinds.model_validate({field: ["apps/DaemonSet"]})
    application_before, application_after = guarded(AutoGate()), guarded(AutoGate())
    (weakening,) = weakenings(application_before.evolve(kinds=fewer_kinds), application_after.evolve(kinds=more_kinds))
    assert "kinds" in weakening.text
    assert weakenings(application_before.evolve(kinds=more_kinds), application_after.evolve(kinds=fewer_kinds)) == ()
