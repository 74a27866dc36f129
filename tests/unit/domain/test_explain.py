"""Explanations: for each phase, why a release is where it is, which rules hold it there, and what must happen next."""

from datetime import timedelta

import pytest

from slipway.domain.application import Application, Start
from slipway.domain.around import NO_JOBS
from slipway.domain.environment import TESTS_NONE, OnFailure, Soak
from slipway.domain.explain import Explained, Explanation
from slipway.domain.release import Phase
from slipway.domain.rules import Moot, Rule, WaitsFor
from slipway.domain.steps import StepKind
from tests.unit.domain.effects import Outcome
from tests.unit.domain.samples import (
    ADA,
    BEN,
    CLEO,
    JOBS,
    MORNING,
    PROBED,
    application,
    approval,
    ci_run,
    digest,
    production,
    staging,
    unattended,
)
from tests.unit.domain.world import World


def explained(world: World, number: int = 1) -> Explanation:
    return world.explain(number)


def rule(explanation: Explanation, environment: str, name: str) -> Explained:
    rules = {part.environment: part.rules for part in explanation.rules}[environment]
    return next(result for result in rules if result.name == name)


def holds(explanation: Explanation, environment: str) -> dict[str, bool]:
    rules = {part.environment: part.rules for part in explanation.rules}[environment]
    assert len({result.name for result in rules}) == len(rules)
    return {result.name: not (result.blocks or isinstance(result, Moot)) for result in rules}


def stopped_at(kind: StepKind, environment: str, delivered: Application | None = None, *, tag: str = "v1") -> World:
    """The image was pushed, and the first such step reports nothing."""
    world = World(delivered or unattended())
    world.effects.jobs = JOBS if kind in (StepKind.BEFORE, StepKind.AFTER) else NO_JOBS
    world.effects.lose(kind, environment)
    world.push(tag)
    world.settle()
    return world


def test_a_gate_that_waits_for_a_soak_says_so_and_not_that_there_is_no_plan() -> None:
    world = World(application(staging(), production(soak=Soak(time=timedelta(minutes=30)))))
    world.push("v1")
    world.settle()
    explanation = explained(world)
    assert explanation.phase is Phase.SOAKING
    assert rule(explanation, "production", "plan-is-current").passed
    assert rule(explanation, "production", "gate-is-open").reason == "it opens once the rule soaked holds"


def test_joining_names_the_missing_fact_and_its_deadline() -> None:
    world = World(application(start=Start.BOTH))
    world.push("v1", actor="builder")
    explanation = explained(world)
    assert explanation.headline == "shop-1 waits for its CI run to succeed until 2026-11-23 10:00 UTC."
    assert explanation.next == (
        "Pipeline Shop/build has to report a run that succeeded and built it. "
        "There is nothing to do while it is running; if it has ended, run it again, or cancel this release."
    )
    assert rule(explanation, "staging", "image-was-pushed").reason == "pushed as v1 at 2026-11-23 08:00 UTC by builder"
    assert rule(explanation, "staging", "run-succeeded").reason == "no CI run that built v1 was reported"


def test_joining_that_waits_for_the_push_says_so() -> None:
    world = World(application(start=Start.BOTH))
    world.run(ci_run("7"))
    explanation = explained(world)
    assert explanation.headline.startswith("shop-1 waits for its image to be pushed until")
    assert explanation.next == "Registry ci has to report team/shop:7: push it, or cancel this release."
    assert not rule(explanation, "staging", "digest-is-known").passed


def test_joining_whose_time_is_over_waits_for_the_reconcile_timer() -> None:
    world = World(application(start=Start.BOTH))
    world.push("v1")
    world.wait(timedelta(hours=2))
    assert explained(world).next == "Its deadline passed at 2026-11-23 10:00 UTC: the next reconcile run ends it."


