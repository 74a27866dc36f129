"""Deadlines: which releases end when their time is over, and which steps are sent again."""

from datetime import timedelta

import pytest

from slipway.domain.application import Start
from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from tests.unit.domain.samples import ADA, JOBS, application, approval, ci_run, production, staging, unattended
from tests.unit.domain.world import World

DAY = timedelta(hours=24)


def test_a_gate_that_nobody_answers_expires_quietly() -> None:
    world = World(application())
    world.push("v1")
    world.settle()
    world.wait(DAY)
    world.settle()
    assert world.phase(1) is Phase.EXPIRED
    assert world.releases[1].reason == "nobody decided in time"
    assert world.lanes["production"].waiting is None
    assert not world.steps(StepKind.COPY)
    assert "release.failed" not in world.actions()


def test_a_release_expires_when_the_fact_it_waits_for_does_not_come() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    world.wait(timedelta(hours=2))
    world.settle()
    assert world.phase(1) is Phase.EXPIRED
    assert not world.head.active


def test_a_run_that_comes_after_the_release_expired_starts_nothing_and_is_recorded() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    world.wait(timedelta(hours=2))
    world.settle()
    world.run(ci_run("7"))
    assert world.phase(1) is Phase.EXPIRED
    assert world.last("release.joined").details["fact"] == "run"


def test_a_deadline_that_comes_early_does_nothing_and_the_reconcile_timer_asks_again() -> None:
    world = World(application(start=Start.BOTH))
    world.push("7")
    deadline = world.outbox.popleft()
    assert deadline.not_before == world.now + timedelta(hours=2)
    world.deliver(deadline)
    assert world.phase(1) is Phase.JOINING
    world.wait(timedelta(hours=2))
    world.reconcile()
    assert world.phase(1) is Phase.EXPIRED


def test_the_deadline_of_an_earlier_plan_does_nothing() -> None:
    world = World(application(staging(), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    world.wait(timedelta(hours=12))
    world.change(application(staging(), production(gate=approval(ADA, required=1, deadline=DAY * 2))))
    world.vote(1, ADA)
    world.settle()
    world.wait(timedelta(hours=12))
    world.settle()
    world.reconcile()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING


def test_the_deadline_of_a_gate_that_was_passed_does_nothing() -> None:
    world = World(application())
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    head_before = world.head
    world.wait(DAY)
    world.settle()
    assert world.head == head_before


def test_a_lost_step_is_sent_again_and_the_release_goes_on() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.PLAN, "staging")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=15))
    world.reconcile()
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    first, second = world.steps(StepKind.PLAN)[:2]
    assert first.id == second.id
    assert first.message_id != second.message_id
    assert world.releases[1].resent == 0


def test_a_step_that_is_not_overdue_is_not_sent_again() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.PLAN, "staging")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=9))
    world.reconcile()
    assert len(world.steps(StepKind.PLAN)) == 1


def lose_for_good(world: World, kind: StepKind) -> int:
    """Lose every report of such steps in staging; returns how often the next such step was sent."""
    steps_before = len(world.steps(kind))
    world.effects.lose(kind, "staging", times=100)
    world.push(f"v{world.head.next_release}", at=world.now)
    for _ in range(10):
        world.settle()
        world.wait(timedelta(hours=2))
        world.reconcile()
    return len([step for step in world.steps(kind)[steps_before:] if step.environment == "staging"])


AWAITED = [StepKind.PLAN, StepKind.COPY, StepKind.BEFORE, StepKind.DEPLOY, StepKind.CHECK]
AWAITED += [StepKind.AFTER, StepKind.VERIFY]


@pytest.mark.parametrize("kind", AWAITED)
def test_a_step_that_never_reports_fails_its_release_after_three_more_tries(kind: StepKind) -> None:
    world = World(application(staging(registry="staging"), production()))
    world.effects.jobs = JOBS
    assert lose_for_good(world, kind) == 4
    assert world.phase(1) is Phase.FAILED
    assert "although it was sent 4 times" in world.releases[1].reason
    assert world.lanes["staging"].in_progress is None
    assert world.actions(1).count("step.resent") == 3
    assert world.actions(1).count("step.lost") == 1


@pytest.mark.parametrize("kind", [StepKind.DEPLOY, StepKind.CHECK, StepKind.AFTER, StepKind.VERIFY])
def test_a_rollout_with_a_step_that_never_reports_is_rolled_back(kind: StepKind) -> None:
    world = World(application(staging()))
    world.effects.jobs = JOBS
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    assert lose_for_good(world, kind) == 4
    assert world.phase(2) is Phase.ROLLED_BACK
    assert world.live("staging") == 1


def test_a_rollback_that_never_reports_is_sent_again_for_as_long_as_it_takes() -> None:
    world = World(application(staging()))
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=1))
    world.effects.fail(StepKind.CHECK)
    assert lose_for_good(world, StepKind.ROLL_BACK) > 4
    assert world.phase(2) is Phase.ROLLING_BACK


def test_a_late_outcome_of_a_step_that_was_sent_again_counts_once() -> None:
    world = World(unattended())
    world.effects.lose(StepKind.DEPLOY, "staging")
    world.push("v1")
    world.settle()
    world.wait(timedelta(minutes=15))
    world.reconcile()
    first, second = (message for message in world.sent if message.body.get("kind") == "deploy")
    world.deliver(first)
    world.deliver(second)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert [record.environment for record in world.audit if record.action == "rollout.applied"] == [
        "staging",
        "production",
    ]
