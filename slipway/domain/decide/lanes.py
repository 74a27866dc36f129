"""Lanes: one rollout at a time per environment; then the newest waiting release, and older ones are superseded."""

from collections.abc import Mapping, Sequence
from typing import Final

from ..actions import Action, end_action
from ..attribution import NOBODY, Attribution
from ..blocks import REASON_LIMIT
from ..environment import Environment
from ..gate import ApprovalGate, WhenNewer
from ..model import release_id
from ..order import Order, TakenOrder, with_taken_order
from ..release import Lane, Phase, Release, Rollout, Vote, VoteDecision
from ..rules import RuleResult, as_details
from ..steps import Notice, Step, StepKind, time_allowed
from .conditions import newer_in_lane
from .notices import tell, void
from .quorum import without_votes_of
from .state import Draft

NOT_HALF_WAY: Final = "a rollout is never stopped half-way; let it finish, then roll back"

PLAN_LIMIT = 50
"""The most plans of one release in one environment, so that a configuration in constant flux cannot plan forever."""


def begin_step(draft: Draft, release: Release, kind: StepKind) -> Release:
    """Send the step that the release now waits for."""
    environment = draft.environment(release)
    step = Step(
        kind=kind,
        application=release.application,
        release=release.number,
        environment=release.environment or draft.application.environments[0].name,
        attempt=release.attempt,
        asked_at=draft.now,
        resent=release.resent,
    )
    if kind.is_ordered:
        step = step.evolve(order=last_order(draft, release), taken=draft.lane(step.environment).taken)
    draft.send_step(step)
    return draft.put(release, step=step.id, due=draft.now + time_allowed(kind, environment, release.jobs))


def next_order(draft: Draft, release: Release) -> Order:
    """Give the lane's rollout its order, which is higher than any before."""
    lane = draft.lane(release.environment or "")
    draft.put_lane(lane.evolve(orders=lane.orders + 1))
    return last_order(draft, release)


def last_order(draft: Draft, release: Release) -> Order:
    """The order of the rollout that holds the lane."""
    return order_in(draft.lane(release.environment or ""), draft.head.epoch)


def order_in(lane: Lane, epoch: int) -> Order:
    """The last order that was given in the lane."""
    return Order(epoch=epoch, number=lane.orders)


def has_written(release: Release, lanes: Mapping[str, Lane], epoch: int) -> bool:
    """Whether the first object of the release's rollout is known to have been written, so that it is finished or rolled
    back."""
    phase, lane = release.phase, lanes.get(release.environment or "")
    before_it = phase.writes_first and lane is not None and not lane.has_taken(order_in(lane, epoch))
    return phase.has_begun and not before_it


def order_taken(draft: Draft, release: Release, taken: TakenOrder) -> None:
    """Remember that the order was taken in the cluster: from now on its Lease has to be there."""
    lane = draft.lane(release.environment or "")
    draft.put_lane(lane.evolve(taken=with_taken_order(lane.taken, taken)))


def order_found(draft: Draft, release: Release, order: Order) -> None:
    """Continue above the order that was found in the cluster, if the ledger has forgotten it."""
    lane = draft.lane(release.environment or "")
    if order.epoch == draft.head.epoch:
        draft.put_lane(lane.evolve(orders=max(lane.orders, order.number)))


def arrive(draft: Draft, release: Release, environment: Environment) -> None:
    """Bring a release into an environment: it is planned, or queues, or is superseded by a newer one."""
    rollout = Rollout(environment=environment.name, arrived_at=draft.now)
    release = draft.put(
        release,
        environment=environment.name,
        rollouts=(*release.rollouts, rollout),
        gate=None,
        plan_hash=None,
        attempt=0,
        openings=0,
        rejections=(),
        override=None,
    )
    lane = draft.lane(environment.name)
    newer = newer_in_lane(release, lane, draft.releases)
    if newer is not None:
        supersede(draft, release, by=newer.number, why=newer.why)
        return
    gate = environment.gate
    waits = isinstance(gate, ApprovalGate) and gate.when_newer is WhenNewer.WAIT
    if people_are_asked(draft, lane) and (waits or lane.in_progress is None):
        _come_next(draft, release, lane, waits=waits)
        return
    take_the_place(draft, release, environment.name, why=f"the newer {release.id} arrived")
    plan_or_queue(draft, release, lane)