def test_resolving_says_what_is_looked_up() -> None:
    world = World(application(start=Start.RUN))
    world.run(ci_run("7"))
    explanation = explained(world)
    assert explanation.headline == "shop-1 is resolving: its tag is being looked up in the registry."
    assert rule(explanation, "staging", "digest-is-known").reason == "7 is not resolved"
    assert explanation.next == "The resolve step is running and due by 2026-11-23 08:15 UTC; no action needed."


def test_queued_names_the_release_ahead_and_its_phase() -> None:
    world = stopped_at(StepKind.VERIFY, "staging")
    world.wait(timedelta(minutes=1))
    world.push("v2")
    explanation = explained(world, 2)
    assert explanation.headline == "shop-2 waits in staging behind shop-1, which is verifying."
    assert explanation.next.startswith("The rollout of shop-1, which is verifying has to end")
    assert rule(explanation, "staging", "lane-is-free") == Rule.LANE_IS_FREE.not_yet(
        "shop-1 is being rolled out (verifying)", WaitsFor.RELEASE
    )


def test_planning_says_which_attempt() -> None:
    explanation = explained(stopped_at(StepKind.PLAN, "staging"))
    assert explanation.headline == "shop-1 is planning in staging: the plan of its exact changes is being made."
    assert rule(explanation, "staging", "plan-is-current").reason == "the plan is being made (attempt 1)"


def at_the_gate(required: int = 2) -> World:
    gate = approval(ADA, BEN, CLEO, required=required)
    world = World(application(staging(), production(gate=gate)))
    world.push("v1")
    world.run(ci_run("v1", by=CLEO))
    world.settle()
    return world


def test_awaiting_approval_names_who_voted_who_can_still_vote_and_until_when() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    explanation = explained(world)
    plan = world.releases[1].plan_hash
    assert plan is not None
    assert explanation.headline == "shop-1 waits in production for 1 more approval until 2026-11-24 08:00 UTC."
    assert explanation.next == f"{BEN} may approve or reject plan {plan[7:19]}."
    assert rule(explanation, "production", "gate-is-open").reason == "it is open until 2026-11-24 08:00 UTC"
    assert rule(explanation, "production", "quorum-reached").reason == (
        f"1 of 2 approvals; {ADA}: approve, 2026-11-23 08:00 UTC; still asked: {BEN}"
    )
    assert holds(explanation, "production") == {
        "previous-environment-was-live": True,
        "no-newer-release": True,
        "lane-is-free": True,
        "plan-is-current": True,
        "gate-is-open": True,
        "quorum-reached": False,
        "approver-is-not-requester": True,
        "approver-is-not-committer": True,
        "application-is-in-order": True,
        "freeze": True,
        "hold": True,
        "artifact-is-copied": False,
        "rollout-succeeded": False,
        "verification-passed": False,
        "is-live": False,
    }


def test_awaiting_approval_of_a_plan_that_is_outdated_says_so() -> None:
    world = at_the_gate()
    world.change()
    assert rule(explained(world), "production", "plan-is-current") == Rule.PLAN_IS_CURRENT.not_yet(
        "the application (policy or manifests) changed since the plan was made", WaitsFor.STEP
    )
    assert explained(world).next.endswith("may ask for a new plan, on the approval page, or reject it.")


def test_awaiting_approval_whose_time_is_over_waits_for_the_reconcile_timer() -> None:
    world = at_the_gate()
    world.wait(timedelta(hours=25))
    explanation = explained(world)
    assert not rule(explanation, "production", "gate-is-open").passed
    assert explanation.next == "Its deadline passed at 2026-11-24 08:00 UTC: the next reconcile run ends it."


def test_awaiting_approval_that_nobody_can_give_says_when_it_expires() -> None:
    world = World(application(staging(), production(gate=approval(CLEO))))
    world.push("v1")
    world.run(ci_run("v1", by=CLEO))
    world.settle()
    assert explained(world).next == ("Nobody on the list can still vote; it expires at 2026-11-24 08:00 UTC.")


