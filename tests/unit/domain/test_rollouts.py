"""Rollouts: copy, deployment, verification, and the rollback when one of them fails."""

from datetime import timedelta

import pytest

from slipway.domain.around import Side
from slipway.domain.commands import Verb
from slipway.domain.decide.results import REASON_LIMIT
from slipway.domain.environment import OnFailure
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.effects import runs
from tests.unit.domain.samples import ADA, JOBS, application, approval, digest, production, staging, unattended
from tests.unit.domain.world import World

ROLLOUT_STEPS = [StepKind.DEPLOY, StepKind.CHECK, StepKind.VERIFY]


def one_live() -> World:
    """shop-1 has been live everywhere for a minute."""
    world = World(unattended())
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    world.wait(timedelta(minutes=1))
    return world


def test_an_artifact_is_copied_where_the_environment_pulls_from_another_registry() -> None:
    world = World(unattended())
    world.push("v1")
    world.settle()
    assert [step.environment for step in world.steps(StepKind.COPY)] == ["production"]
    request = world.last("copy.requested")
    assert (request.details["source"], request.details["target"]) == ("ci", "prod")
    assert world.last("copy.done").digest == digest("v1")


def test_nothing_is_copied_within_one_registry() -> None:
    world = World(application(staging(), production(gate=None, registry=None)))
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert not world.steps(StepKind.COPY)


def test_a_copy_that_arrives_with_another_digest_fails_the_release_before_any_rollout() -> None:
    world = World(unattended())
    world.effects.answer(StepKind.COPY, digest=digest("other"))
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == f"the target has {digest('other')}, expected {digest('v1')}"
    assert [step.environment for step in world.steps(StepKind.DEPLOY)] == ["staging"]


def test_a_copy_that_reports_no_digest_fails_the_release() -> None:
    world = World(unattended())
    world.effects.answer(StepKind.COPY)
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.FAILED


@pytest.mark.parametrize("kind", [StepKind.PLAN, StepKind.COPY])
def test_a_failure_before_the_rollout_fails_the_release_and_leaves_what_is_live(kind: StepKind) -> None:
    world = one_live()
    world.effects.fail(kind, "production", reason="no such thing")
    world.push("v2")
    world.settle()
    assert (world.phase(2), world.releases[2].reason) == (Phase.FAILED, "no such thing")
    assert world.live("production") == 1
    assert not world.steps(StepKind.ROLL_BACK)


@pytest.mark.parametrize("kind", ROLLOUT_STEPS)
def test_a_failed_rollout_or_verification_brings_back_what_was_live(kind: StepKind) -> None:
    world = one_live()
    world.effects.fail(kind, "production", reason="it answers 500")
    world.push("v2")
    world.settle()
    assert (world.phase(2), world.releases[2].reason) == (Phase.ROLLED_BACK, "it answers 500")
    assert world.live("production") == 1
    assert world.live("staging") == 2
    request = world.last("rollback.requested")
    live = world.lanes["production"].live
    assert live is not None
    assert (request.details["to"], request.details["plan_hash"]) == ("shop-1", live.plan_hash)


@pytest.mark.parametrize("kind", ROLLOUT_STEPS)
def test_a_failed_first_rollout_has_nothing_to_bring_back_and_fails(kind: StepKind) -> None:
    world = World(unattended())
    world.effects.fail(kind, "staging", reason="it answers 500")
    world.push("v1")
    world.settle()
    assert world.phase(1) is Phase.FAILED
    assert world.releases[1].reason == "it answers 500 (nothing was live before, so there was nothing to roll back to)"
    assert world.live("staging") is None


def test_a_failed_rollout_is_left_for_a_person_where_the_environment_says_stop() -> None:
    world = World(application(staging(on_failure=OnFailure.STOP)))
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.effects.fail(StepKind.VERIFY, reason="it answers 500")
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.FAILED
    assert world.releases[2].reason == "it answers 500 (left as it is: on_failure is stop)"
    assert not world.steps(StepKind.ROLL_BACK)


