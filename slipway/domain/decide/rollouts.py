"""Rollouts: from a passed gate into the lane, and back to the previous release if the rollout fails."""

from datetime import timedelta

from ..actions import Action
from ..environment import Environment, OnFailure
from ..model import release_id
from ..release import Phase, Release
from ..rules import Rule, RuleResult
from ..steps import StepKind
from .blocks import held_back, hold_back
from .conditions import plan_rule
from .lanes import (
    begin_step,
    end_release,
    end_without_environment,
    last_order,
    next_order,
    request_plan,
    step_of,
    supersede,
    take_lane,
)
from .state import Draft

SOON = timedelta(minutes=1)
"""How soon a stopped release looks again, if the block that stopped it is not known here, or no longer."""


def proceed(draft: Draft, release: Release, environment: Environment) -> None:
    """The gate has passed: take the lane and begin, unless the release is blocked or its plan is outdated."""
    current = current_plan_rule(draft, release)
    if not current.passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        request_plan(draft, release)
        return
    if held_back(draft, release, environment):
        return
    release = draft.releases[release.number]
    if release.override is not None and release.override.used_at is None:
        # The override was not needed; drop it, so that it cannot let a later attempt past a later freeze.
        release = release.evolve(override=None)
    take_lane(draft, release)
    if draft.application.registry_of(environment) != release.registry and not release.is_copied:
        release = draft.enter(release, Phase.COPYING)
        source, target = release.registry, draft.application.registry_of(environment)
        draft.record(Action.COPY_REQUESTED, release, source=source, target=target, repository=release.repository)
        begin_step(draft, release, StepKind.COPY)
    else:
        begin_rollout(draft, release)


def go_on_after_copy(draft: Draft, release: Release, environment: Environment) -> None:
    """The artifact is where the cluster can pull it: begin, unless a block has come up during the copy, which may have
    taken long. In that case give the lane back, and let a waiting release have it."""
    release = draft.put_rollout(release, copied=release.attempt)
    current = current_plan_rule(draft, release)
    if current.passed and not held_back(draft, release, environment):
        begin_rollout(draft, release)
        return
    _give_way(draft, draft.releases[release.number], environment, current)


def give_way_to_block(draft: Draft, release: Release, environment: Environment, broken: tuple[RuleResult, ...]) -> None:
    """A block came up after the decision to begin and before the first write: the release gives the lane back and waits
    for the block to end."""
    current = current_plan_rule(draft, release)
    outside = [rule for rule in broken if rule.rule is Rule.WITHIN_PROJECT]
    if outside and current.passed:  # a new plan would be the same
        end_release(draft, release, Phase.FAILED, f"{outside[0].name}: {outside[0].reason}")
        return
    release = draft.put_rollout(release, stopped=release.attempt)
    if current.passed and not held_back(draft, release, environment):
        # The block has ended since, or has not reached this application yet.
        hold_back(draft, release, broken, until=draft.now + SOON)
    _give_way(draft, draft.releases[release.number], environment, current)


def _give_way(draft: Draft, release: Release, environment: Environment, current: RuleResult) -> None:
    """Free the lane of a release that cannot go on; a newer release that waits takes its place."""
    lane = draft.lane(environment.name)
    newer = draft.release(lane.waiting)
    if newer is not None:
        supersede(draft, release, by=newer.number, why=f"{newer.id} arrived, and this one could not go on")
        return
    draft.put_lane(lane.evolve(in_progress=None, waiting=release.number, called_off=None))
    if not current.passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        request_plan(draft, release)
    rollback = draft.release(lane.rollback)
    if rollback is not None and rollback.phase.may_wait_for_the_lane:
        request_plan(draft, rollback)


def look_again(draft: Draft, release: Release) -> None:
    """Check a held-back release again: its block may have ended."""
    environment = draft.environment(release)
    if environment is None:
        end_without_environment(draft, release, release.environment)
    else:
        proceed(draft, release, environment)


def current_plan_rule(draft: Draft, release: Release) -> RuleResult:
    """Whether the plan still describes what a rollout would do now."""
    return plan_rule(release, draft.lane(release.environment or "").live, draft.snapshot.definition)


def begin_rollout(draft: Draft, release: Release) -> None:
    """Everything is where the cluster can pull it: run the Jobs before the rollout, or deploy if there are none. The
    first of these to write takes the rollout's order."""
    next_order(draft, release)
    if not release.jobs.before:
        begin_deploy(draft, release)
        return
    release = draft.enter(release, Phase.PREPARING)
    draft.record(Action.BEFORE_REQUESTED, release, plan_hash=release.plan_hash, jobs=list(release.jobs.before))
    begin_step(draft, release, StepKind.BEFORE)


def begin_deploy(draft: Draft, release: Release) -> None:
    release = draft.enter(release, Phase.DEPLOYING)
    order = last_order(draft, release)
    draft.record(Action.ROLLOUT_REQUESTED, release, plan_hash=release.plan_hash, order=str(order))
    begin_step(draft, release, StepKind.DEPLOY)


def begin_rollback(draft: Draft, release: Release, environment: Environment, reason: str) -> None:
    """Roll back to the live release; fail instead if the policy says to stop, or if nothing was live."""
    live = draft.lane(environment.name).live
    if environment.on_failure is OnFailure.STOP:
        end_release(draft, release, Phase.FAILED, f"{reason} (left as it is: on_failure is stop)")
        return
    if live is None:
        end_release(
            draft, release, Phase.FAILED, f"{reason} (nothing was live before, so there was nothing to roll back to)"
        )
        return
    release = draft.enter(release, Phase.ROLLING_BACK, reason=reason, failed_step=step_of(release))
    order = next_order(draft, release)
    draft.record(
        Action.ROLLBACK_REQUESTED,
        release,
        to=release_id(release.application, live.release),
        plan_hash=live.plan_hash,
        order=str(order),
        reason=reason,
    )
    begin_step(draft, release, StepKind.ROLL_BACK)