@pytest.mark.parametrize(
    ("kind", "phase", "words"),
    [
        (StepKind.COPY, Phase.COPYING, "the artifact is being copied into the environment's registry"),
        (
            StepKind.BEFORE,
            Phase.PREPARING,
            "the Jobs that come before its rollout are running, such as a migration",
        ),
        (StepKind.DEPLOY, Phase.DEPLOYING, "the manifests are being applied"),
        (StepKind.CHECK, Phase.CHECKING, "the cluster is bringing the new version up"),
        (StepKind.AFTER, Phase.FINISHING, "the Jobs that come after its rollout are running"),
        (StepKind.VERIFY, Phase.VERIFYING, "the acceptance tests are running"),
    ],
)
def test_a_rollout_says_what_is_being_done_and_when_the_step_reports(kind: StepKind, phase: Phase, words: str) -> None:
    world = stopped_at(kind, "production")
    explanation = explained(world)
    assert explanation.phase is phase
    assert explanation.headline == f"shop-1 is {phase} in production: {words}."
    assert explanation.next.startswith(f"The {kind} step is running and due by 2026-11-23 ")
    assert holds(explanation, "production") == {
        "previous-environment-was-live": True,
        "no-newer-release": True,
        "lane-is-free": True,
        "plan-is-current": True,
        "quorum-reached": True,
        "artifact-is-copied": kind is not StepKind.COPY,
        "rollout-succeeded": kind in (StepKind.AFTER, StepKind.VERIFY),
        "verification-passed": False,
        "is-live": False,
    }


def test_an_overdue_step_waits_for_the_reconcile_timer_to_send_it_again_and_is_given_up_in_the_end() -> None:
    world = stopped_at(StepKind.PLAN, "staging")
    world.effects.lose(StepKind.PLAN, times=10)
    world.wait(timedelta(minutes=15))
    assert "the next reconcile run sends it again" in explained(world).next
    for _ in range(3):
        world.reconcile()
        world.settle()
        assert "no action needed; it was sent again" in explained(world).next
        world.wait(timedelta(minutes=15))
    assert "the next reconcile run fails the release" in explained(world).next


def failing(kind: StepKind, *, live_before: bool, on_failure: OnFailure = OnFailure.ROLL_BACK) -> World:
    """The newest release, which has the highest number, fails in production at a step."""
    world = World(application(staging(), production(gate=None, on_failure=on_failure)))
    if live_before:
        world.push("v0")
        world.settle()
        world.wait(timedelta(minutes=1))
    world.effects.fail(kind, "production", reason="it answers 500", evidence=FAILED_PROBE)
    world.push("v1")
    return world


FAILED_PROBE = [{"name": "probe /", "environment": "production", "passed": False, "summary": "expected 200, got 500"}]


def test_rolling_back_gives_the_reason() -> None:
    world = failing(StepKind.VERIFY, live_before=True)
    world.effects.lose(StepKind.ROLL_BACK)
    world.settle()
    explanation = explained(world, 2)
    assert explanation.headline == "shop-2 is rolling back in production: it answers 500."
    assert rule(explanation, "production", "verification-passed").reason == "probe /: expected 200, got 500"
    assert rule(explanation, "production", "artifact-is-copied").passed
    assert explanation.next.startswith("The roll-back step is running")


def test_rolled_back_says_that_nothing_is_broken_now() -> None:
    world = failing(StepKind.CHECK, live_before=True)
    world.settle()
    explanation = explained(world, 2)
    assert explanation.headline == "shop-2 was rolled back in production: it answers 500."
    assert rule(explanation, "production", "rollout-succeeded") == Rule.ROLLOUT_SUCCEEDED.fails("it answers 500")
    assert explanation.next.startswith("Nothing is broken now")


