"""A change of the catalogue that weakens production gates. It is a plan of its own, and the approvers of those gates
vote on it under the rules now in force.

They read one document, named by its hash: the changes, everything that becomes weaker, and the gates that are asked. A
vote is for that hash and for one opening. This module says whose votes count and whether they suffice; it reads no
clock.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Literal

from pydantic import Field

from ..text import moment
from .actions import Action
from .changing import ComparedSubject
from .decide.conditions import digest_text
from .decide.quorum import approvals_rules, names_of, one_approval_each, own_work_rule
from .decide.vote_rules import VOTE_LIMIT
from .gate import ApprovalGate, Need
from .model import Digest, Name, Record, Timestamp, canonical, sha256
from .people import OID, Guid, SignedIn
from .proof import ProofFacts, judge_times
from .release import Vote, VoteDecision
from .rules import Fail, Pass, Rule, RuleResult
from .statement import MOST_CHANGES, CatalogueChange
from .tones import Tone


class OldGate(Record):
    """A production gate that a change would weaken, as it is in force: its people decide on the change."""

    application: Name
    environment: Name
    notify: tuple[Name, ...] = ()
    """The channels that tell its people."""
    gate: ApprovalGate

    @property
    def title(self) -> str:
        return f"{self.application} {self.environment}"

    @property
    def people(self) -> str:
        """The people who may vote, in words."""
        return ", ".join((*(person.shown for person in self.gate.voters()), *self.gate.unlisted()))

    @property
    def asks(self) -> str:
        """The gate with its number of approvals and its people."""
        return f"{self.title}: {approvals_by(self.gate.required, self.people)}"


def approvals_by(required: int, people: str) -> str:
    """`2 approvals by ada@example.com, somebody with the role leads`."""
    return f"{required} approval{'s' if required > 1 else ''} by {people}"


class ChangePhase(StrEnum):
    """The phase of a proposed change."""

    meaning: str
    tone: Tone
    ended_by: Action | None
    """The action that records this end of a change; None if the change has not ended."""

    def __new__(cls, name: str, meaning: str, tone: Tone, ended_by: Action | None = None) -> "ChangePhase":
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        member.tone = tone
        member.ended_by = ended_by
        return member

    WAITING = "waiting", "People are asked.", Tone.ASKS
    STOOD_IN = (
        "stood-in",
        "Two of the platform's people stand in for the approvers. It takes effect a day after the approvers were told, "
        "unless one of them objects.",
        Tone.ASKS,
    )
    PASSED = "passed", "Enough people approved; it is about to take effect.", Tone.BUSY
    IN_FORCE = "in-force", "It is in force.", Tone.GOOD, Action.CHANGE_IN_FORCE
    REJECTED = "rejected", "Somebody rejected it.", Tone.BAD, Action.CHANGE_REJECTED
    WITHDRAWN = "withdrawn", "Its proposer took it back.", Tone.QUIET, Action.CHANGE_WITHDRAWN
    EXPIRED = "expired", "Nobody decided before its deadline.", Tone.QUIET, Action.CHANGE_EXPIRED
    SUPERSEDED = (
        "superseded",
        "A newer change of the same documents took its place.",
        Tone.QUIET,
        Action.CHANGE_SUPERSEDED,
    )
    VOID = (
        "void",
        "The state it was made from is no longer in force, or it would do something else now.",
        Tone.QUIET,
        Action.CHANGE_VOIDED,
    )

    @classmethod
    def of_text(cls, name: str) -> "ChangePhase | None":
        return next((each for each in cls if each == name), None)

    @property
    def final(self) -> bool:
        return self.ended_by is not None

    @property
    def open(self) -> bool:
        """Whether people can still vote on it."""
        return self in (ChangePhase.WAITING, ChangePhase.STOOD_IN)


class ChangePlan(Record):
    """The document that people vote on. Its hash is the plan hash of their votes."""

    v: Literal[1] = 1
    changes: tuple[CatalogueChange, ...] = Field(min_length=1, max_length=MOST_CHANGES)
    compared: tuple[ComparedSubject, ...]
    gates: tuple[OldGate, ...] = Field(min_length=1)
    proposed_by: Guid
    """Object id of the proposer, from their proof."""
    reason: str = ""

    @property
    def canonical(self) -> bytes:
        return canonical(self.model_dump(mode="json", by_alias=True))

    @property
    def deadline(self) -> timedelta:
        """How long people may vote: the shortest time of all the gates."""
        return min(old.gate.deadline for old in self.gates)

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for old in self.gates for name in old.notify))

    def weaker(self) -> tuple[str, ...]:
        """Everything that becomes weaker, each line with its subject."""
        return tuple(f"{each.subject}: {line}" for each in self.compared for line in each.weaker)


def hash_of_changes(changes: Iterable[CatalogueChange]) -> str:
    """The hash by which a vote names a change; it covers its changes in the order of their subjects."""
    ordered = sorted(changes, key=lambda each: each.subject)
    return sha256(canonical([each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in ordered]))


class ProposedChange(Record):
    """One opening of a change: the row that a commit guards."""

    hash: Digest
    """The hash of the changes."""
    opening: int = Field(ge=1)
    plan: Digest
    changes: tuple[CatalogueChange, ...] = Field(min_length=1, max_length=MOST_CHANGES)
    proposed_by: Guid
    reason: str = ""
    at: Timestamp
    deadline: Timestamp
    inbox: str
    """The inbox row that proposed it."""
    proof: Digest
    nonce: str = Field(max_length=64)
    """The nonce of the statement that proposed it."""
    first_sequence: int = Field(ge=0)
    """Where its records begin in the installation's chain; only a hint."""
    phase: ChangePhase = ChangePhase.WAITING
    votes: tuple[Vote, ...] = Field(default=(), max_length=VOTE_LIMIT + 1)
    stand_ins: tuple[Vote, ...] = Field(default=(), max_length=2)
    """Approvals by the platform's people, in place of the people whom the gates ask."""
    ended_at: Timestamp | None = None
    why: str = Field(default="", max_length=2000)
    """Why it ended as it did."""

    @property
    def subjects(self) -> frozenset[str]:
        return frozenset(change.subject for change in self.changes)