def plan_or_queue(draft: Draft, release: Release, lane: Lane) -> None:
    """Plan the release. If a rollout is under way in the lane, it waits for that to end."""
    if lane.in_progress is None:
        request_plan(draft, release)
    else:
        _queue(draft, release, behind=lane.in_progress)


def people_are_asked(draft: Draft, lane: Lane) -> bool:
    """Whether people are being asked about the waiting release."""
    waiting = draft.release(lane.waiting)
    return waiting is not None and waiting.gate is not None


def _come_next(draft: Draft, release: Release, lane: Lane, *, waits: bool) -> None:
    """Queue the release right behind the one that people are asked about, which keeps its place and its votes for now.
    If the gate lets newer releases wait, this one waits until people have decided; otherwise only until it has a plan
    and can take the older one's place. Only the newest release waits here."""
    before = draft.release(lane.next)
    if before is not None and before.newer_than(release):
        supersede(draft, release, by=before.number, why=f"the newer {before.id} is already here")
        return
    if before is not None:
        supersede(draft, before, by=release.number, why=f"the newer {release.id} arrived")
    draft.put_lane(draft.lane(lane.environment).evolve(next=release.number))
    if waits:
        _queue(draft, release, behind=lane.waiting)
    else:
        request_plan(draft, release)


def _queue(draft: Draft, release: Release, *, behind: int | None) -> None:
    draft.enter(release, Phase.QUEUED)
    draft.record(Action.RELEASE_QUEUED, release, behind=f"{release.application}-{behind}")


def take_over(draft: Draft, release: Release) -> None:
    """Replace the older release that people are asked about: this one now has a plan, so they can be asked about it."""
    lane = draft.lane(release.environment or "")
    if lane.next == release.number:
        take_the_place(draft, release, lane.environment, why=f"the newer {release.id} has a plan")


def take_the_place(draft: Draft, release: Release, environment: str, *, why: str) -> None:
    """Make the release the waiting one; releases that waited before are superseded."""
    lane = draft.lane(environment)
    draft.put_lane(lane.evolve(waiting=release.number, next=None))
    for number in (lane.waiting, lane.next):
        before = draft.release(number)
        if before is not None and number != release.number:
            supersede(draft, before, by=release.number, why=why)


def request_plan(draft: Draft, release: Release) -> None:
    """Ask for a plan of the rollout; every attempt gets its own."""
    if release.attempt >= PLAN_LIMIT:
        draft.record(
            Action.PLAN_FAILED, release, reason=(why := f"{PLAN_LIMIT} plans were outdated before they could be used")
        )
        end_release(draft, release, Phase.CANCELLED, why)
        return
    release = draft.enter(release, Phase.PLANNING, attempt=release.attempt + 1)
    draft.record(Action.PLAN_REQUESTED, release, attempt=release.attempt)
    begin_step(draft, release, StepKind.PLAN)


def take_lane(draft: Draft, release: Release) -> None:
    """Give the lane to the release. The next release waits from now on: a plan made now would compare with the release
    that is live before this rollout."""
    lane = draft.lane(release.environment or "")
    draft.put_lane(_moved_up(_without(lane, release)).evolve(in_progress=release.number))
    follower = draft.release(lane.next) if lane.waiting == release.number else None
    if follower is not None and follower.phase is Phase.PLANNING:
        _queue(draft, follower, behind=release.number)


def leave_lane(draft: Draft, release: Release) -> None:
    """Free the lane, and plan the releases that wait in it."""
    if release.environment is None:
        return
    lane = draft.lane(release.environment)
    if release.number not in lane.numbers:
        return
    was_in_progress, was_waiting = lane.in_progress == release.number, lane.waiting == release.number
    lane = _moved_up(_without(lane, release))
    draft.put_lane(lane)
    freed = (lane.rollback, lane.waiting) if was_in_progress else (lane.waiting,) if was_waiting else ()
    for number in freed if lane.in_progress is None else ():
        follower = draft.release(number)
        if follower is None:
            continue
        # A held-back release may have waited for this lane, and its plan may be based on the release that was live
        # before.
        if follower.phase.may_wait_for_the_lane:
            request_plan(draft, follower)


def _without(lane: Lane, release: Release) -> Lane:
    """The lane without the release."""
    slots = {
        "in_progress": lane.in_progress,
        "waiting": lane.waiting,
        "next": lane.next,
        "rollback": lane.rollback,
    }
    called_off = None if lane.in_progress == release.number else lane.called_off
    without = {name: None if number == release.number else number for name, number in slots.items()}
    return lane.evolve(**without, called_off=called_off)


