"""Retry: a person sends a release that did not go live out again, in the environment in which it ended.

It stays the same release, with the same digest and one more attempt. After a failure, votes remain valid if the new
plan has the hash that they were cast for. Steps that succeeded before run again and find nothing to do, so in effect
the release resumes at the step that failed. A release that ended at its gate (rejected, expired, cancelled, superseded)
asks people again: earlier votes do not count, and an earlier rejection is shown to the voters. The same holds for a
release that was rejected, or whose vote was disowned, after its rollout had begun.
"""

from ..actions import Action
from ..events import CommandGiven
from ..model import release_id
from ..release import REJECTIONS_KEPT, Lane, Phase, Release, Rollout, VoteDecision
from ..rules import Rule, RuleResult
from ..steps import StepKind
from .commands import accepted, common_details, named_release, reason_rule
from .conditions import newer_in_lane
from .lanes import PLAN_LIMIT, begin_step, plan_or_queue, take_the_place
from .rolling_back import is_live, set_hold
from .state import Draft


def retry_rules(draft: Draft, release: Release) -> tuple[RuleResult, ...]:
    status = f"{release.id} is {release.phase.spoken}"
    if not release.phase.retryable:
        went_live = f"{status}: `slipway release create {release.application}` sends the live artifact out again"
        on_its_way = f"{status}, on its way: `slipway explain {release.id}` says what it waits for"
        return (Rule.DID_NOT_GO_LIVE.fails(went_live if release.phase.final else on_its_way),)
    ended = Rule.DID_NOT_GO_LIVE.holds(status)
    if release.environment is None:
        why = f"{release.id} ended before it entered an environment; push its image or run its pipeline again"
        return (ended, Rule.ENVIRONMENT_EXISTS.judged(release.phase is Phase.FAILED, why))
    environment_exists = draft.environment(release) is not None
    lane = draft.lane(release.environment)
    newer = None if release.rollback else newer_in_lane(release, lane, draft.releases)
    other = lane.rollback if release.rollback else None
    reason = newer.why if newer else f"no newer release is in the way in {release.environment}"
    return (
        ended,
        Rule.ENVIRONMENT_EXISTS.judged(
            environment_exists,
            f"{release.environment} is {'' if environment_exists else 'no longer '}one of the application",
        ),
        Rule.NO_NEWER_RELEASE.judged(newer is None, reason),
        Rule.ONE_ROLLBACK_AT_A_TIME.judged(other is None, _under_way(release, lane)),
        Rule.ATTEMPTS_ARE_LEFT.judged(release.attempt < PLAN_LIMIT - 1, f"{release.attempt} of {PLAN_LIMIT} were made"),
    )


def _under_way(release: Release, lane: Lane) -> str:
    return (
        f"{release_id(release.application, lane.rollback)} is under way" if lane.rollback else "no other is under way"
    )


def retry_release(draft: Draft, event: CommandGiven) -> None:
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
        ended_as=str(release.phase),
        ended_because=release.reason or None,
        reason=event.reason or None,
        **common_details(draft, event),
    )
    draft.reopen(release)
    if release.digest is None or release.environment is None:
        _resolve_again(draft, release, event.actor)
    else:
        _enter_lane_again(draft, release, release.environment, event)


def _resolve_again(draft: Draft, release: Release, actor: str) -> None:
    release = draft.enter(
        release, Phase.RESOLVING, attempt=release.attempt + 1, reason="", failed_step="", sent_by=actor
    )
    draft.record(Action.RESOLVE_REQUESTED, release, tag=release.tag)
    begin_step(draft, release, StepKind.RESOLVE)


def _enter_lane_again(draft: Draft, release: Release, environment: str, event: CommandGiven) -> None:
    gate = release.gate.evolve(deadline=None, remind_at=None) if release.gate else None
    rejections = release.rejections
    new = [vote for vote in gate.votes if vote.decision is VoteDecision.REJECT] if gate else []
    if new or not release.phase.ended_in_failure:
        gate, rejections = None, (*rejections, *new)[-REJECTIONS_KEPT:]
    rollouts = (*release.rollouts, Rollout(environment=environment, arrived_at=draft.now))
    release = draft.put(
        release,
        reason="",
        failed_step="",
        attempt=release.attempt + 1,
        rollouts=rollouts,
        gate=gate,
        rejections=rejections,
        superseded_by=None,
        plan_hash=None,
        override=None,
        sent_by=event.actor,
    )
    lane = draft.lane(environment)
    if release.rollback is not None:
        draft.put_lane(lane.evolve(rollback=release.number))
        if not is_live(release.rollback.to, lane):
            set_hold(draft, release, event)
    else:
        take_the_place(draft, release, environment, why=f"the newer {release.id} is tried again")
    plan_or_queue(draft, release, lane)
