"""Roll back by hand: what an earlier release had in one environment comes back, and a hold keeps it there.

It is a release of its own, with the digest of the earlier one and one environment to go to; so it goes through the
lane, the steps and the audit as any rollout does. No gate asks about it: an operator orders it and says why. Freezes
and windows do not stop it. The hold is set at once, so that nothing new begins while it is on its way.
"""

from collections.abc import Iterator

from ..actions import Action
from ..blocks import Hold
from ..errors import present
from ..events import CommandGiven
from ..release import Lane, Phase, Release, Rollback, Rollout
from ..rules import Rule, RuleResult
from .blocks import said_of_hold
from .commands import accepted, exists_rule, lane_of, named_release, reason_rule, told
from .lanes import plan
from .state import Draft


def was_live(release: Release, environment: str) -> Rollout | None:
    """The last time that it was live there."""
    return next((v for v in reversed(release.rollouts) if (v.environment, v.outcome) == (environment, "live")), None)


def rollback_rules(target: Release, lane: Lane) -> Iterator[RuleResult]:
    """What must hold for a release to be brought back; a page shows them before anybody asks."""
    rollout, live = was_live(target, lane.environment), lane.live
    once = rollout is not None and rollout.plan_hash is not None
    yield Rule.WAS_LIVE_HERE.judged(once, f"{target.id} was {'' if once else 'never '}live in {lane.environment}")
    now = live is not None and live.release == target.number
    what = f"{target.application}-{live.release} is" if live else "nothing is"
    yield Rule.IS_NOT_LIVE_NOW.judged(not now, f"{what} live in {lane.environment} now")
    other = f"{target.application}-{lane.returning} is" if lane.returning else "no other is"
    yield Rule.ONE_ROLL_BACK_AT_A_TIME.judged(lane.returning is None, f"{other} under way in {lane.environment}")


def rollback(draft: Draft, event: CommandGiven) -> None:
    target = named_release(draft, event)
    if target is None:
        return
    lane = lane_of(draft, event)
    rules = (exists_rule(draft, event), *rollback_rules(target, lane), *reason_rule(event))
    if not accepted(draft, event, rules, target):
        return
    release = draft.create(_release(draft, target, event))
    draft.record(
        Action.ROLLBACK_ORDERED,
        release,
        actor=event.actor,
        to=target.id,
        instead_of=f"{target.application}-{lane.live.release}" if lane.live else None,
        reason=event.reason,
        **told(draft, event),
    )
    draft.put_lane(lane.evolve(returning=release.number))
    set_hold(draft, release, owner=event.actor)
    if lane.rolling is None:
        plan(draft, release)
    else:
        draft.enter(release, Phase.QUEUED)
        draft.record(Action.RELEASE_QUEUED, release, behind=f"{release.application}-{lane.rolling}")


def set_hold(draft: Draft, release: Release, *, owner: str) -> None:
    """Nothing newer begins to roll out here until somebody resumes."""
    back = present(release.rollback, f"what {release.id} brings back")
    environment = draft.here(release).name
    lane = draft.lane(environment)
    before = lane.hold
    if before is not None:  # of a retry, its own hold of before
        before = before.before if before.release == release.number else before.evolve(before=None)
    hold = Hold(owner=owner, reason=back.reason, at=draft.now, release=release.number, to=back.to, before=before)
    draft.put_lane(lane.evolve(hold=hold))
    draft.record(Action.HOLD_SET, release, actor=owner, reason=said_of_hold(release.application, environment, hold))


def _release(draft: Draft, target: Release, event: CommandGiven) -> Release:
    """With the order of the one that it brings back: what was newer than that is newer than this."""
    environment = present(event.environment, "the environment of the command")
    rollout = was_live(target, environment)
    plan_hash = present(rollout.plan_hash if rollout else None, f"the plan by which {target.id} was live")
    back = Rollback(environment=environment, to=target.number, plan_hash=plan_hash, by=event.actor, reason=event.reason)
    return Release(
        application=target.application,
        number=draft.head.next_release,
        phase=Phase.JOINING,
        registry=target.registry,
        repository=target.repository,
        tag=target.tag,
        digest=target.digest,
        order=target.order,
        created_at=draft.now,
        changed_at=draft.now,
        push=target.push,
        run=target.run,
        environment=environment,
        rollouts=(Rollout(environment=environment, arrived_at=draft.now),),
        rollback=back,
    )
