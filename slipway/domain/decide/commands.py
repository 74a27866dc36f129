"""Operators' commands, handled like any other event: carried out, or refused with the names of the broken rules.

This module has `cancel`, `resume` and `override`, and what all commands share; `freezing.py`, `retrying.py` and
`rolling_back.py` have the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..actions import Action
from ..attribution import Attribution
from ..blocks import CalledOff, LanePass
from ..chain_anchor import GateOutcome
from ..commands import MUST_SAY_WHY
from ..errors import present
from ..events import CommandGiven
from ..model import release_id
from ..release import Lane, Phase, Release
from ..rules import Rule, RuleResult, as_details, not_passed
from ..steps import Notice
from .blocks import block_rules_of, called_off_rules
from .lanes import NOT_HALF_WAY, end_release, has_written, keep_hold
from .notices import tell, void
from .opening import not_meant, opening_rules
from .rollouts import look_again
from .state import Draft
from .vote_rules import asking_gate, voter_recipients


def reason_rule(event: CommandGiven) -> Iterator[RuleResult]:
    if event.verb in MUST_SAY_WHY:
        yield Rule.REASON_IS_GIVEN.judged(bool(event.reason.strip()), f"{event.verb} needs a reason")


def lane_of(draft: Draft, event: CommandGiven) -> Lane:
    return draft.lane(event.environment or "")


def exists_rule(draft: Draft, event: CommandGiven) -> RuleResult:
    """Whether the application currently has the environment."""
    names = ", ".join(environment.name for environment in draft.application.environments)
    exists = draft.application.environment(event.environment or "") is not None
    return Rule.ENVIRONMENT_EXISTS.judged(exists, f"{event.application} has {names}; {event.environment} was named")


def accepted(draft: Draft, event: CommandGiven, rules: Sequence[RuleResult], release: Release | None = None) -> bool:
    """Whether every rule holds. If one does not, the refusal is recorded with the results of all rules."""
    draft.rules = (*opening_rules(event), *rules)
    broken = not_passed(draft.rules)
    if not broken:
        return True
    draft.record(
        Action.COMMAND_REFUSED,
        release,
        actor=event.attribution.actor,
        environment=event.environment,
        verb=str(event.verb),
        rules=[item.name for item in broken],
        why=event.reason or None,
        reason="; ".join(item.reason for item in broken)[:2000],
        **common_details(draft, event),
    )
    return False


def common_details(draft: Draft, event: CommandGiven) -> dict[str, Any]:
    """The fields that every audit record of a command has."""
    return {
        "channel": event.channel,
        "on_behalf_of": event.attribution.on_behalf_of,
        "name": event.name or None,
        "results": as_details(draft.rules),
        "inbox": event.inbox,
        "proof": event.proved.proof if event.proved else None,
        "received_at": event.received_at if event.inbox else None,
    }


def _let_go_on(draft: Draft, release: Release) -> None:
    """Check a waiting release again. The rules evaluated on the way are not part of the command's answer, so they are
    dropped."""
    judged = draft.rules
    look_again(draft, release)
    draft.rules = judged


def named_release(draft: Draft, event: CommandGiven) -> Release | None:
    """The release that the command names. If it does not exist, the command is refused without an audit record."""
    release = draft.release(event.release)
    if release is None:
        reason = f"there is no {event.application}-{event.release}"
        draft.rules = (Rule.RELEASE_EXISTS.fails(reason),)
    return release


# ---- cancel
def cancel_rules(release: Release, lanes: Mapping[str, Lane], epoch: int) -> tuple[RuleResult, ...]:
    """The rules for cancelling a release; the release page shows them before anybody tries."""
    status, phase, lane = f"{release.id} is {release.phase.spoken}", release.phase, lanes.get(release.environment or "")
    too_late = has_written(release, lanes, epoch)
    advice = f": {NOT_HALF_WAY}" if too_late else ""
    return (
        Rule.IS_UNDER_WAY.judged(not phase.final, status),
        Rule.HAS_NOT_BEGUN_TO_ROLL_OUT.judged(not too_late, f"{status}{advice}"),
        *(called_off_rules(release, lane) if lane is not None else ()),
    )


def cancel_release(draft: Draft, event: CommandGiven) -> None:
    """Cancel a release. One that waits ends at once. If its step may be writing its first object right now, the rollout
    is called off: the worker that runs the step looks again just before that write, and the release ends if nothing was
    written."""
    release = named_release(draft, event)
    if release is None:
        return
    rules = (*cancel_rules(release, draft.lanes, draft.head.epoch), *reason_rule(event))
    if not accepted(draft, event, rules, release):
        return
    by = event.attribution
    if not release.phase.writes_first:
        _cancelled(draft, release, event.reason, by=by, channel=event.channel)
        return
    call_off(draft, release, event.reason, by=by, channel=event.channel)
    draft.record(
        Action.ROLLOUT_CALLED_OFF, release, actor=by.actor, reason=event.reason, **common_details(draft, event)
    )


def call_off(
    draft: Draft, release: Release, reason: str, *, by: Attribution, channel: str, rejected: bool = False
) -> None:
    """Have the worker end the rollout instead of writing its first object. The caller records who wants that."""
    called_off = CalledOff(
        release=release.number,
        rejected=rejected,
        by=by.actor,
        name=by.name,
        on_behalf_of=by.on_behalf_of,
        channel=channel,
        reason=reason,
        at=draft.now,
    )
    draft.put_lane(draft.lane(release.environment or "").evolve(called_off=called_off))


def _cancelled(draft: Draft, release: Release, reason: str, *, by: Attribution, channel: str) -> None:
    if release.gate is not None and release.phase is not Phase.QUEUED:
        void(draft, release, release.gate.votes, f"{by.shown} cancelled {release.id}: {reason}")
    if release.rollback is not None:
        keep_hold(draft, release, why=f"{release.id} was cancelled before it was rolled out")
    end_release(draft, draft.releases[release.number], Phase.CANCELLED, reason, by=by, channel=channel)


def stopped_as_called_off(draft: Draft, release: Release) -> bool:
    """End a release of which nothing is written yet, if its rollout was called off; returns whether it was."""
    called_off = draft.lane(release.environment or "").called_off
    if called_off is None or called_off.release != release.number or called_off.too_late:
        return False
    by = called_off.attribution
    if not called_off.rejected:
        _cancelled(draft, release, called_off.reason, by=by, channel=called_off.channel)
        return True
    release = end_release(draft, release, Phase.REJECTED, called_off.reason, by=by, channel=called_off.channel)
    if (environment := draft.environment(release)) is not None:
        draft.anchor_gate(release, environment, GateOutcome.REJECTED)
    return True


def called_off_too_late(draft: Draft, release: Release) -> None:
    """The first object was written before the step saw that the rollout was called off. The rollout is now finished or
    rolled back. If a person had rejected the release, they are told that their vote came too late."""
    lane = draft.lane(release.environment or "")
    broken = not_passed(called_off_rules(release, lane)) if release.phase.writes_first else ()
    if broken:
        too_late = None
        if lane.called_off is not None and lane.called_off.rejected:
            too_late = lane.called_off.evolve(too_late=True)
            voter = too_late.voter
            why = f"{broken[0].reason}; its first object had been written: {NOT_HALF_WAY}"
            to = voter_recipients(asking_gate(draft.environment(release)), voter)
            tell(draft, release, Notice.VOTE_REFUSED, recipients=to, why=why, number=draft.sequence)
        draft.put_lane(lane.evolve(called_off=too_late))
        draft.record(Action.ROLLOUT_WENT_ON, release, plan_hash=release.plan_hash, reason=broken[0].reason)


# ---- resume
def end_hold(draft: Draft, event: CommandGiven) -> None:
    lane = lane_of(draft, event)
    instead = "`slipway freezes` lists freezes and holds"
    if lane.freeze is not None and lane.freeze.in_force(draft.now):
        instead = f"it is frozen, and `slipway unfreeze {event.application} {lane.environment}` ends that"
    reason = f"{lane.hold.who} holds it: {lane.hold.reason}" if lane.hold else f"no rollback holds it: {instead}"
    on_hold = Rule.IS_ON_HOLD.judged(lane.hold is not None, f"{lane.environment}: {reason}")
    if not accepted(draft, event, (*not_meant(event, lane.hold.at if lane.hold else None), on_hold)):
        return
    hold = present(lane.hold, f"the hold of {lane.environment}")
    draft.put_lane(lane.evolve(hold=None))
    draft.record(
        Action.HOLD_ENDED,
        actor=event.actor,
        environment=lane.environment,
        held_by=hold.owner,
        held_for=release_id(event.application, hold.release),
        reason=event.reason or None,
        **common_details(draft, event),
    )
    wake(draft, lane.environment)


def wake(draft: Draft, environment: str) -> None:
    """Check the release that waits in the lane again; it proceeds if nothing else blocks it."""
    waiting = draft.release(draft.lane(environment).waiting)
    if waiting is not None and waiting.phase is Phase.HELD_BACK:
        _let_go_on(draft, waiting)


# ---- override
def override_rules(draft: Draft, release: Release, event: CommandGiven) -> Iterator[RuleResult]:
    is_here = release.environment == event.environment and not release.phase.final
    doing = release.phase.spoken
    where = f" in {release.environment}" if release.environment else ""
    at_an_end = f"{release.id} is {doing}: only a release that waits can be let past"
    elsewhere = f"{release.id} is {doing}{where}; the override is for {event.environment}"
    yield Rule.IS_HERE.judged(is_here, at_an_end if release.phase.final else elsewhere)
    yield Rule.HAS_NOT_BEGUN_TO_ROLL_OUT.judged(not release.phase.holds_lane, f"{release.id} is {doing}")
    environment = draft.environment(release)
    if not is_here or environment is None:
        return
    freezes = (draft.lane(environment.name).freeze, draft.head.freeze)
    yield from not_meant(event, *(each.at for each in freezes if each is not None))
    broken = not_passed(block_rules_of(draft, release, environment))
    nothing = f"nothing blocks it: `slipway explain {release.id}` says what it waits for"
    reasons = "; ".join(item.reason for item in broken) or nothing
    yield Rule.IS_HELD_BACK.judged(any(item.rule.overridable for item in broken), reasons)
    yield Rule.MAY_BE_OVERRIDDEN.judged(all(item.rule.overridable for item in broken), reasons)


def override_blocks(draft: Draft, event: CommandGiven) -> None:
    release = named_release(draft, event)
    if release is None:
        return
    rules = (exists_rule(draft, event), *override_rules(draft, release, event), *reason_rule(event))
    if not accepted(draft, event, rules, release):
        return
    environment = draft.environment_of(release).name
    lane_pass = LanePass(environment=environment, by=event.actor, name=event.name, reason=event.reason, at=draft.now)
    release = draft.put(release, override=lane_pass)
    draft.record(Action.OVERRIDE_GIVEN, release, actor=event.actor, reason=event.reason, **common_details(draft, event))
    if release.phase is Phase.HELD_BACK:
        _let_go_on(draft, release)
