"""The worker's half of votes: turns a row of the inbox into a vote that is counted, refused, or waits."""

from collections.abc import Callable
from dataclasses import dataclass

from ..domain.events import VoteCast
from ..domain.identity import CannotVerify
from ..domain.inbox import Received
from ..domain.people import OID
from ..domain.release import VoteDecision
from ..domain.rules import not_passed
from ..domain.signing import KeysUnavailable, PublicKeys
from ..domain.statement import ChangeVoteStatement, VoteStatement
from ..domain.tokens import ApprovalClaims, Purpose, TokenRefused, read_link
from ..engine.handle import Handler, Outcome
from ..engine.proving import UNKNOWN, Prover, repeated, vote_said
from ..inbound.reading import BadInput
from ..ledger import Ledger
from .taking import CannotCount, RowWaits


@dataclass(frozen=True, kw_only=True)
class Voting:
    """Takes votes."""

    prover: Prover
    handler: Handler
    ledger: Ledger
    of_changes: Callable[[Received], None]
    """Takes votes on proposed changes of the catalogue."""
    link_keys: PublicKeys
    """The keys with which a link that votes has to be signed."""

    def take(self, received: Received) -> None:
        """Count the vote, or refuse it by its rules; both are recorded and answered.

        Raises `RowWaits` while its proof cannot be verified; `BadInput`, `UnknownTarget` and `CannotCount` for a row
        that cannot be handled; `Contended`, `LedgerUnavailable`: try again.
        """
        statement = received.row.statement
        if isinstance(statement, ChangeVoteStatement):
            self.of_changes(received)
            return
        if not isinstance(statement, VoteStatement):
            raise BadInput("said", "a vote", received.row.kind)
        if statement.application != received.partition:
            raise BadInput("application", received.partition, repr(statement.application))
        if received.row.proof is None:
            link = received.row.link
            self._decide(
                _unproved_vote(received, statement) if link is None else self._by_link(received, statement, link)
            )
            return
        vote = self.prover.vote(received)
        if isinstance(vote, CannotVerify):
            raise RowWaits(f"the vote cannot be verified yet: {vote.why}")
        if self._decide(vote) is Outcome.REPEATED and self.ledger.answer(received.partition, received.id) is None:
            self._decide(repeated(received))  # another row has said the same before: this one is answered too

    def _by_link(self, received: Received, statement: VoteStatement, link: str) -> VoteCast:
        """The vote of the person to whom the link was sent. A link for something else than this vote is noted in the
        vote (`unproved`), which will then be refused. Raises `RowWaits`."""
        try:
            claims = read_link(link, self.link_keys, now=received.received_at)
        except TokenRefused as refused:
            return vote_said(received, statement, UNKNOWN).evolve(unproved=str(refused))
        except KeysUnavailable as away:
            raise RowWaits(f"the link cannot be verified yet: {away}") from away
        if why := _link_mismatch(claims, statement):
            return vote_said(received, statement, UNKNOWN).evolve(unproved=why)
        return vote_said(received, statement, claims.approver)

    def _decide(self, vote: VoteCast) -> Outcome:
        (receipt,) = self.handler.handle(vote)
        if receipt.outcome is Outcome.NOTHING:  # nothing was recorded, so nothing else would answer
            reasons = [rule.reason for rule in not_passed(receipt.rules)]
            raise CannotCount("; ".join(reasons) or "the vote changes nothing")
        return receipt.outcome


def _link_mismatch(claims: ApprovalClaims, statement: VoteStatement) -> str:
    """Why the link does not permit this vote; empty if it does."""
    if claims.purpose is not Purpose.VOTE:
        return "the link only shows what is asked"
    of_link = (claims.application, claims.release, claims.environment, claims.plan_hash, claims.opening)
    of_vote = (statement.application, statement.release, statement.environment, statement.plan, statement.opening)
    return "" if of_link == of_vote else "the link is for something other than what was voted on"


def _unproved_vote(received: Received, statement: VoteStatement) -> VoteCast:
    """The vote of a person whom only the front names. It may stop a release, and opens nothing.

    Raises `BadInput`.
    """
    speaker = received.row.speaker
    if statement.decision is VoteDecision.APPROVE:
        raise BadInput("proof", "a proof, because an approval lets something through", "none")
    if (signed_in := speaker.signed_in) is None:
        raise BadInput("from.oid", "the object id of a person", "none")
    return vote_said(received, statement, f"{OID}{speaker.oid}").evolve(name=speaker.name, signed_in=signed_in)
