"""The rules that a vote must meet to count, each by name; the approval page shows them before anybody votes."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from ...text import moment
from ..environment import Environment
from ..events import VoteCast
from ..gate import ApprovalGate, Level, Need
from ..model import release_id
from ..proof import judge_times
from ..release import Lane, Phase, Release, Vote, VoteDecision
from ..rules import Rule, RuleResult
from .blocks import called_off_rules
from .conditions import digest_text
from .lanes import NOT_HALF_WAY, has_written
from .quorum import names_of, own_work_rules

VOTE_LIMIT = 100
"""The most votes that one gate stores, so that it always fits into its row. A gate asks at most 50 people."""


KNOWN_BY_OBJECT_ID = (
    "signed-in people, guests included, are known by object id: list them as oid:…, or list their address under it in "
    "people of the application"
)
"""A hint for people who are listed only by address, and so are not recognized."""


def vote_rules(
    release: Release, environment: Environment | None, event: VoteCast, *, lanes: Mapping[str, Lane], epoch: int
) -> tuple[RuleResult, ...]:
    """The rules that a vote, or its withdrawal, must meet. The rules of an objection are in `objecting.py`."""
    if event.decision is VoteDecision.WITHDRAW:
        return _withdrawal_rules(release, environment, event)
    gate = asking_gate(environment)
    before = vote_before(release, environment, event)
    return (
        _open_gate_rule(release, event, lanes, epoch),
        *_said_before(release, event, lanes),
        *proof_rules(gate, event),
        *_identity_level(gate, event),
        *_same_plan_rules(event, release.plan_hash),
        *_same_opening_rules(event, release),
        _listed_rule(gate, event),
        *(() if gate is None else _refused_as_own_work(release, gate, event)),
        _one_vote(before, event),
        Rule.REJECTION_HAS_A_REASON.judged(
            not _rejects(event) or bool(event.reason.strip()), "a rejection needs a reason"
        ),
        *(() if gate is None else _approval_reason(gate, event)),
        *_room(release, event),
    )


def vote_before(release: Release, environment: Environment | None, event: VoteCast) -> Vote | None:
    """The voter's current vote, under any of their names."""
    gate = asking_gate(environment)
    if release.gate is None or gate is None:
        return None
    names = gate.identities.names(event.voter, signed_in=event.signed_in)
    return next((vote for vote in release.gate.votes if not names_of(vote, gate).isdisjoint(names)), None)


def voter_recipients(gate: ApprovalGate | None, voter: str) -> tuple[str, ...]:
    """The person by name if the application knows their address, otherwise everybody that a channel names."""
    is_known = gate is not None and "@" in gate.identities.person(voter).name
    return (voter,) if is_known else ()


def waits_here(release: Release, event: VoteCast) -> bool:
    return release.phase is Phase.AWAITING_APPROVAL and release.environment == event.environment


def _open_gate_rule(release: Release, event: VoteCast, lanes: Mapping[str, Lane], epoch: int) -> RuleResult:
    """An approval counts while the gate is open; a rejection counts until the first object of the rollout is
    written."""
    if waits_here(release, event) or not _stops_here(release, event):
        is_open = waits_here(release, event) and _missed_deadline(release, event) is None
        return Rule.GATE_IS_OPEN.judged(is_open, _state_text(release, event))
    if release.phase is Phase.PLANNING:
        return Rule.GATE_IS_OPEN.judged(_missed_deadline(release, event) is None, _state_text(release, event))
    too_late = has_written(release, lanes, epoch)
    return Rule.GATE_IS_OPEN.judged(
        not too_late, _state_text(release, event) + (f": {NOT_HALF_WAY}" if too_late else "")
    )


def _stops_here(release: Release, event: VoteCast) -> bool:
    """Whether the vote rejects a release that is being planned again for its gate, or that its gate has let through."""
    goes_on = release.phase is Phase.PLANNING or release.phase.past_the_gate
    is_asked = release.gate is not None and release.rollback is None and release.environment == event.environment
    return _rejects(event) and goes_on and is_asked


def _said_before(release: Release, event: VoteCast, lanes: Mapping[str, Lane]) -> Iterator[RuleResult]:
    """Whether somebody has called the release's rollout off already."""
    lane = lanes.get(event.environment)
    if _stops_here(release, event) and release.phase.writes_first and lane is not None:
        yield from called_off_rules(release, lane)


def _withdrawal_rules(release: Release, environment: Environment | None, event: VoteCast) -> tuple[RuleResult, ...]:
    """A vote can be withdrawn until the gate closes, even while the plan is being made again."""
    is_undecided_here = release.environment == event.environment and release.phase.undecided
    before = vote_before(release, environment, event)
    gate = asking_gate(environment)
    voted = f"{event.voter} voted {before.decision}" if before else f"no vote of {event.voter} is counted"
    return (
        Rule.GATE_IS_OPEN.judged(
            is_undecided_here and _missed_deadline(release, event) is None, _state_text(release, event)
        ),
        *proof_rules(gate, event),
        *_same_plan_rules(event, release.gate.plan_hash if release.gate else None),
        *_same_opening_rules(event, release),
        Rule.HAS_VOTED.judged(before is not None, voted),
    )


def _rejects(event: VoteCast) -> bool:
    return event.decision is VoteDecision.REJECT


def asking_gate(environment: Environment | None) -> ApprovalGate | None:
    """The environment's gate, if it asks people."""
    gate = environment.gate if environment else None
    return gate if isinstance(gate, ApprovalGate) else None


