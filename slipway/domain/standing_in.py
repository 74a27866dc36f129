"""The way out of a gate that nobody can satisfy any more, because everybody who may vote there has gone: two of the
platform's people, who did not propose the change, let it through in their place.

Nobody can prove that somebody is gone. So everybody whom the gates ask is told, and has a day to object; one objection
ends the change. Pure, and without a clock.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from ..text import moment
from .people import OID
from .proof import judge_times
from .proposing import (
    ChangePhase,
    ChangePlan,
    ChangeVoteCast,
    ProposedChange,
    earlier_vote,
    freshest,
    one_person,
    same_opening_rule,
    same_plan_rule,
    vote_of,
)
from .release import Vote
from .roles import Role, read_roles
from .rules import Rule, RuleResult, WaitsFor

NEEDED: Final = 2
OBJECTION: Final = timedelta(hours=24)
"""How long people may object once all of them were told."""
FRESH: Final = timedelta(minutes=5)


def stand_in_rules(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> tuple[RuleResult, ...]:
    """The rules for one of the platform's people who stands in."""
    return tuple(_rules(change, plan, cast))


def _rules(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> Iterator[RuleResult]:
    waits = change.phase is ChangePhase.WAITING and cast.received_at < change.deadline
    until = f"people are asked until {moment(change.deadline)}"
    yield Rule.CHANGE_IS_WAITING.judged(waits, f"it is {change.phase}; {until}")
    if cast.unproved:
        yield Rule.PROOF_HOLDS.fails(cast.unproved)
    elif cast.proved is None:
        yield Rule.PROOF_IS_GIVEN.fails(
            "standing in lets something through, and it came without a proof of who ordered it"
        )
    else:
        yield Rule.PROOF_HOLDS.holds("the identity provider confirms who said this")
        yield from judge_times(cast.proved, cast.received_at, min(freshest(plan.gates) or FRESH, FRESH))
    yield same_plan_rule(change, cast)
    yield same_opening_rule(change, cast)
    has_role = is_platform(cast)
    yield Rule.STANDS_IN_BY_ROLE.judged(
        has_role, f"{cast.voter} {'has' if has_role else 'does not have'} the role platform"
    )
    own = one_person(plan.gates, cast.voter, f"{OID}{change.proposed_by}")
    yield Rule.APPROVER_DID_NOT_PROPOSE_IT.judged(not own, f"{OID}{change.proposed_by} proposed the change")
    yield Rule.STAND_IN_HAS_A_REASON.judged(
        bool(cast.reason.strip()), "standing in needs a reason: why nobody can vote at the gates any more"
    )
    before = earlier_vote(plan.gates, change.stand_ins, cast.voter) is not None
    yield Rule.ONE_VOTE_EACH.judged(not before, f"{cast.voter} {'stands' if before else 'does not stand'} in already")


def is_platform(cast: ChangeVoteCast) -> bool:
    return cast.signed_in is not None and Role.PLATFORM in read_roles(cast.signed_in.roles)


def stood_in(change: ProposedChange, cast: ChangeVoteCast) -> ProposedChange:
    """The change with one more stand-in. After the last one, it waits only for time and objections."""
    signed_in = cast.signed_in
    roles = tuple(role for role in (signed_in.roles if signed_in else ()) if Role.PLATFORM in read_roles([role]))
    without_groups = signed_in.evolve(groups=(), roles=roles) if signed_in else None
    stand_ins = (*change.stand_ins, vote_of(change, cast, without_groups))
    has_all = len(stand_ins) >= NEEDED
    return change.evolve(stand_ins=stand_ins, phase=ChangePhase.STOOD_IN if has_all else change.phase)


def stand_ins_rule(
    plan: ChangePlan, stand_ins: Mapping[str, tuple[Vote, datetime]], notified_at: Mapping[str, datetime], now: datetime
) -> RuleResult:
    """Whether the stand-ins suffice, from records: who stood in and when, and when people were told on each channel."""
    rule = Rule.STAND_INS_SUFFICE
    counted = dict[str, datetime]()
    for voter, (vote, at) in stand_ins.items():
        has_role = vote.signed_in is not None and Role.PLATFORM in read_roles(vote.signed_in.roles)
        others = (f"{OID}{plan.proposed_by}", *counted)
        if vote.proof is not None and has_role and not any(one_person(plan.gates, voter, other) for other in others):
            counted[voter] = at
    if len(counted) < NEEDED:
        return rule.not_yet(f"{len(counted)} of {NEEDED} of the platform's people stand in", WaitsFor.PERSON)
    if unsent := [name for name in plan.channels if name not in notified_at]:
        return rule.not_yet(f"nobody was told of it on {', '.join(unsent)} yet", WaitsFor.STEP)
    if not plan.channels:
        return rule.fails("the gates name no channel by which their people could be told")
    until = max(*counted.values(), *notified_at.values()) + OBJECTION
    who = " and ".join(sorted(counted))
    if now < until:
        return rule.not_yet(f"{who} stand in; anybody who is asked may object until then", WaitsFor.TIME, until=until)
    return rule.holds(f"{who} stood in, and nobody who was told objected within a day")