def marks(explanation: Explanation, environment: str) -> dict[str, set[str]]:
    """The names of an environment's rules, by mark."""
    rules_by_mark = dict[str, set[str]]()
    for result in next(part.rules for part in explanation.rules if part.environment == environment):
        rules_by_mark.setdefault(result.mark, set()).add(result.name)
    return rules_by_mark


def test_an_environment_that_a_failed_release_never_reached_has_no_failure() -> None:
    world = World(unattended())
    world.effects.fail(StepKind.VERIFY, "staging", reason="it answers 500", evidence=FAILED_PROBE)
    world.push("v1")
    world.settle()
    explanation = explained(world)
    assert explanation.phase.ended_in_failure
    assert set(marks(explanation, "production")) <= {"✓", "–"}
    assert {"previous-environment-was-live", "rollout-succeeded", "is-live"} <= marks(explanation, "production")["–"]
    assert marks(explanation, "staging")["✕"] == {"verification-passed"}


def test_rules_after_the_failed_step_show_no_failure() -> None:
    world = World(unattended())
    world.effects.fail(StepKind.COPY, "production", reason="the registry refuses")
    world.push("v1")
    world.settle()
    explanation = explained(world)
    assert marks(explanation, "production")["✕"] == {"artifact-is-copied"}
    assert rule(explanation, "production", "artifact-is-copied").reason == "the registry refuses"
    assert {"rollout-succeeded", "verification-passed", "is-live"} <= marks(explanation, "production")["–"]


def test_a_release_that_was_live_and_is_replaced_has_no_failure() -> None:
    world = World(unattended())
    for tag in ("v1", "v2"):
        world.push(tag)
        world.settle()
    assert all(marks(explained(world), name).keys() <= {"✓", "–"} for name in ("staging", "production"))


def test_failed_and_left_as_it_is_asks_for_a_person() -> None:
    world = failing(StepKind.CHECK, live_before=True, on_failure=OnFailure.STOP)
    world.settle()
    assert explained(world, 2).next.startswith("A person has to look at production")


def test_failed_before_a_plan_was_made_gives_the_reason_there() -> None:
    world = World(unattended())
    world.effects.fail(StepKind.PLAN, "staging", reason="manifests/deployment.yaml: line 3: no such kind")
    world.push("v1")
    world.settle()
    explanation = explained(world)
    assert explanation.headline == "shop-1 failed in staging: manifests/deployment.yaml: line 3: no such kind."
    assert rule(explanation, "staging", "plan-is-current").reason == "manifests/deployment.yaml: line 3: no such kind"
    assert explanation.next == "Find out why it failed; then try it again, or push a new version."


def test_completed_is_live_everywhere() -> None:
    world = World(unattended())
    world.push("v1")
    world.settle()
    explanation = explained(world)
    assert explanation.headline == "shop-1 went live in production, the last environment."
    assert not any(result.blocks for part in explanation.rules for result in part.rules)
    assert rule(explanation, "staging", "is-live").reason == "live since 2026-11-23 08:00 UTC"


def test_completed_and_replaced_names_the_release_that_replaced_it() -> None:
    world = World(unattended())
    for tag in ("v1", "v2"):
        world.push(tag)
        world.settle()
        world.wait(timedelta(minutes=1))
    explanation = explained(world)
    assert explanation.headline.endswith("and was replaced there by shop-2.")
    assert rule(explanation, "staging", "is-live").reason == (
        "went live at 2026-11-23 08:00 UTC, and was replaced by shop-2 at 2026-11-23 08:01 UTC"
    )


def test_rejected_names_the_person_and_the_reason() -> None:
    world = at_the_gate()
    world.reject(1, BEN, "the release notes are missing.")
    explanation = explained(world)
    assert explanation.headline == f"shop-1 was rejected in production by {BEN}: the release notes are missing."
    assert f"{BEN}: reject (the release notes are missing.)" in rule(explanation, "production", "quorum-reached").reason
    plan = rule(explanation, "production", "plan-is-current")
    assert plan.reason.endswith("was the one to roll out")


