"""The worker's verification of what somebody proved: an inbox row with a proof becomes an event, or waits.

Only the row's token is believed: for the person, and their roles and groups. The front's claim about the person is used
only to say on whose behalf an invalid proof came. The proof and the key set that verified it are kept before the event
is decided, so a record never names a document that is not there.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from ..domain.errors import Inconsistent
from ..domain.events import VoteCast
from ..domain.identity import CannotVerify, IdentityRefused, IdToken, TokenReader, Verdict, VerifiedToken
from ..domain.inbox import Received, Speaker
from ..domain.people import OID, SignedIn
from ..domain.proof import KeptProof, Proof, ProofFacts
from ..domain.statement import VoteStatement
from ..ledger import Blobs

log = logging.getLogger(__name__)

JSON: Final = "application/json"
UNKNOWN: Final = "unknown"
"""The voter, if the proof of a vote does not hold and the front named nobody."""


@dataclass(frozen=True, kw_only=True)
class Prover:
    """Verifies proofs, and keeps those that hold."""

    tokens: TokenReader
    installation: str
    evidence: Blobs
    keys_seen: Callable[[str], None] = lambda _: None
    """Called with the hash of each key set that verified a proof."""

    def vote(self, received: Received) -> VoteCast | CannotVerify:
        """The vote of a row with a proof. One whose proof does not hold says so (`unproved`) and will be refused.

        Raises `LedgerUnavailable`, and `Inconsistent` for a row that holds no proof of a vote.
        """
        proof = received.row.proof
        if proof is None or not isinstance(proof.statement, VoteStatement):
            raise Inconsistent(f"row {received.id} holds no proof of a vote")
        match self.person(received):
            case VerifiedToken(value=(token, proved)):
                return _proved(received, proof.statement, token, proved)
            case IdentityRefused(why=why):
                return _unproved(received, proof.statement, why)
            case CannotVerify() as later:
                return later
            case unreachable:
                assert_never(unreachable)

    def person(self, received: Received) -> Verdict[tuple[IdToken, ProofFacts]]:
        """The author of a row with a proof. A proof that holds is kept.

        Raises `LedgerUnavailable`, and `Inconsistent` for a row without a proof.
        """
        proof = received.row.proof
        if proof is None:
            raise Inconsistent(f"row {received.id} holds no proof")
        match self._verdict(proof, received.received_at):
            case VerifiedToken(value=token):
                return VerifiedToken(value=(token, self._keep(proof, token)))
            case IdentityRefused() as refused:
                log.warning("the proof in row %s does not hold: %s", received.id, refused.why)
                return refused
            case CannotVerify() as later:
                return later
            case unreachable:
                assert_never(unreachable)

    def _verdict(self, proof: Proof, received_at: datetime) -> Verdict[IdToken]:
        statement = proof.statement
        if statement.installation != self.installation:
            return IdentityRefused(
                why=f"it is addressed to the installation {statement.installation}, this is {self.installation}"
            )
        return self.tokens.verify(proof.id_token, nonce=statement.nonce, at=received_at)

    def _keep(self, proof: Proof, token: IdToken) -> ProofFacts:
        keys = self.evidence.put(token.key_set.content, JSON)
        self.keys_seen(keys)
        kept_proof = KeptProof(statement=proof.statement, id_token=proof.id_token, issuer=self.tokens.issuer, keys=keys)
        return ProofFacts(
            proof=self.evidence.put(kept_proof.canonical, JSON),
            statement=proof.statement,
            tenant=token.person.tenant,
            issued_at=token.issued_at,
            expires_at=token.expires_at,
            authenticated_at=token.authenticated_at,
        )


def repeated(received: Received) -> VoteCast:
    """The refusal of a row whose statement was counted before, from another row."""
    proof = received.row.proof
    if proof is None or not isinstance(proof.statement, VoteStatement):
        raise Inconsistent(f"row {received.id} holds no proof of a vote")
    return _unproved(received, proof.statement, "its statement was already counted")


def _proved(received: Received, statement: VoteStatement, token: IdToken, proved: ProofFacts) -> VoteCast:
    person = token.person
    # If a token only points to the groups, the person is not known to be in any of them.
    signed_in = SignedIn(object_id=person.oid, groups=person.groups or (), roles=person.roles)
    vote = vote_said(received, statement, f"{OID}{person.oid}")
    return vote.evolve(name=person.name, signed_in=signed_in, proved=proved)


def _unproved(received: Received, statement: VoteStatement, why: str) -> VoteCast:
    return vote_said(received, statement, on_behalf_of(received.row.speaker)).evolve(unproved=why[:500])


def on_behalf_of(speaker: Speaker) -> str:
    """The front's name for the sender of an invalid proof."""
    return f"{OID}{speaker.oid}" if speaker.oid else UNKNOWN


def vote_said(received: Received, statement: VoteStatement, voter: str) -> VoteCast:
    """The row as the vote of `voter`."""
    return VoteCast(
        received_at=received.received_at,
        application=statement.application,
        release=statement.release,
        environment=statement.environment,
        plan_hash=statement.plan,
        opening=statement.opening,
        voter=voter,
        decision=statement.decision,
        reason=statement.reason,
        channel=received.row.speaker.via,
        submission=received.id,
        inbox=received.id,
    )
