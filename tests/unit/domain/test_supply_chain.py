"""What an environment requires of an image: a plan that does not meet it is refused, and everybody can see why."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from slipway.domain.application import Application
from slipway.domain.decide import decide
from slipway.domain.events import StepFinished
from slipway.domain.release import Phase
from slipway.domain.requirements import (
    CosignRequirement,
    NotationRequirement,
    ProvenanceRequirement,
    Requirements,
)
from slipway.domain.snapshot import lookups
from slipway.domain.steps import GRACE, STEP_TIME, StepKind, time_allowed
from slipway.domain.subjects import parse_subject
from tests.unit.domain.effects import Outcome, plan_result
from tests.unit.domain.samples import ADA, application, production, staging
from tests.unit.domain.test_explain import explained, rule
from tests.unit.domain.world import World

CONTOSO = "C=US, ST=WA, O=contoso.com"
EVERYTHING = Requirements(
    notation=NotationRequirement(roots=("keys/ca.pem",), identities=(CONTOSO,)),
    cosign=CosignRequirement(key="keys/cosign.pub"),
    sbom=True,
    provenance=ProvenanceRequirement(builders=("https://builder.example",)),
)
NAMES = ("signed-by-notation", "signed-by-cosign", "has-sbom", "built-by")


def requiring(required: Requirements = EVERYTHING) -> Application:
    return application(staging(), production().evolve(require=required), notify=("team",))


def pushed(delivered: Application, **unmet: str) -> World:
    """An image was pushed that meets every requirement except those in `unmet`."""
    world = World(delivered)
    world.effects.unmet = {name.replace("_", "-"): reason for name, reason in unmet.items()}
    world.push("v1")
    world.settle()
    return world


def test_met_requirements_are_recorded_with_the_plan_and_people_are_asked() -> None:
    world = pushed(requiring())
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    results = world.last("plan.made").details["supply_chain"]
    assert [(rule["rule"], rule["verdict"]) for rule in results] == [(name, "pass") for name in NAMES]
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_an_unmet_requirement_fails_the_release_by_its_rule_before_anybody_is_asked() -> None:
    world = pushed(requiring(), signed_by_cosign="there is no cosign signature")
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "signed-by-cosign: there is no cosign signature"
    refusal = world.last("plan.refused")
    assert refusal.details["rules"] == ["signed-by-cosign"]
    assert refusal.details["reason"] == "signed-by-cosign: there is no cosign signature"
    later_actions = world.actions(1)[world.actions(1).index("plan.refused") :]
    assert later_actions == ["plan.refused", "release.failed", "notification.sent"]
    assert "gate.opened" not in world.actions(1)
    assert world.lanes["production"].waiting is None


def test_every_rule_that_does_not_hold_is_named() -> None:
    world = pushed(requiring(), has_sbom="none is attached", built_by="nobody says who built it")
    assert world.last("plan.refused").details["rules"] == ["has-sbom", "built-by"]
    assert world.releases[1].reason == "has-sbom: none is attached; built-by: nobody says who built it"


def test_the_decision_itself_gives_the_rules() -> None:
    world = World(requiring())
    world.effects.lose(StepKind.PLAN, "production")
    world.push("v1")
    world.settle()
    step = world.steps(StepKind.PLAN)[-1]
    unmet = {"has-sbom": "none is attached"}
    result = plan_result(
        step, world.application, world.delivery, world.releases[1], world.lanes["production"], unmet=unmet
    )
    event = StepFinished(received_at=world.now, step=step, passed=True, result=result)
    decision = decide(world.snapshot(lookups(world.application, event)), event)
    assert [(rule.name, rule.passed) for rule in decision.rules] == [(name, name != "has-sbom") for name in NAMES]


def test_a_plan_that_says_nothing_of_a_required_rule_is_refused() -> None:
    world = World(requiring(Requirements(sbom=True)))
    world.effects.lose(StepKind.PLAN, "production")
    world.push("v1")
    world.settle()
    step = world.steps(StepKind.PLAN)[-1]
    silent = plan_result(step, application(), world.delivery, world.releases[1], world.lanes["production"])
    world.finish(step, Outcome(result=silent))
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "has-sbom: the plan has no result for it"


def test_a_refusal_by_a_policy_that_has_changed_meanwhile_leads_to_a_new_plan() -> None:
    world = World(requiring())
    world.effects.lose(StepKind.PLAN, "production")
    world.push("v1")
    world.settle()
    step = world.steps(StepKind.PLAN)[-1]
    unmet = {"built-by": "the builder is another one"}
    result = plan_result(
        step, world.application, world.delivery, world.releases[1], world.lanes["production"], unmet=unmet
    )
    world.change()
    world.finish(step, Outcome(result=result))
    assert world.last("plan.outdated").details["reason"].startswith("the application")
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_the_lane_is_free_for_the_next_image_after_a_refusal() -> None:
    world = pushed(requiring(), has_sbom="none is attached")
    world.effects.unmet = {}
    world.wait(timedelta(minutes=1))
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.AWAITING_APPROVAL


def test_explain_shows_a_requirement_before_it_was_checked() -> None:
    world = World(requiring())
    world.effects.lose(StepKind.PLAN, "staging")
    world.push("v1")
    world.settle()
    built_by = rule(explained(world), "production", "built-by")
    assert not built_by.passed
    assert built_by.reason == "it is checked when the rollout is planned"


def test_explain_shows_an_unmet_requirement_and_what_to_do() -> None:
    world = pushed(requiring(), has_sbom="none is attached")
    explanation = explained(world)
    assert not rule(explanation, "production", "has-sbom").passed
    assert rule(explanation, "production", "has-sbom").reason == "none is attached"
    assert rule(explanation, "production", "signed-by-cosign").passed
    assert explanation.headline == "shop-1 failed in production: has-sbom: none is attached."
    assert explanation.next.startswith("Sign the image and attach the missing documents")


def test_a_met_requirement_stays_visible_once_the_release_is_live() -> None:
    world = pushed(requiring())
    world.vote(1, ADA)
    world.settle()
    assert rule(explained(world), "production", "signed-by-notation").reason == "about signed-by-notation"


def test_the_plan_step_is_given_the_time_that_signatures_may_take() -> None:
    required = production().evolve(require=Requirements(sbom=True, within=timedelta(minutes=7)))
    assert time_allowed(StepKind.PLAN, required) == STEP_TIME + timedelta(minutes=7) + GRACE
    assert time_allowed(StepKind.PLAN, production()) == STEP_TIME + GRACE


def test_a_time_of_over_an_hour_to_wait_for_a_signature_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most 60m"):
        Requirements(sbom=True, within=timedelta(hours=2))


# ---- subjects


def test_a_subject_is_read_as_in_a_trust_policy_of_notation() -> None:
    expected = {"C": "US", "ST": "WA", "O": "contoso.com", "CN": "release"}
    assert parse_subject("x509.subject: C=US, ST=WA, O=contoso.com, CN=release") == expected
    assert parse_subject("c=US,S=WA,O=contoso.com,cn=release") == expected


@pytest.mark.parametrize(
    ("text", "organization"),
    [
        (r"C=US, ST=WA, O=Contoso\, Inc.", "Contoso, Inc."),
        (r"C=US, ST=WA, O=a\;b\+c\\d", r"a;b+c\d"),
        (r"C=US, ST=WA, O=\ a\ ", " a "),
        ("C=US, ST=WA,  O= a b  ", "a b"),
        ("C=US, ST=WA, O=a=b", "a=b"),
    ],
)
def test_escapes_stand_for_themselves(text: str, organization: str) -> None:
    assert parse_subject(text)["O"] == organization


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C=US, O=contoso.com", "got no ST"),
        (" ", "expected TYPE=value"),
        ("C=US, ST=WA, O=a, O=b", "expected O once"),
        ("C=US, ST=WA, O=a, X=b", "got 'X=b'"),
        ("C=US, ST=WA, O=", "expected a value for O"),
        ("C=US, ST=WA, O=a; CN=b", r"to be written as \\;"),
        ("C=US, ST=WA, O=a+CN=b", r"to be written as \\\+"),
        ("C=US, ST=WA, O=a\\", "a character after the last"),
    ],
)
def test_a_malformed_subject_is_refused_with_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        NotationRequirement(roots=("ca.pem",), identities=(text,))


def test_identities_that_overlap_or_stand_beside_anyone_are_refused() -> None:
    with pytest.raises(ValidationError, match="overlap"):
        NotationRequirement(roots=("ca.pem",), identities=(CONTOSO, f"{CONTOSO}, CN=release"))
    with pytest.raises(ValidationError, match="alone"):
        NotationRequirement(roots=("ca.pem",), identities=("*", CONTOSO))
