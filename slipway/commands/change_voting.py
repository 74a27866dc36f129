"""The worker's half of votes on proposed changes. A row of the inbox is counted, refused, or waits for its proof; a
message in `approvals`, which does not pass the front, may only reject."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changes_on_record import VOTED
from ..domain.identity import CannotVerify, IdentityRefused, VerifiedToken
from ..domain.inbox import InboxKind, Received
from ..domain.people import OID, SignedIn
from ..domain.proposing import (
    ChangePhase,
    ChangePlan,
    ChangeVoteCast,
    ProposedChange,
    change_vote_rules,
    quorum,
    with_vote,
)
from ..domain.queues import Queue
from ..domain.release import VoteDecision
from ..domain.rules import Rule, RuleResult, as_details, not_passed
from ..domain.signing import KeysUnavailable
from ..domain.standing_in import stand_in_rules, stood_in
from ..domain.statement import ChangeVoteStatement
from ..engine.proving import Prover, on_behalf_of
from ..inbound.reading import BadInput
from ..ledger import Conflict
from ..ledger.installation import order_mark
from ..ledger.keys import INSTALLATION
from ..ledger.proposals import Proposals, StoredProposal
from ..ledger.rows import answer_writes
from ..ledger.table import Write
from .enacting import Enacting
from .proposing import change_details, ended_as, ending
from .taking import CannotCount, RowWaits

ROUNDS: Final = 5
"""The number of times that a vote is judged again because others were counted meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ChangeVoting:
    """Takes votes on proposed changes."""

    prover: Prover
    proposals: Proposals
    enacting: Enacting
    tell: Callable[[str], object]
    """Tells people of a change that has ended; what cannot be sent now is sent later."""
    clock: Clock

    def take(self, received: Received) -> None:
        """Count the vote, or refuse it by its rules; both are recorded and answered. The last approval that a change
        needs puts it in force.

        Raises `RowWaits` while its proof cannot be verified; `BadInput` and `CannotCount` for a row that cannot be
        handled; `Conflict`, `LedgerUnavailable`: try again.
        """
        statement = received.row.statement
        if not isinstance(statement, ChangeVoteStatement):
            raise BadInput("said", "a vote on a proposed change", received.row.kind)
        if received.partition != INSTALLATION:
            raise BadInput("partition", INSTALLATION, received.partition)
        cast = self._cast(received, statement)
        self._take(
            _IncomingVote(cast=cast, inbox=received.id),
            lambda: self.proposals.installation.answered(received.id),
        )

    def take_message(self, cast: ChangeVoteCast, order: str) -> None:
        """Count the rejection in a message, or refuse it; both are recorded. `order` identifies the message: a repeat
        changes nothing.

        Raises `CannotCount` for a message that cannot be handled; `Conflict`, `LedgerUnavailable`: try again.
        """
        self._take(
            _IncomingVote(cast=cast, order=order), lambda: self.proposals.installation.was_refused(order) is not None
        )

    def _take(self, vote: "_IncomingVote", is_done: Callable[[], bool]) -> None:
        change = vote.cast.change
        for _ in range(ROUNDS):
            if is_done():
                return
            try:
                self._settle(change)
                self._decide(vote)
            except Conflict:
                continue
            break
        else:
            raise Conflict(f"{vote.inbox or vote.order}: others voted {ROUNDS} times meanwhile")
        self._settle(change)
        self.tell(change)

    def _settle(self, change: str) -> None:
        """Before a vote is judged, void the change if it no longer does what people read, and put it in force if it has
        passed. A key that cannot be read only delays this: the next pass goes on."""
        try:
            self.enacting.settle(change)
        except KeysUnavailable as away:
            raise Conflict(str(away)) from away

    # ---- who
    def _cast(self, received: Received, statement: ChangeVoteStatement) -> ChangeVoteCast:
        cast = ChangeVoteCast(
            change=statement.change,
            opening=statement.opening,
            plan=statement.plan,
            decision=statement.decision,
            reason=statement.reason,
            stands_in=bool(statement.stands_in),
            voter=on_behalf_of(received.row.speaker),
            channel=received.row.speaker.via,
            received_at=received.received_at,
        )
        if received.row.proof is None:
            return self._unproved_vote(received, cast)
        match self.prover.person(received):
            case VerifiedToken(value=(token, proved)):
                person = token.person
                signed_in = SignedIn(object_id=person.oid, groups=person.groups or (), roles=person.roles)
                return cast.evolve(voter=f"{OID}{person.oid}", name=person.name, signed_in=signed_in, proved=proved)
            case IdentityRefused(why=why):
                return cast.evolve(unproved=why[:500])
            case CannotVerify(why=why):
                raise RowWaits(f"the vote cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _unproved_vote(self, received: Received, cast: ChangeVoteCast) -> ChangeVoteCast:
        """The vote of a person whom only the front names: it may stop a change, and opens nothing.

        Raises `BadInput`.
        """
        speaker = received.row.speaker
        if (signed_in := speaker.signed_in) is None:
            raise BadInput("from.oid", "the object id of a person", "none")
        return cast.evolve(name=speaker.name, signed_in=signed_in)

    # ---- deciding
    def _decide(self, vote: "_IncomingVote") -> None:
        """Raises `Conflict` if others were faster."""
        cast = vote.cast
        proposal = self.proposals.current(cast.change)
        if proposal.change is None:
            raise CannotCount(f"no change {cast.change} was proposed")
        plan = self.proposals.plan(proposal.change.plan)
        if plan is None:
            raise CannotCount(f"the plan of the change {cast.change} is gone")
        judge = stand_in_rules if cast.stands_in else change_vote_rules
        rules = (*judge(proposal.change, plan, cast), *self._new_proof_rules(vote))
        judged = _Judged(vote=vote, change=proposal.change, plan=plan, rules=rules)
        if not_passed(rules):
            self._refuse(judged, proposal)
        else:
            self._count(judged, proposal)

    def _new_proof_rules(self, vote: "_IncomingVote") -> tuple[RuleResult, ...]:
        if vote.cast.proved is None:
            return ()
        by = self.proposals.row_of_statement(vote.cast.proved.statement.nonce)
        return () if by in (None, vote.inbox) else (Rule.PROOF_IS_NEW.fails("its statement was already counted"),)

    def _refuse(self, judged: "_Judged", current: StoredProposal) -> None:
        now = self.clock()
        answered = _answered(judged.change).evolve(refused=True, rules=not_passed(judged.rules))
        draft = _record(Action.CHANGE_VOTE_REFUSED, judged)
        self.proposals.commit(current, judged.change, [draft], *judged.vote.marks(answered, now), now=now)

    def _count(self, judged: "_Judged", current: StoredProposal) -> None:
        now, cast, plan = self.clock(), judged.vote.cast, judged.plan
        if cast.stands_in:
            change = stood_in(judged.change, cast)
            drafts = [_record(Action.CHANGE_STOOD_IN, judged, vote=change.stand_ins[-1].model_dump(mode="json"))]
        else:
            change = with_vote(judged.change, plan, cast)
            drafts = [_record(Action.CHANGE_VOTED, judged, vote=change.votes[-1].model_dump(mode="json"))]
        if cast.decision is VoteDecision.REJECT:
            ended = ChangePhase.WITHDRAWN if cast.takes_back(change) else ChangePhase.REJECTED
            change = ended_as(change, ended, cast.reason, now)
            drafts.append(ending(change, **_actor_details(cast)))
        elif not cast.stands_in and not not_passed(quorum(plan, change.votes)):
            change = change.evolve(phase=ChangePhase.PASSED)
            results = as_details(quorum(plan, change.votes))
            details = {**change_details(change), "results": results}
            drafts.append(AuditDraft(action=Action.CHANGE_PASSED, actor=SYSTEM, details=details))
        proved = (cast.proved.statement.nonce, judged.vote.inbox) if cast.proved else None
        self.proposals.commit(
            current, change, drafts, *judged.vote.marks(_answered(change), now), counted=proved, now=now
        )


@dataclass(frozen=True, kw_only=True)
class _IncomingVote:
    """A vote, and the mark that shows that it was taken: its row of the inbox, or the order of a message."""

    cast: ChangeVoteCast
    inbox: str = ""
    order: str = ""

    def marks(self, answered: RowOutcome, now: datetime) -> list[Write]:
        """Written with the decision."""
        if self.order:
            return [order_mark(self.order, refused=answered.refused, now=now)]
        return answer_writes(self.inbox, answered)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A vote, and the results of its rules."""

    vote: _IncomingVote
    change: ProposedChange
    plan: ChangePlan
    rules: tuple[RuleResult, ...]


def _answered(change: ProposedChange) -> RowOutcome:
    return RowOutcome(kind=InboxKind.VOTE, change=change.hash, change_phase=str(change.phase))


def _record(action: Action, judged: _Judged, *, vote: object = None) -> AuditDraft:
    cast = judged.vote.cast
    broken, by = not_passed(judged.rules), _actor_details(cast)
    actor = by.pop("actor")
    details = {
        **change_details(judged.change),
        "decision": str(cast.decision),
        VOTED: vote,
        "name": cast.name,
        "channel": cast.channel,
        "rules": [rule.name for rule in broken],
        "why": cast.reason if broken else "",
        "reason": broken[0].reason if broken else cast.reason,
        "results": as_details(judged.rules),
    }
    return AuditDraft(
        action=action,
        details={name: value for name, value in {**details, **by}.items() if value},
        actor=actor,
        inbox=judged.vote.inbox or None,
        proof=cast.proved.proof if cast.proved else None,
        received_at=cast.received_at,
    )


def _actor_details(cast: ChangeVoteCast) -> dict[str, str]:
    """The actor, and the person on whose behalf they act. A message, or a proof that does not hold, is not the person's
    own act."""
    if cast.by_message:
        return {"actor": Queue.APPROVALS, "on_behalf_of": cast.voter}
    if cast.unproved:
        return {"actor": SYSTEM, "on_behalf_of": cast.voter}
    return {"actor": cast.voter}
