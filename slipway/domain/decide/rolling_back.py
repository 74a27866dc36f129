"""Roll back by hand: redeploys what an earlier release ran in one environment, and holds the lane so that it stays.

The rollback is a release of its own, with the digest of the earlier one and a single environment, so it uses the lane,
the steps and the audit like any rollout. It has no gate: an operator orders it and gives a reason. Freezes and windows
do not stop it. The hold is set at once, so that nothing new begins meanwhile. If the cluster has drifted from the live
release, that release can be brought back in the same way, without a hold.
"""

from collections.abc import Iterator

from ..actions import Action
from ..blocks import Hold
from ..errors import present
from ..events import CommandGiven
from ..model import release_id
from ..release import Lane, Release, Rollback, Rollout
from ..rules import Rule, RuleResult
from .blocks import hold_text
from .commands import accepted, common_details, exists_rule, lane_of, named_release, reason_rule
from .lanes import plan_or_queue
from .state import Draft


def last_live_rollout(release: Release, environment: str) -> Rollout | None:
    """The release's last rollout that went live in the environment; None if there was none."""
    return next(
        (
            rollout
            for rollout in reversed(release.rollouts)
            if (rollout.environment, rollout.outcome) == (environment, "live")
        ),
        None,
    )


def is_live(release: int, lane: Lane) -> bool:
    return lane.live is not None and lane.live.release == release


def rollback_rules(target: Release, lane: Lane) -> Iterator[RuleResult]:
    """The rules for rolling back to `target`; the release page shows them before anybody tries."""
    rollout, live = last_live_rollout(target, lane.environment), lane.live
    was_live_before = rollout is not None and rollout.plan_hash is not None
    yield Rule.WAS_LIVE_HERE.judged(
        was_live_before,
        f"{target.id} was live in {lane.environment}"
        if was_live_before
        else f"{target.id} was never live in {lane.environment}, so there is nothing to bring back: "
        f"`slipway releases -a {target.application}` lists the others",
    )
    is_gone = not is_live(target.number, lane) or lane.drift is not None
    live_release = f"{release_id(target.application, live.release)} is" if live else "nothing is"
    more = f": `slipway releases -a {target.application}` lists the ones before it"
    if is_gone:
        more = ", and the cluster does not match it" if is_live(target.number, lane) else ""
    yield Rule.IS_NOT_LIVE_NOW.judged(is_gone, f"{live_release} live in {lane.environment} now{more}")
    other = f"{release_id(target.application, lane.rollback)} is" if lane.rollback else "no other is"
    yield Rule.ONE_ROLLBACK_AT_A_TIME.judged(lane.rollback is None, f"{other} under way in {lane.environment}")


def order_rollback(draft: Draft, event: CommandGiven) -> None:
    target = named_release(draft, event)
    if target is None:
        return
    lane = lane_of(draft, event)
    rules = (exists_rule(draft, event), *rollback_rules(target, lane), *reason_rule(event))
    if not accepted(draft, event, rules, target):
        return
    release = draft.create(_rollback_release(draft, target, event))
    draft.record(
        Action.DRIFT_ROLLBACK_ORDERED if is_live(target.number, lane) else Action.ROLLBACK_ORDERED,
        release,
        actor=event.actor,
        to=target.id,
        instead_of=release_id(target.application, lane.live.release) if lane.live else None,
        reason=event.reason,
        **common_details(draft, event),
    )
    draft.put_lane(lane.evolve(rollback=release.number))
    if not is_live(target.number, lane):  # the live release is only brought back; nothing newer has to be held
        set_hold(draft, release, event)
    plan_or_queue(draft, release, lane)


def set_hold(draft: Draft, release: Release, event: CommandGiven) -> None:
    """Hold the lane: no newer rollout begins until somebody resumes it."""
    back = present(release.rollback, f"what {release.id} brings back")
    environment = draft.environment_of(release).name
    lane = draft.lane(environment)
    before = lane.hold
    if before is not None:  # a retried rollback finds its own hold; keep the hold from before it
        before = before.before if before.release == release.number else before.evolve(before=None)
    hold = Hold(
        owner=event.actor,
        name=event.name,
        reason=back.reason,
        at=draft.now,
        release=release.number,
        to=back.to,
        before=before,
    )
    draft.put_lane(lane.evolve(hold=hold))
    reason = hold_text(release.application, environment, hold)
    draft.record(Action.HOLD_SET, release, actor=event.actor, name=event.name or None, reason=reason)


def _rollback_release(draft: Draft, target: Release, event: CommandGiven) -> Release:
    """The rollback's release. It has the date of `target`, so every release newer than `target` is newer than the
    rollback."""
    environment = present(event.environment, "the environment of the command")
    rollout = last_live_rollout(target, environment)
    plan_hash = present(rollout.plan_hash if rollout else None, f"the plan by which {target.id} was live")
    back = Rollback(
        environment=environment,
        to=target.number,
        plan_hash=plan_hash,
        by=event.actor,
        name=event.name,
        reason=event.reason,
    )
    rollouts = (Rollout(environment=environment, arrived_at=draft.now),)
    return draft.release_like(target).evolve(
        dated_at=target.dated_at, environment=environment, rollouts=rollouts, rollback=back
    )