def _same_plan_rules(event: VoteCast, plan_hash: str | None) -> tuple[RuleResult, ...]:
    """Whether the vote is for the plan that people are asked about. Only a vote that stops something may name no plan.
    A rejection of this opening counts for any plan of it."""
    if event.plan_hash is None and event.decision is not VoteDecision.APPROVE:
        return ()
    if _rejects(event) and event.opening is not None:
        return ()
    reason = f"the plan is {digest_text(plan_hash)}, the vote is for {digest_text(event.plan_hash)}"
    return (Rule.VOTE_IS_FOR_THIS_PLAN.judged(plan_hash == event.plan_hash, reason),)


def _same_opening_rules(event: VoteCast, release: Release) -> tuple[RuleResult, ...]:
    if event.opening is None:
        return ()
    now = release.gate.opening if release.gate else release.openings
    reason = f"the gate is at opening {now}, the vote is for opening {event.opening}"
    return (Rule.VOTE_IS_FOR_THIS_OPENING.judged(event.opening == now, reason),)


def proof_rules(gate: ApprovalGate | None, event: VoteCast) -> tuple[RuleResult, ...]:
    """Whether the vote's proof, if it has one, shows who the voter is."""
    if event.unproved:
        return (Rule.PROOF_HOLDS.fails(event.unproved),)
    if event.proved is None:
        return ()
    opens = gate is not None and event.decision is VoteDecision.APPROVE
    return (
        Rule.PROOF_HOLDS.holds("the identity provider confirms who said this"),
        *judge_times(event.proved, event.received_at, gate.fresh if gate is not None and opens else None),
    )


def _identity_level(gate: ApprovalGate | None, event: VoteCast) -> tuple[RuleResult, ...]:
    """Whether the voter's identity is as certain as the gate demands. A vote that stops a release needs no proof."""
    if gate is None or _rejects(event):
        return ()
    reason = f"the gate asks for votes at the level {gate.level}, this one came at the level {event.level}"
    return (Rule.VOTER_IS_SURELY_KNOWN.judged(event.level.rank >= gate.level.rank, reason),)


def _listed_rule(gate: ApprovalGate | None, event: VoteCast) -> RuleResult:
    """Whether the policy names the voter. A message does not show roles and groups. If the policy names some, a vote by
    message that stops a release counts nevertheless: its sender could also cancel the release."""
    listed = gate is not None and gate.lists(
        gate.identities.names(event.voter, signed_in=event.signed_in), event.signed_in
    )
    unproven = not listed and gate is not None and gate.unlisted() and event.signed_in is None
    if unproven and _rejects(event) and event.level is Level.QUEUE:
        why = f"a message does not show whether {event.voter} has a role or a group that is listed"
        return Rule.APPROVER_IS_LISTED.unknown(why, blocks=False)
    hint = "; people listed by a group or a role in Entra have to sign in" if unproven else ""
    if not listed and gate is not None and event.signed_in is not None and gate.without_object_id():
        hint = f"; {KNOWN_BY_OBJECT_ID}"
    return Rule.APPROVER_IS_LISTED.judged(listed, f"{event.voter} is {'' if listed else 'not '}listed{hint}")


def _refused_as_own_work(release: Release, gate: ApprovalGate, event: VoteCast) -> tuple[RuleResult, ...]:
    """Nobody may approve their own release; anybody may reject it."""
    rules = own_work_rules(release, gate, gate.identities.names(event.voter, signed_in=event.signed_in))
    return tuple(result.rule.holds(result.reason) for result in rules) if _rejects(event) else rules


def _approval_reason(gate: ApprovalGate, event: VoteCast) -> tuple[RuleResult, ...]:
    if gate.reason.approve is Need.OPTIONAL:
        return ()
    has_reason = _rejects(event) or bool(event.reason.strip())
    return (Rule.APPROVAL_HAS_A_REASON.judged(has_reason, "an approval needs a reason here"),)


def _one_vote(before: Vote | None, event: VoteCast) -> RuleResult:
    """Nobody is counted twice. A person who approved may still reject; the rejection replaces their approval."""
    if before is None:
        return Rule.ONE_VOTE_EACH.holds("they have no vote yet")
    changed_their_mind = _rejects(event) and before.decision is VoteDecision.APPROVE
    return Rule.ONE_VOTE_EACH.judged(changed_their_mind, f"{event.voter} voted {before.decision} already")


def _room(release: Release, event: VoteCast) -> tuple[RuleResult, ...]:
    votes = len(release.gate.votes) if release.gate else 0
    if votes < VOTE_LIMIT or _rejects(event):
        return ()
    return (Rule.GATE_HAS_ROOM.judged(False, f"{votes} votes were counted, the most a gate can hold"),)


def _missed_deadline(release: Release, event: VoteCast) -> datetime | None:
    """The gate's deadline, if the vote came after it; the reconcile timer may not have closed the gate yet."""
    deadline = release.gate.closes_at if release.gate else None
    return deadline if deadline is not None and event.received_at >= deadline else None


def _state_text(release: Release, event: VoteCast) -> str:
    if waits_here(release, event):
        missed = _missed_deadline(release, event)
        closed = f", but its deadline passed at {moment(missed)}" if missed else ""
        return f"{release.id} waits for approval in {event.environment}{closed}"
    if release.superseded_by:
        return f"{release.id} was superseded by {release_id(release.application, release.superseded_by)}"
    where = f" in {release.environment}" if release.environment else ""
    return f"{release.id} is {release.phase.spoken}{where}"