def _moved_up(lane: Lane) -> Lane:
    """The lane, after the release behind the waiting one has moved up into its place."""
    return lane.evolve(waiting=lane.next, next=None) if lane.waiting is None and lane.next is not None else lane


def end_release(
    draft: Draft,
    release: Release,
    phase: Phase,
    reason: str,
    *,
    by: Attribution = NOBODY,
    channel: str | None = None,
    rules: Sequence[RuleResult] = (),
) -> Release:
    """End a release: record it, free its lane and notify people."""
    if not phase.ended_live:
        release = _with_late_rejection(draft, release)
    step = release.failed_step or (step_of(release) if phase is Phase.FAILED else "")
    release = draft.enter(release, phase, reason=reason, rollouts=_closed(draft, release, str(phase)), failed_step=step)
    draft.retire(release)
    draft.record(
        end_action(phase),
        release,
        actor=by.actor,
        on_behalf_of=by.on_behalf_of,
        name=by.name or None,
        reason=reason,
        channel=channel,
        superseded_by=release_id(release.application, release.superseded_by) if release.superseded_by else None,
        results=as_details(rules) or None,
    )
    leave_lane(draft, release)
    if phase.ended_in_failure and release.environment is not None:
        draft.put_lane(draft.lane(release.environment).evolve(failed=release.number))
    if phase is not Phase.SUPERSEDED or release.gate is not None:
        tell(draft, release, Notice.ENDED)
    return release


def _with_late_rejection(draft: Draft, release: Release) -> Release:
    """Count the rejection that called the rollout off after the gate had passed, however the release ends."""
    state = release.gate
    called_off = draft.lane(release.environment or "").called_off if state is not None else None
    if state is None or called_off is None or not called_off.rejected or called_off.release != release.number:
        return release
    environment, votes = draft.environment(release), state.votes
    if environment is not None and isinstance(environment.gate, ApprovalGate):
        votes = without_votes_of(votes, environment.gate.identities.names(called_off.voter), environment.gate)
    vote = Vote(
        voter=called_off.voter,
        decision=VoteDecision.REJECT,
        reason=called_off.reason,
        channel=called_off.channel,
        plan_hash=state.plan_hash,
        at=called_off.at,
    )
    return draft.put(release, gate=state.evolve(votes=(*votes, vote)))


def end_without_environment(draft: Draft, release: Release, environment: str | None) -> None:
    """End a release whose environment, present or next, is no longer the application's."""
    phase = Phase.FAILED if release.phase.has_begun else Phase.CANCELLED
    end_release(draft, release, phase, f"the environment {environment!r} is no longer one of the application's")


def step_of(release: Release) -> str:
    """The kind of step that a release waits for; empty if none."""
    return (release.step or "").rpartition("/")[2]


def supersede(draft: Draft, release: Release, *, by: int, why: str) -> None:
    if release.gate is not None and release.phase.before_rollout:
        void(draft, release, release.gate.votes, f"{release.id} was superseded: {why}")
    release = draft.put(release, superseded_by=by)
    end_release(draft, release, Phase.SUPERSEDED, why)


def keep_hold(draft: Draft, release: Release, *, why: str) -> None:
    """Keep the hold of a rollback that was cancelled before it began: a cancel is only said, while letting newer
    releases through needs a proof. If an earlier rollback held the lane, its hold is in force again."""
    lane = draft.lane(release.environment or "")
    hold = lane.hold
    if hold is None or hold.release != release.number:
        return
    if hold.before is None:
        draft.put_lane(lane.evolve(hold=hold.evolve(reason=f"{hold.reason} ({why})"[:REASON_LIMIT])))
        return
    draft.put_lane(lane.evolve(hold=hold.before))
    stays = release_id(release.application, hold.before.release)
    draft.record(Action.HOLD_ENDED, release, reason=why, still_held_for=stays)


def close_rollout(draft: Draft, release: Release) -> Release:
    """The release is live: its newest rollout has ended."""
    return draft.put(release, rollouts=_closed(draft, release, "live"))


def _closed(draft: Draft, release: Release, outcome: str) -> tuple[Rollout, ...]:
    if not release.rollouts or release.rollouts[-1].left_at is not None:
        return release.rollouts
    return (*release.rollouts[:-1], release.rollouts[-1].evolve(left_at=draft.now, outcome=outcome))
