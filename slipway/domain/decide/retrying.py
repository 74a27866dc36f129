"""Retry: a failed release is rolled out again in the environment in which it failed, with the same digest.

It stays the same release with one more attempt, and votes remain valid if the new plan has the hash they were cast for.
Steps that succeeded before run again and find nothing to do (the image is copied, the manifests are applied), so in
effect the release resumes at the step that failed.
"""

from ..actions import Action
from ..events import CommandGiven
from ..release import Lane, Phase, Release, Rollout
from ..rules import Rule, RuleResult
from ..steps import StepKind
from .commands import accepted, named_release, reason_rule, told
from .conditions import newer_in_lane
from .lanes import PLAN_LIMIT, ask, plan, supersede
from .returning import set_hold
from .state import Draft


def retry_rules(draft: Draft, release: Release) -> tuple[RuleResult, ...]:
    doing = release.phase.spoken
    failed_here = Rule.HAS_FAILED.judged(release.phase.retryable, f"{release.id} is {doing}")
    if not release.phase.retryable or release.environment is None:
        return (failed_here,)
    environment_exists = draft.environment(release) is not None
    lane = draft.lane(release.environment)
    newer = None if release.rollback else newer_in_lane(release, lane, draft.releases)
    other = lane.returning if release.rollback else None
    reason = newer.why if newer else f"no newer release is in the way in {release.environment}"
    return (
        failed_here,
        Rule.ENVIRONMENT_EXISTS.judged(
            environment_exists,
            f"{release.environment} is {'' if environment_exists else 'no longer '}one of the application",
        ),
        Rule.NO_NEWER_RELEASE.judged(newer is None, reason),
        Rule.ONE_ROLL_BACK_AT_A_TIME.judged(other is None, _under_way(release, lane)),
        Rule.ATTEMPTS_ARE_LEFT.judged(release.attempt < PLAN_LIMIT - 1, f"{release.attempt} of {PLAN_LIMIT} were made"),
    )


def _under_way(release: Release, lane: Lane) -> str:
    return f"{release.application}-{lane.returning} is under way" if lane.returning else "no other is under way"


def retry(draft: Draft, event: CommandGiven) -> None:
    release = named_release(draft, event)
    if release is None:
        return
    if not accepted(draft, event, (*retry_rules(draft, release), *reason_rule(event)), release):
        return
    draft.record(
        Action.RELEASE_RETRIED,
        release,
        actor=event.actor,
        attempt=release.attempt + 1,
        failed_step=release.failed_step or None,
        failed_because=release.reason,
        reason=event.reason or None,
        **told(draft, event),
    )
    draft.reopen(release)
    if release.digest is None or release.environment is None:
        _resolve_again(draft, release)
    else:
        _enter_lane_again(draft, release, release.environment, event)


def _resolve_again(draft: Draft, release: Release) -> None:
    release = draft.enter(release, Phase.RESOLVING, attempt=release.attempt + 1, reason="", failed_step="")
    draft.record(Action.RESOLVE_REQUESTED, release, tag=release.tag)
    ask(draft, release, StepKind.RESOLVE)


def _enter_lane_again(draft: Draft, release: Release, environment: str, event: CommandGiven) -> None:
    gate = release.gate.evolve(deadline=None, remind_at=None) if release.gate else None
    rollouts = (*release.rollouts, Rollout(environment=environment, arrived_at=draft.now))
    release = draft.put(
        release.evolve(
            reason="",
            failed_step="",
            attempt=release.attempt + 1,
            rollouts=rollouts,
            gate=gate,
            plan_hash=None,
            override=None,
        )
    )
    lane = draft.lane(environment)
    if release.rollback is not None:
        draft.put_lane(lane.evolve(returning=release.number))
        set_hold(draft, release, owner=event.actor)
    else:
        waiting = draft.release(lane.waiting)
        if waiting is not None:
            supersede(draft, waiting, by=release.number, why=f"the newer {release.id} is tried again")
        draft.put_lane(draft.lane(environment).evolve(waiting=release.number))
    if lane.rolling is None:
        plan(draft, release)
    else:
        draft.enter(release, Phase.QUEUED)
        draft.record(Action.RELEASE_QUEUED, release, behind=f"{release.application}-{lane.rolling}")