def test_a_rollback_that_fails_too_says_both_reasons() -> None:
    world = one_live()
    world.effects.fail(StepKind.VERIFY, "staging", reason="it answers 500")
    world.effects.fail(StepKind.ROLL_BACK, reason="the cluster does not answer")
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.FAILED
    assert world.releases[2].reason == "it answers 500; and the rollback failed: the cluster does not answer"


def test_the_lane_is_free_again_after_a_rollback() -> None:
    world = one_live()
    world.effects.fail(StepKind.CHECK, "staging")
    world.push("v2")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.push("v3")
    world.settle()
    assert (world.phase(2), world.phase(3)) == (Phase.ROLLED_BACK, Phase.COMPLETED)


def test_the_evidence_of_a_failed_verification_is_kept() -> None:
    world = one_live()
    evidence = {"name": "smoke", "environment": "staging", "passed": False, "summary": "2 of 9 tests failed"}
    world.effects.fail(StepKind.VERIFY, "staging", evidence=[evidence])
    world.push("v2")
    world.settle()
    assert [result.summary for result in world.releases[2].evidence] == ["2 of 9 tests failed"]


def test_an_outcome_that_is_reported_twice_is_taken_once() -> None:
    world = World(unattended())
    world.push("v1")
    world.settle()
    state_before = (world.head, dict(world.releases))
    for _, event in list(world.taken):
        world.take(event)
    assert (world.head, world.releases) == state_before


def test_the_outcome_of_an_attempt_that_is_over_does_nothing() -> None:
    world = World(application())
    world.effects.lose(StepKind.PLAN, "staging")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.push("v2")
    first_plan = world.steps(StepKind.PLAN)[0]
    world.settle()
    head_before = world.head
    world.deliver(next(message for message in world.sent if message.body.get("release") == first_plan.release))
    assert world.phase(1) is Phase.SUPERSEDED
    assert world.head == head_before


def test_a_plan_that_was_made_from_an_older_delivery_is_made_again_before_anything_is_deployed() -> None:
    world = World(application(staging()))
    world.effects.answer(StepKind.PLAN, plan_hash=digest("plan"), base=None, definition=world.delivery)
    world.push("v1")
    world.change()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.releases[1].plan_definition == world.delivery
    assert world.releases[1].plan_hash != digest("plan")
    assert world.actions(1).count("plan.outdated") == 1


def test_a_plan_with_an_outdated_base_is_made_again_before_anybody_is_asked() -> None:
    world = World(application(staging(gate=approval(ADA))))
    world.effects.answer(
        StepKind.PLAN, plan_hash=digest("plan"), base=digest("something else"), definition=world.delivery
    )
    world.push("v1")
    world.settle()
    assert world.actions(1).count("plan.outdated") == 1
    assert [record.details["plan_hash"] for record in world.audit if record.action == "gate.opened"] == [
        world.releases[1].plan_hash
    ]
    assert world.releases[1].attempt == 2


