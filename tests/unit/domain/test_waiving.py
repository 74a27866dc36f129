"""Waivers: somebody whom the project names lets one rule about proof not hold, for one release in one environment."""

from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.application import Application
from slipway.domain.commands import Verb
from slipway.domain.decide import Decision
from slipway.domain.gate import AutoGate
from slipway.domain.on_record import on_record
from slipway.domain.project import ProvenanceLevel
from slipway.domain.release import Phase, Run
from slipway.domain.rules import Rule, Unknown
from slipway.domain.runs import Fact, Trust
from slipway.domain.waivers import Waiver, waived
from slipway.testing.commands import proved_command
from tests.unit.domain.gates import at_the_gate, built, reason_of, refusals, voters
from tests.unit.domain.samples import ADA, BEN, CLEO, MALLORY, application, approval, production, staging
from tests.unit.domain.world import World

MANAGERS = ("role:release-managers",)
WHY = "the repository was moved"


def guarded(**fields: Any) -> Application:
    """Production requires that it is known who is behind a change, and release managers may waive that."""
    gate = approval(ADA, BEN, CLEO, require_known=True, **fields)
    return application(staging(), production(gate=gate).evolve(waive=MANAGERS), notify=("team",))


def waive(world: World, rule: str = "change-is-known", *, by: str = BEN, **fields: Any) -> Decision:
    usual: dict[str, Any] = {
        "received_at": world.now,
        "verb": Verb.WAIVE,
        "application": "shop",
        "release": 1,
        "environment": "production",
        "rule": rule,
        "actor": by,
        "roles": ("release-managers",),
        "reason": WHY,
        "channel": "page",
        "submission": f"waive-{rule}-{by}-{len(world.audit)}",
    }
    return world.take(proved_command(**usual | fields))


@pytest.fixture
def world() -> World:
    """shop-1 waits for approval, and it is not known who is behind the change."""
    waits = at_the_gate(guarded())
    assert refusals(waits.vote(1, ADA)) == ["change-is-known"]
    return waits


def test_a_waived_rule_is_shown_as_unknown_and_no_longer_blocks_the_release(world: World) -> None:
    waive(world)
    world.settle()
    decision = world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    result = next(rule for rule in decision.rules if rule.rule is Rule.CHANGE_IS_KNOWN)
    assert isinstance(result, Unknown)
    assert not result.passed
    assert result.reason.startswith(f"waived by {BEN}: {WHY}; ")
    waiver_record = next(record for record in world.audit if record.action == "waiver.given")
    assert (waiver_record.actor, waiver_record.details["rule"], waiver_record.details["reason"]) == (
        BEN,
        "change-is-known",
        WHY,
    )
    assert waiver_record.proof is not None


def test_a_waiver_voids_earlier_votes_and_people_are_asked_about_the_new_plan() -> None:
    world = at_the_gate(guarded(required=2), run=built(by=MALLORY, committed_by=MALLORY))
    release = world.releases[1]
    assert release.run is not None
    world.vote(1, ADA)
    run = release.run.evolve(behind=Fact(trust=Trust.NOT_PROVED, why="the repository is gone"))
    world.releases[1] = release = world.releases[1].evolve(run=run)
    plan_hash = release.plan_hash
    waive(world)
    assert world.phase(1) is Phase.PLANNING
    world.settle()
    assert (world.phase(1), voters(world)) == (Phase.AWAITING_APPROVAL, [])
    assert world.releases[1].plan_hash != plan_hash
    voided = next(entry for entry in reversed(world.audit) if entry.action == "vote.voided")
    assert voided.details["reason"] == "the plan changed: waivers"


def test_the_person_who_waives_a_rule_may_reject_but_not_approve_the_release_there(world: World) -> None:
    waive(world, by=BEN)
    world.settle()
    decision = world.vote(1, BEN)
    assert refusals(decision) == ["approver-is-not-waiver"]
    assert reason_of(decision, "approver-is-not-waiver") == f"change-is-known was waived by {BEN}: {WHY}"
    world.reject(1, BEN)
    assert world.phase(1) is Phase.REJECTED


def test_the_person_who_retried_a_release_does_not_approve_it_where_change_is_known_was_waived() -> None:
    world = at_the_gate(guarded())
    world.wait(timedelta(hours=25))
    world.settle()
    assert world.phase(1) is Phase.EXPIRED
    world.command(Verb.RETRY, 1, actor=CLEO)
    world.settle()
    waive(world, by=BEN)
    world.settle()
    assert refusals(world.vote(1, CLEO)) == ["approver-is-not-waiver"]
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"roles": ("operator", "platform")}, "may-waive"),
        ({"roles": ()}, "may-waive"),
        ({"proved": None}, "proof-is-given"),
        ({"reason": " "}, "reason-is-given"),
        ({"environment": "staging"}, "is-here"),
        ({"rule": "quorum-reached"}, "can-be-waived"),
        ({"rule": "built-by-run"}, "can-be-waived"),
        ({"rule": "nonsense"}, "can-be-waived"),
        ({"rule": ""}, "can-be-waived"),
    ],
)
def test_a_waiver_needs_a_role_that_the_project_names_a_proof_a_reason_and_a_blocking_rule(
    world: World, fields: dict[str, Any], rule: str
) -> None:
    plan_hash = world.releases[1].plan_hash
    without_proof = "proved" in fields
    decision = world.take(waiver_event(world).evolve(proved=None)) if without_proof else waive(world, **fields)
    assert rule in refusals(decision)
    assert world.last("command.refused").details["verb"] == "waive"
    assert (world.releases[1].waivers, world.releases[1].plan_hash) == ((), plan_hash)