def test_expired_says_when_its_time_was_over() -> None:
    world = at_the_gate()
    world.wait(timedelta(hours=24))
    world.settle()
    explanation = explained(world)
    assert explanation.headline == "shop-1 expired in production: nobody decided in time."
    assert rule(explanation, "production", "gate-is-open").reason == "its deadline passed at 2026-11-24 08:00 UTC"


@pytest.mark.parametrize("while_joining", [True, False])
def test_superseded_names_the_newer_release(while_joining: bool) -> None:
    world = World(unattended(start=Start.BOTH if while_joining else Start.PUSH))
    world.push("latest", "first")
    world.wait(timedelta(minutes=1))
    world.push("latest", "second")
    world.run(ci_run("2", at=world.now), tag="latest")
    explanation = explained(world)
    assert explanation.phase is Phase.SUPERSEDED
    assert explanation.next == "Nothing: follow shop-2 instead."
    assert "shop-2" in rule(explanation, "staging", "no-newer-release").reason
    assert not rule(explanation, "staging", "no-newer-release").passed


def test_cancelled_by_a_failed_run_says_that_the_run_can_be_run_again() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    world.run(ci_run("7", result="failed"))
    explanation = explained(world)
    assert explanation.headline == "shop-1 was cancelled: CI run 7 ended as failed."
    assert explanation.next == "Run 7 again: once it succeeds, its image gets a new release."
    assert rule(explanation, "staging", "run-succeeded").reason == "run 7 ended as failed"


def test_cancelled_because_its_environment_is_gone_points_to_the_delivery() -> None:
    world = stopped_at(StepKind.PLAN, "staging")
    world.change(application(production()))
    plan = world.steps(StepKind.PLAN)[0]
    world.finish(plan, Outcome())
    explanation = explained(world)
    assert explanation.headline == (
        "shop-1 was cancelled in staging: the environment 'staging' is no longer one of the application's."
    )
    assert explanation.next == "Correct the application (slipway apply), and push a new version."
    assert [part.environment for part in explanation.rules] == ["production"]


def test_an_environment_that_is_ahead_says_who_will_be_asked_there() -> None:
    world = stopped_at(StepKind.PLAN, "staging", application())
    explanation = explained(world)
    assert (
        rule(explanation, "production", "previous-environment-was-live").reason == "shop-1 has not gone live in staging"
    )
    assert rule(explanation, "production", "quorum-reached").reason == f"{ADA}, {BEN} will be asked for 1 approval"
    assert rule(explanation, "production", "gate-is-open").reason == "it opens once there is a plan"


def test_a_newer_release_that_is_live_further_on_is_named_beforehand() -> None:
    world = World(unattended().evolve(environments=(production(gate=None),)))
    world.push("v2")
    world.settle()
    world.change(unattended())
    world.effects.lose(StepKind.CHECK, "staging")
    world.push("v1", at=MORNING - timedelta(minutes=1))
    world.settle()
    assert rule(explained(world, 2), "production", "no-newer-release").reason == "the newer shop-1 is live"


def test_verification_passed_is_unknown_in_an_environment_without_tests() -> None:
    world = World(application(staging(verification=PROBED.evolve(http=()))))
    world.push("v1")
    world.settle()
    (part,) = (part for part in explained(world).rules if part.environment == "staging")
    (rule,) = (rule for rule in part.rules if rule.rule is Rule.VERIFICATION_PASSED)
    assert rule == Rule.VERIFICATION_PASSED.unknown(TESTS_NONE, blocks=False)
    assert world.last("release.live").details["tests"] == "none"


def test_the_tag_rule_comes_first() -> None:
    world = World(unattended())
    world.push("v1")
    assert explained(world).rules[0].rules[0] == Rule.TAG_MATCHES.holds("tag v1 matches glob *")
    assert world.releases[1].digest == digest("v1")
