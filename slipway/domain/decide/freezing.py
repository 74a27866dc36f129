"""Freezes: set on a lane and ended by people, ended by time, or spread from a freeze of everything.

A freeze of everything lives in the installation's partition, with an audit chain of its own. Each application keeps a
copy in its head row, because a decision reads one partition only. The head's ETag ensures that no decision made without
the copy can be committed after it.
"""

from datetime import datetime

from ...text import moment
from ..actions import Action
from ..blocks import LONGEST_FREEZE, Freeze
from ..errors import present
from ..events import CommandGiven, DefinitionChanged, FreezeSpread
from ..model import sha256
from ..release import Lane
from ..rules import Rule, RuleResult
from .blocks import freeze_text
from .commands import accepted, common_details, exists_rule, lane_of, reason_rule, wake
from .lanes import request_plan
from .opening import not_meant
from .standing_still import go_on, stand_still
from .state import Draft


def freeze_rules(scope: str, before: Freeze | None, until: datetime | None, *, now: datetime) -> tuple[RuleResult, ...]:
    """The rules for freezing something: no freeze that lasts as long is in force, and the new one ends in the future
    and within a year. A longer freeze may replace a shorter one, so that nobody can prevent a freeze by setting one
    that ends in a moment.

    The limit of a year exists because a scheduled message waits in the queue until the end.
    """
    current = before if before is not None and before.in_force(now) else None
    frozen = current is not None and not _outlasts(until, current.until)
    status = freeze_text(scope, current) if current is not None else f"{scope} is not frozen"
    ends = f"it would end at {moment(until)}" if until else "somebody has to end it"
    return (
        Rule.IS_NOT_FROZEN.judged(not frozen, status),
        Rule.ENDS_IN_THE_FUTURE.judged(until is None or until > now, ends),
        Rule.ENDS_WITHIN_A_YEAR.judged(until is None or until - now <= LONGEST_FREEZE, ends),
    )


def _outlasts(until: datetime | None, other: datetime | None) -> bool:
    """Whether a freeze until `until` (None: until somebody ends it) lasts longer than the other."""
    return other is not None and (until is None or until > other)


def thaw_rule(scope: str, before: Freeze | None, *, now: datetime, instead: str = "") -> RuleResult:
    """The rule for ending a freeze: one must be in force. `instead` says what else makes releases wait there."""
    if before is not None and before.in_force(now):
        return Rule.IS_FROZEN.holds(freeze_text(scope, before))
    nothing = "`slipway freezes` lists freezes and holds"
    return Rule.IS_FROZEN.fails(f"no freeze of {scope} is in force: {instead or nothing}")


def _other_waiting_reason(draft: Draft, lane: Lane) -> str:
    """Why releases wait in a lane that is not frozen, and how that ends; empty if they do not wait."""
    everything = draft.head.freeze
    if everything is not None and everything.in_force(draft.now):
        return "everything is frozen, and `slipway unfreeze --all` ends that"
    if lane.hold is not None:
        return f"a rollback holds it, and `slipway resume {draft.application.application} {lane.environment}` ends that"
    return ""


def begin_freeze(draft: Draft, event: CommandGiven) -> None:
    lane = lane_of(draft, event)
    rules = (
        exists_rule(draft, event),
        *freeze_rules(lane.environment, lane.freeze, event.until, now=draft.now),
        *reason_rule(event),
    )
    if not accepted(draft, event, rules):
        return
    frozen = Freeze(
        id=sha256(event.key.encode())[7:27],
        owner=event.attribution.spoken,
        name=event.name,
        reason=event.reason,
        at=draft.now,
        until=event.until,
    )
    draft.put_lane(lane.evolve(freeze=frozen))
    stand_still(draft, lane.environment, frozen)
    draft.record(
        Action.LANE_FROZEN,
        actor=event.attribution.actor,
        environment=lane.environment,
        until=event.until.isoformat() if event.until else None,
        reason=event.reason,
        **common_details(draft, event),
    )


def end_freeze(draft: Draft, event: CommandGiven) -> None:
    lane = lane_of(draft, event)
    meant = not_meant(event, lane.freeze.at if lane.freeze else None)
    rule = thaw_rule(lane.environment, lane.freeze, now=draft.now, instead=_other_waiting_reason(draft, lane))
    if not accepted(draft, event, (*meant, rule)):
        return
    ended = present(lane.freeze, f"the freeze of {lane.environment}")
    draft.put_lane(lane.evolve(freeze=None))
    draft.record(
        Action.LANE_UNFROZEN,
        actor=event.actor,
        environment=lane.environment,
        frozen_by=ended.owner,
        frozen_for=ended.reason,
        reason=event.reason or None,
        **common_details(draft, event),
    )
    go_on(draft, lane.environment)
    wake(draft, lane.environment)


def freeze_spread(draft: Draft, event: FreezeSpread) -> None:
    """A freeze of everything began or ended. A repeat, or the end of a freeze that is not known here, changes
    nothing."""
    current = draft.head.freeze
    if not event.ended_by:
        if current is None or current.id != event.freeze.id:
            draft.freeze_everything(event.freeze)
            frozen = event.freeze
            draft.record(
                Action.EVERYTHING_FROZEN,
                actor=frozen.owner,
                name=frozen.name or None,
                until=frozen.until.isoformat() if frozen.until else None,
                reason=frozen.reason,
            )
            for each in draft.application.environments:
                stand_still(draft, each.name, event.freeze)
            for environment in draft.lanes:  # it may end at another time than the freeze that it replaces
                wake(draft, environment)
        return
    if current is None or current.id != event.freeze.id:
        return
    draft.freeze_everything(None)
    draft.record(
        Action.EVERYTHING_UNFROZEN,
        actor=event.ended_by,
        name=event.ended_name or None,
        frozen_by=current.owner,
        frozen_for=current.reason,
        reason=event.reason or None,
    )
    for each in draft.application.environments:
        go_on(draft, each.name)
    for environment in draft.lanes:
        wake(draft, environment)


def delivery_changed(draft: Draft, event: DefinitionChanged) -> None:
    """Make the plan of a waiting release again: the policy or manifests that it was made from have changed."""
    release = draft.release(event.release)
    if (
        release is not None
        and release.phase.at_the_gate
        and (release.environment, release.attempt) == (event.environment, event.attempt)
        and release.plan_definition != draft.snapshot.definition
    ):
        reason = "the application (policy or manifests) changed since the plan was made"
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=reason)
        request_plan(draft, release)