def waiver_event(world: World) -> Any:
    return proved_command(
        received_at=world.now,
        verb=Verb.WAIVE,
        application="shop",
        release=1,
        environment="production",
        rule="change-is-known",
        actor=BEN,
        roles=("release-managers",),
        reason=WHY,
        channel="page",
        submission="without-a-proof",
    )


def test_a_rule_cannot_be_waived_twice(world: World) -> None:
    waive(world)
    world.settle()
    assert refusals(waive(world, by=CLEO)) == ["can-be-waived"]


def test_nothing_is_waived_where_the_project_names_nobody() -> None:
    gate = approval(ADA, BEN, require_known=True)
    world = at_the_gate(application(staging(), production(gate=gate), notify=("team",)))
    assert refusals(waive(world)) == ["may-waive"]


def test_explain_says_that_nobody_can_approve_and_who_may_waive_it(world: World) -> None:
    assert world.explain(1).next == (
        "Nobody can approve it until it is known who is behind the change, or somebody with role:release-managers "
        "waives change-is-known (slipway waive shop-1 production --rule change-is-known); it may be rejected."
    )
    waive(world)
    world.settle()
    assert world.explain(1).next.startswith(f"{ADA} or {CLEO} may approve or reject plan")


def test_explain_still_names_the_waived_rule_of_a_live_release(world: World) -> None:
    waive(world)
    world.settle()
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    of_production = next(group.rules for group in world.explain(1).rules if group.environment == "production")
    (result,) = [result for result in of_production if result.rule is Rule.CHANGE_IS_KNOWN]
    assert (result.reason, result.passed, result.blocks) == (f"waived by {BEN}: {WHY}", False, False)


# ---- which run built it
def proved_environment() -> Application:
    last = production(gate=AutoGate()).evolve(waive=MANAGERS, provenance=ProvenanceLevel.ARTIFACT)
    return application(staging(), last, notify=("team",))


def reaches_production(run: Run | None = None) -> World:
    world = World(proved_environment())
    world.push("v1")
    if run is not None:
        world.run(run)
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK
    return world


def test_a_release_whose_run_is_not_proved_goes_on_once_built_by_run_is_waived() -> None:
    world = reaches_production()
    assert "built-by-run" in world.releases[1].blocked_by
    assert world.explain(1).next == (
        "It continues automatically once its CI run is proved, or somebody with role:release-managers waives "
        "built-by-run (slipway waive shop-1 production --rule built-by-run)."
    )
    waive(world, "built-by-run")
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_a_rule_that_is_known_not_to_hold_cannot_be_waived() -> None:
    contradicted_run = built(by=MALLORY).evolve(built=Fact(trust=Trust.CONTRADICTED, why="two reports differ"))
    world = reaches_production()
    world.releases[1] = world.releases[1].evolve(run=contradicted_run)
    assert refusals(waive(world, "built-by-run")) == ["can-be-waived"]
    waiver = Waiver(environment="production", rule=Rule.BUILT_BY_RUN, by=BEN, reason=WHY, at=world.now, proof=PROOF)
    failed_result = Rule.BUILT_BY_RUN.fails("two reports differ")
    assert waived(failed_result, (waiver,)) == failed_result


PROOF = "sha256:" + "7" * 64


@pytest.mark.parametrize("rule", [rule for rule in Rule if not rule.waivable])
def test_a_rule_that_is_not_about_proof_is_never_waived(rule: Rule) -> None:
    now = World(guarded()).now
    waiver = Waiver(environment="production", rule=rule, by=BEN, reason=WHY, at=now, proof=PROOF)
    result = rule.unknown("nobody knows")
    assert waived(result, (waiver,)) is result


def test_rules_about_a_digest_or_a_vote_are_never_waivable() -> None:
    assert {rule for rule in Rule if rule.waivable} == {Rule.BUILT_BY_RUN, Rule.CHANGE_IS_KNOWN}


# ---- the worker derives the gate again
def test_a_waiver_without_its_record_opens_nothing(world: World) -> None:
    waive(world)
    world.settle()
    world.vote(1, ADA)
    release, environment = world.releases[1], world.application.environments[-1]
    records = world.audit[release.first_sequence - 1 :]
    assert on_record(records, release, environment, world.now).passed
    forged = release.waivers[0].evolve(by=CLEO)
    assert not on_record(records, release.evolve(waivers=(forged,)), environment, world.now).passed