class ChangeVoteCast(Record):
    """One person's vote on a proposed change, with the known facts about the person."""

    change: Digest
    opening: int | None
    """None for a rejection of any opening."""
    plan: Digest | None
    """None for a rejection of any plan."""
    decision: Literal[VoteDecision.APPROVE, VoteDecision.REJECT]
    reason: str = ""
    voter: str = Field(max_length=254)
    name: str = ""
    signed_in: SignedIn | None = None
    channel: str
    received_at: Timestamp
    proved: ProofFacts | None = None
    unproved: str = ""
    """Why its proof does not hold."""
    stands_in: bool = False
    """Whether it is given in place of the people whom the gates ask."""
    by_message: bool = False
    """Whether it came by a message, which does not show roles and groups."""

    @property
    def approves(self) -> bool:
        return self.decision is VoteDecision.APPROVE

    def takes_back(self, change: ProposedChange) -> bool:
        """Whether it is the proposer's own rejection."""
        return not self.approves and is_proposer(self.voter, change.proposed_by)


def is_proposer(voter: str, proposed_by: str) -> bool:
    return voter == f"{OID}{proposed_by}"


def one_person(gates: Iterable[OldGate], one: str, other: str) -> bool:
    """Whether both are the same person, by the `people` of any of the gates."""
    identity_maps = (old.gate.identities for old in gates)
    return one == other or any(not each.names(one).isdisjoint(each.names(other)) for each in identity_maps)


def earlier_vote(gates: Sequence[OldGate], votes: Iterable[Vote], voter: str) -> Vote | None:
    """The same person's earlier vote, from any of their accounts."""
    return next((vote for vote in votes if one_person(gates, vote.voter, voter)), None)