def test_the_outcome_of_an_earlier_plan_is_not_taken_for_the_later_one_when_its_mark_was_pruned() -> None:
    world = World(application(staging(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    first_outcome = world.taken[-1][1]
    world.change()
    world.vote(1, ADA)
    world.marks.clear()
    head_before = world.head
    assert world.phase(1) is Phase.PLANNING
    world.take(first_outcome)
    assert world.head == head_before


def test_plans_are_counted_from_the_start_in_each_environment() -> None:
    world = World(application())
    world.effects.answer(StepKind.PLAN, plan_hash=digest("plan"), base=None, definition=digest("older"))
    world.push("v1")
    world.settle()
    assert [(step.environment, step.attempt) for step in world.steps(StepKind.PLAN)] == [
        ("staging", 1),
        ("staging", 2),
        ("production", 1),
    ]


def test_a_failed_notification_is_recorded_and_holds_up_no_release() -> None:
    world = World(application(staging(), production(gate=approval(ADA)), notify=("team", "ops")))
    world.effects.fail(StepKind.NOTIFY, reason="the channel is gone")
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("notification.failed").details["reason"] == "the channel is gone"
    assert world.actions(1).count("notification.sent") == 5


def test_a_release_that_is_superseded_before_anybody_was_asked_notifies_nobody() -> None:
    world = World(application(notify=("team",)))
    world.push("v1")
    world.wait(timedelta(minutes=1))
    world.push("v2")
    assert world.phase(1) is Phase.SUPERSEDED
    assert not world.steps(StepKind.NOTIFY)


def with_jobs(*, live: bool) -> World:
    """A world in which Jobs run around every rollout."""
    world = one_live() if live else World(unattended())
    world.effects.jobs = JOBS
    return world


def test_jobs_before_the_rollout_run_after_the_copy_and_before_anything_is_applied() -> None:
    world = with_jobs(live=False)
    world.push("v1")
    world.settle()
    actions = [record.action for record in world.audit if record.environment == "production"]
    marks = ("copy.done", "before.requested", "before.done", "rollout.requested")
    assert [action for action in actions if action in marks] == list(marks)


def test_jobs_after_the_rollout_run_before_the_acceptance_tests() -> None:
    world = with_jobs(live=False)
    world.push("v1")
    world.settle()
    actions = [record.action for record in world.audit if record.environment == "staging"]
    marks = ("rollout.done", "after.requested", "after.done", "verification.requested", "release.live")
    assert [action for action in actions if action in marks] == list(marks)


def test_a_failed_job_before_the_rollout_fails_the_release_and_there_is_nothing_to_roll_back() -> None:
    world = with_jobs(live=True)
    world.effects.fail(StepKind.BEFORE, "production", reason="no such column")
    world.push("v2")
    world.settle()
    assert (world.phase(2), world.releases[2].reason) == (Phase.FAILED, "no such column")
    assert world.live("production") == 1
    assert not world.steps(StepKind.ROLL_BACK)
    assert "rollout.requested" not in [
        r.action for r in world.audit if r.environment == "production" and r.release == "shop-2"
    ]


def test_a_failed_job_after_the_rollout_brings_back_what_was_live() -> None:
    world = with_jobs(live=True)
    world.effects.fail(StepKind.AFTER, "production", reason="no such index")
    world.push("v2")
    world.settle()
    assert (world.phase(2), world.releases[2].reason) == (Phase.ROLLED_BACK, "no such index")
    assert world.live("production") == 1


def test_a_release_remembers_how_its_jobs_ended_over_its_attempts() -> None:
    world = with_jobs(live=False)
    passed_run, failed_run = runs(Side.BEFORE, ("a",)), runs(Side.BEFORE, ("b",), passed=False)
    world.effects.fail(StepKind.BEFORE, "staging", jobs=[*passed_run, *failed_run])
    world.push("v1")
    world.settle()
    world.command(Verb.RETRY, 1)
    world.settle()
    results = {name: run.passed for name, run in world.releases[1].job_runs_in("staging").items()}
    assert results == {"a": True, "b": False, "migrate-1": True, "warm-1": True}


def test_a_step_that_waits_for_jobs_is_not_sent_again_while_they_may_run() -> None:
    world = with_jobs(live=False)
    world.effects.lose(StepKind.BEFORE, "staging")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=40))
    world.reconcile()
    assert "step.resent" not in world.actions(1)
    world.wait(timedelta(minutes=10))
    world.reconcile()
    assert "step.resent" in world.actions(1)


@pytest.mark.parametrize("length", [1500, 2000])
def test_long_reasons_of_a_failure_and_of_its_failed_rollback_are_both_reported_in_the_room_of_one(length: int) -> None:
    world = one_live()
    world.effects.fail(StepKind.VERIFY, "staging", reason="a" * 2000)
    world.effects.fail(StepKind.ROLL_BACK, reason="b" * length)
    world.push("v2")
    world.settle()
    assert world.phase(2) is Phase.FAILED
    reason = world.releases[2].reason
    failure, _, consequence = reason.partition("; ")
    assert len(reason) == REASON_LIMIT
    assert failure.startswith("a" * (REASON_LIMIT // 5))
    assert consequence.endswith("b" * 1400)
