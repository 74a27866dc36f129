"""Rollouts: from a passed gate into the lane, and back to what was live when one fails."""

from ..actions import Action
from ..application import Environment, OnFailure
from ..release import Phase, Release
from ..rules import RuleResult
from ..steps import StepKind
from .blocks import held_back
from .conditions import plan_rule
from .lanes import ask, end, end_without_environment, plan, step_of, take_lane
from .state import Draft


def proceed(draft: Draft, release: Release, environment: Environment) -> None:
    """The gate is passed: take the lane and go, unless something is in the way, or the plan is no longer what would
    happen."""
    current = plan_is_current(draft, release)
    if not current.passed:
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        plan(draft, release)
        return
    if held_back(draft, release, environment):
        return
    # An override was used up, or not needed: it must not let a later attempt pass a later freeze.
    release = draft.releases[release.number].evolve(override=None)
    take_lane(draft, release)
    there = release.rollback is not None and release.rollback.copied
    if draft.application.registry_of(environment) != release.registry and not there:
        release = draft.enter(release, Phase.PROMOTING)
        source, target = release.registry, draft.application.registry_of(environment)
        draft.record(Action.PROMOTION_REQUESTED, release, source=source, target=target, repository=release.repository)
        ask(draft, release, StepKind.PROMOTE)
    else:
        deploy(draft, release)


def look_again(draft: Draft, release: Release) -> None:
    """What kept a release back may be over."""
    environment = draft.environment(release)
    if environment is None:
        end_without_environment(draft, release, release.environment)
    else:
        proceed(draft, release, environment)


def plan_is_current(draft: Draft, release: Release) -> RuleResult:
    """Whether the plan still says what a rollout would do here and now."""
    return plan_rule(release, draft.lane(release.environment or "").live, draft.snapshot.delivery)


def deploy(draft: Draft, release: Release) -> None:
    release = draft.enter(release, Phase.DEPLOYING)
    draft.record(Action.ROLLOUT_REQUESTED, release, plan_hash=release.plan_hash)
    ask(draft, release, StepKind.DEPLOY)


def roll_back(draft: Draft, release: Release, environment: Environment, reason: str) -> None:
    """Roll back to what was live, where the environment says so and something was."""
    live = draft.lane(environment.name).live
    if environment.on_failure is OnFailure.STOP:
        end(draft, release, Phase.FAILED, f"{reason} (left as it is: on_failure is stop)")
        return
    if live is None:
        end(draft, release, Phase.FAILED, f"{reason} (nothing was live before, so nothing was brought back)")
        return
    release = draft.enter(release, Phase.ROLLING_BACK, reason=reason, failed_step=step_of(release))
    draft.record(
        Action.ROLLBACK_REQUESTED,
        release,
        to=f"{release.application}-{live.release}",
        plan_hash=live.plan_hash,
        reason=reason,
    )
    ask(draft, release, StepKind.ROLL_BACK)