# ---- whose votes count
def change_vote_rules(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> tuple[RuleResult, ...]:
    """The rules that a vote must meet to count. A vote that stops a change needs no proof."""
    return tuple(_vote_rules(change, plan, cast))


def _vote_rules(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> Iterator[RuleResult]:
    gates = gates_of(plan, cast.voter, cast.signed_in)
    yield _waiting_rule(change, cast)
    yield from _proof(cast, gates)
    yield from _plan_and_opening_rules(change, cast)
    yield _listed_rule(change, plan, gates, cast)
    if cast.approves:
        yield _not_own_work_rule(change, gates, cast)
        yield from _approval_reason(gates, cast)
    else:
        yield Rule.REJECTION_HAS_A_REASON.judged(bool(cast.reason.strip()), "a rejection needs a reason")
    yield _one_vote(change, plan, cast)
    if cast.approves and len(change.votes) >= VOTE_LIMIT:
        yield Rule.GATE_HAS_ROOM.fails(f"{len(change.votes)} votes were counted, the most that a change can hold")


def _waiting_rule(change: ProposedChange, cast: ChangeVoteCast) -> RuleResult:
    if not change.phase.open:
        return Rule.CHANGE_IS_WAITING.fails(f"it is {change.phase}: {change.phase.meaning}")
    in_time = change.phase is ChangePhase.STOOD_IN or cast.received_at < change.deadline
    until = f"people are asked until {moment(change.deadline)}"
    return Rule.CHANGE_IS_WAITING.judged(in_time, until)


def _plan_and_opening_rules(change: ProposedChange, cast: ChangeVoteCast) -> Iterator[RuleResult]:
    """Whether the vote is for this plan and this opening. A rejection may name neither; if it names the opening, it
    counts for any plan of it."""
    if cast.approves or (cast.plan is not None and cast.opening is None):
        yield same_plan_rule(change, cast)
    if cast.approves or cast.opening is not None:
        yield same_opening_rule(change, cast)


def same_plan_rule(change: ProposedChange, cast: ChangeVoteCast) -> RuleResult:
    why = f"the plan is {digest_text(change.plan)}, the vote is for {digest_text(cast.plan)}"
    return Rule.VOTE_IS_FOR_THIS_PLAN.judged(cast.plan == change.plan, why)


def same_opening_rule(change: ProposedChange, cast: ChangeVoteCast) -> RuleResult:
    why = f"the change is at opening {change.opening}, the vote is for opening {cast.opening}"
    return Rule.VOTE_IS_FOR_THIS_OPENING.judged(cast.opening == change.opening, why)


def _listed_rule(
    change: ProposedChange, plan: ChangePlan, gates: Sequence[OldGate], cast: ChangeVoteCast
) -> RuleResult:
    """Whether a gate names the voter. The proposer may take the change back. A message does not show roles; if only
    Entra knows who has a role, a message that stops the change counts nevertheless."""
    if gates:
        return Rule.APPROVER_IS_LISTED.holds(f"{cast.voter} is listed at {', '.join(old.title for old in gates)}")
    if cast.takes_back(change):
        return Rule.APPROVER_IS_LISTED.holds(f"{cast.voter} proposed the change, and may take it back")
    if not cast.approves and cast.by_message and any(old.gate.unlisted() for old in plan.gates):
        why = f"a message does not show whether {cast.voter} has a role or a group that is listed"
        return Rule.APPROVER_IS_LISTED.unknown(why, blocks=False)
    return Rule.APPROVER_IS_LISTED.fails(f"{cast.voter} is listed at none of its gates")


def _proof(cast: ChangeVoteCast, gates: Sequence[OldGate]) -> Iterator[RuleResult]:
    if cast.unproved:
        yield Rule.PROOF_HOLDS.fails(cast.unproved)
    elif cast.proved is not None:
        yield Rule.PROOF_HOLDS.holds("the identity provider confirms who said this")
        yield from judge_times(cast.proved, cast.received_at, freshest(gates) if cast.approves else None)
    elif cast.approves:
        yield Rule.PROOF_IS_GIVEN.fails(
            "an approval lets something through, and it came without a proof of who ordered it"
        )


def freshest(gates: Iterable[OldGate]) -> timedelta | None:
    """The greatest age of the voter's sign-in, by the strictest of the gates; None if no gate has one."""
    return min((old.gate.fresh for old in gates if old.gate.fresh is not None), default=None)


def _not_own_work_rule(change: ProposedChange, gates: Sequence[OldGate], cast: ChangeVoteCast) -> RuleResult:
    own = barred_at(change.proposed_by, gates, cast.voter, cast.signed_in)
    return Rule.APPROVER_DID_NOT_PROPOSE_IT.judged(not own, _proposed_it(change.proposed_by))


def _approval_reason(gates: Sequence[OldGate], cast: ChangeVoteCast) -> Iterator[RuleResult]:
    if must_explain(gates):
        yield Rule.APPROVAL_HAS_A_REASON.judged(bool(cast.reason.strip()), "an approval needs a reason here")


def _one_vote(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> RuleResult:
    """Nobody is counted twice. A person who approved may still reject."""
    before = earlier_vote(plan.gates, change.votes, cast.voter)
    if before is None:
        return Rule.ONE_VOTE_EACH.holds("they have no vote yet")
    changed_their_mind = not cast.approves and before.decision is VoteDecision.APPROVE
    return Rule.ONE_VOTE_EACH.judged(changed_their_mind, f"{cast.voter} voted {before.decision} already")


def gates_of(plan: ChangePlan, voter: str, signed_in: SignedIn | None) -> tuple[OldGate, ...]:
    """The gates that ask this person."""
    return tuple(
        old for old in plan.gates if old.gate.lists(old.gate.identities.names(voter, signed_in=signed_in), signed_in)
    )


def may_vote(change: ProposedChange, plan: ChangePlan, who: SignedIn) -> bool:
    """Whether the person is asked, or may take the change back. Other people's votes would be refused, and only
    lengthen the trail."""
    voter = f"{OID}{who.object_id}"
    return bool(gates_of(plan, voter, who)) or is_proposer(voter, change.proposed_by)


def barred_at(proposer: str, gates: Sequence[OldGate], voter: str, signed_in: SignedIn | None) -> bool:
    """Whether the person may approve at none of the gates that ask them, because they proposed the change."""
    return bool(gates) and all(_own_work_of(proposer, old.gate, voter, signed_in).blocks for old in gates)


def must_explain(gates: Iterable[OldGate]) -> bool:
    """Whether a gate demands a reason for an approval."""
    return any(old.gate.reason.approve is Need.REQUIRED for old in gates)


def _own_work_of(proposer: str, gate: ApprovalGate, voter: str, signed_in: SignedIn | None) -> Pass | Fail:
    """Whether the person may approve at one gate: they did not propose the change, or the gate allows it."""
    names = gate.identities.names(f"{OID}{proposer}", signed_in=SignedIn(object_id=proposer))
    own = not names.isdisjoint(gate.identities.names(voter, signed_in=signed_in))
    return own_work_rule(Rule.APPROVER_DID_NOT_PROPOSE_IT, _proposed_it(proposer), gate, own=own)


def _proposed_it(proposer: str) -> str:
    return f"{OID}{proposer} proposed the change"


# ---- whether the votes suffice
def approvals_at(old: OldGate, votes: Iterable[Vote], proposed_by: str) -> tuple[Vote, ...]:
    """The approvals that count at one gate: by people who are listed there and did not propose the change, one each."""
    counted = [
        vote
        for vote in votes
        if old.gate.lists(names_of(vote, old.gate), vote.signed_in)
        and _own_work_of(proposed_by, old.gate, vote.voter, vote.signed_in).passed
    ]
    return one_approval_each(counted, old.gate)


def quorum_at(old: OldGate, votes: Iterable[Vote], proposed_by: str) -> tuple[RuleResult, ...]:
    return approvals_rules(approvals_at(old, votes, proposed_by), old.gate)


def quorum(plan: ChangePlan, votes: Sequence[Vote]) -> tuple[RuleResult, ...]:
    """The quorum rules of every gate that is asked: all of them have to hold."""
    return tuple(rule for old in plan.gates for rule in quorum_at(old, votes, plan.proposed_by))


def with_vote(change: ProposedChange, plan: ChangePlan, cast: ChangeVoteCast) -> ProposedChange:
    """The change with a vote that counts, in place of the same person's earlier one."""
    vote = vote_of(change, cast, _gate_groups(plan, cast.signed_in))
    others = (each for each in change.votes if not one_person(plan.gates, each.voter, cast.voter))
    return change.evolve(votes=(*others, vote))


def vote_of(change: ProposedChange, cast: ChangeVoteCast, signed_in: SignedIn | None) -> Vote:
    return Vote(
        voter=cast.voter,
        decision=cast.decision,
        reason=cast.reason,
        channel=cast.channel,
        plan_hash=change.plan,
        at=cast.received_at,
        signed_in=signed_in,
        name=cast.name,
        proof=cast.proved.proof if cast.proved else None,
    )


def _gate_groups(plan: ChangePlan, signed_in: SignedIn | None) -> SignedIn | None:
    """The sign-in as it is kept: only the groups and roles that a gate names."""
    if signed_in is None:
        return None
    groups = frozenset[str]().union(*(old.gate.groups() for old in plan.gates))
    roles = frozenset[str]().union(*(old.gate.roles() for old in plan.gates))
    return signed_in.evolve(
        groups=tuple(group for group in signed_in.groups if group in groups),
        roles=tuple(role for role in signed_in.roles if role in roles),
    )
