"""The worker's half of votes on proposed changes: a row of the inbox is counted, refused, or waits for its proof."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, assert_never

from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import Answered
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.identity import CannotVerify, IdentityRefused, Verified
from ..domain.inbox import InboxKind, Received
from ..domain.key_source import KeysUnavailable
from ..domain.people import OID, SignedIn
from ..domain.proposing import (
    VOTED,
    ChangePhase,
    ChangePlan,
    ChangeVoteCast,
    ProposedChange,
    counted,
    quorum,
    vote_rules,
)
from ..domain.release import VoteDecision
from ..domain.rules import Rule, RuleResult, failed
from ..domain.statement import ChangeVoteStatement
from ..engine.proving import Prover, on_behalf_of
from ..inbound.reading import BadInput
from ..ledger import Conflict
from ..ledger.keys import INSTALLATION
from ..ledger.ledger import answer_writes
from ..ledger.proposals import Kept, Proposals
from .enacting import Enacting
from .proposing import ended_as, ending, named
from .taking import CannotCount, RowWaits

ROUNDS: Final = 5
"""Times that a vote is judged anew because others were counted meanwhile."""


@dataclass(frozen=True, kw_only=True)
class ChangeVoting:
    """Takes votes on proposed changes."""

    prover: Prover
    proposals: Proposals
    enacting: Enacting
    tell: Callable[[str], object]
    """Tells people of a change that has ended; what fails is told later."""
    clock: Clock

    def take(self, received: Received) -> None:
        """Count the vote, or refuse it by its rules; either is recorded and answered. The last approval that a change
        needs puts it in force.

        Raises `RowWaits` as long as its proof cannot be verified; `BadInput` and `CannotCount` for what cannot be
        handled; `Conflict`, `LedgerUnavailable`: try again.
        """
        statement = received.row.statement
        if not isinstance(statement, ChangeVoteStatement):
            raise BadInput("said", "a vote on a proposed change", received.row.kind)
        if received.partition != INSTALLATION:
            raise BadInput("partition", INSTALLATION, received.partition)
        cast = self._cast(received, statement)
        for _ in range(ROUNDS):
            if self.proposals.installation.answered(received.id):
                return
            try:
                self._settled(statement.change)
                self._decide(received, cast)
            except Conflict:
                continue
            break
        else:
            raise Conflict(f"{received.id}: others voted {ROUNDS} times meanwhile")
        self._settled(statement.change)
        self.tell(statement.change)

    def _settled(self, change: str) -> None:
        """What is void by now is void before the vote is judged; what has passed takes force. A key that cannot be read
        only delays: the next pass goes on."""
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
            voter=on_behalf_of(received.row.speaker),
            channel=received.row.speaker.via,
            received_at=received.received_at,
        )
        if received.row.proof is None:
            return self._said(received, cast)
        match self.prover.person(received):
            case Verified(value=(token, proved)):
                person = token.person
                signed_in = SignedIn(object_id=person.oid, groups=person.groups or (), roles=person.roles)
                return cast.evolve(voter=f"{OID}{person.oid}", name=person.name, signed_in=signed_in, proved=proved)
            case IdentityRefused(why=why):
                return cast.evolve(unproved=why[:500])
            case CannotVerify(why=why):
                raise RowWaits(f"the vote cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _said(self, received: Received, cast: ChangeVoteCast) -> ChangeVoteCast:
        """Somebody for whom there is only the front's word: it may stop a change, and open nothing.

        Raises `BadInput`.
        """
        speaker = received.row.speaker
        if speaker.oid is None:
            raise BadInput("from.oid", "the object id of a person", "none")
        return cast.evolve(name=speaker.name, signed_in=SignedIn(object_id=speaker.oid, roles=speaker.roles))

    # ---- deciding
    def _decide(self, received: Received, cast: ChangeVoteCast) -> None:
        """Raises `Conflict` if others were faster."""
        kept = self.proposals.current(cast.change)
        if kept.change is None:
            raise CannotCount(f"no change {cast.change} was proposed")
        plan = self.proposals.plan(kept.change.plan)
        if plan is None:
            raise CannotCount(f"what the change {cast.change} is about is gone")
        rules = (*vote_rules(kept.change, plan, cast), *self._is_new(received, cast))
        judged = _Judged(received=received, cast=cast, change=kept.change, plan=plan, rules=rules)
        if failed(rules):
            self._refuse(judged, kept)
        else:
            self._count(judged, kept)

    def _is_new(self, received: Received, cast: ChangeVoteCast) -> tuple[RuleResult, ...]:
        if cast.proved is None:
            return ()
        by = self.proposals.counted_by(cast.proved.statement.nonce)
        return () if by in (None, received.id) else (Rule.PROOF_IS_NEW.fails("its statement was counted before"),)

    def _refuse(self, judged: "_Judged", kept: Kept) -> None:
        answered = _answered(judged.change).evolve(refused=True, rules=failed(judged.rules))
        answer = answer_writes(judged.received.id, answered)
        draft = _record(Action.CHANGE_VOTE_REFUSED, judged)
        self.proposals.commit(kept, judged.change, [draft], *answer, now=self.clock())

    def _count(self, judged: "_Judged", kept: Kept) -> None:
        now, cast, plan = self.clock(), judged.cast, judged.plan
        change = counted(judged.change, plan, cast)
        drafts = [_record(Action.CHANGE_VOTED, judged, vote=change.votes[-1].model_dump(mode="json"))]
        if cast.decision is VoteDecision.REJECT:
            change = ended_as(change, ChangePhase.REJECTED, cast.reason, now)
            drafts.append(ending(change, actor=cast.voter))
        elif not failed(quorum(plan, change.votes)):
            change = change.evolve(phase=ChangePhase.PASSED)
            results = [rule.model_dump(mode="json") for rule in quorum(plan, change.votes)]
            details = {**named(change), "results": results}
            drafts.append(AuditDraft(action=Action.CHANGE_PASSED, actor=SYSTEM, details=details))
        said = (cast.proved.statement.nonce, judged.received.id) if cast.proved else None
        answer = answer_writes(judged.received.id, _answered(change))
        self.proposals.commit(kept, change, drafts, *answer, said=said, now=now)


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """A vote, and the rules that it met or did not."""

    received: Received
    cast: ChangeVoteCast
    change: ProposedChange
    plan: ChangePlan
    rules: tuple[RuleResult, ...]


def _answered(change: ProposedChange) -> Answered:
    return Answered(kind=InboxKind.VOTE, change=change.hash, change_phase=str(change.phase))


def _record(action: Action, judged: _Judged, *, vote: object = None) -> AuditDraft:
    received, cast = judged.received, judged.cast
    broken = failed(judged.rules)
    details = {
        **named(judged.change),
        "decision": str(cast.decision),
        VOTED: vote,
        "name": cast.name,
        "on_behalf_of": cast.voter if cast.unproved else "",
        "channel": cast.channel,
        "rules": [rule.name for rule in broken],
        "reason": broken[0].reason if broken else cast.reason,
        "results": [rule.model_dump(mode="json") for rule in judged.rules],
    }
    return AuditDraft(
        action=action,
        actor=SYSTEM if cast.unproved else cast.voter,
        details={name: value for name, value in details.items() if value},
        inbox=received.id,
        proof=cast.proved.proof if cast.proved else None,
        received_at=received.received_at,
    )
