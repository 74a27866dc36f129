"""Verifies the stored proof of a record again: the provider signed it, its content is that of the record, and it comes
from the person whom the record names.

The worker does so before it opens anything, and `slipway audit verify --votes` does so from outside; both use this
code.

A record names its proof by hash, and the proof names the issuer's keys that verified it at the time. The provider's
present keys are tried first. If the provider no longer publishes that key, or does not answer, the kept set counts if
an anchor names it. An attacker who can write rows and documents could store keys and a proof of their own making, but
could not sign an anchor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from typing import Final, assert_never

from .actions import ChangeMeaning, GateMeaning
from .audit import AuditRecord
from .commands import FRESH, Verb
from .identity import CannotVerify, IdentityRefused, IdToken, TokenReader, Verdict, VerifiedToken
from .people import OID
from .proof import KeptProof, judge_times
from .proposing import hash_of_changes
from .release import VoteDecision
from .rules import not_passed
from .statement import CatalogueStatement, ChangeVoteStatement, CommandStatement, Statement, VoteStatement

_VOTES: Final = (VoteStatement, ChangeVoteStatement)
_VERBS: Final = {GateMeaning.ROLLBACK_ORDERED: Verb.ROLLBACK, GateMeaning.WAIVED: Verb.WAIVE}


class KeysFrom(Enum):
    """The source of the keys that verified a proof."""

    PROVIDER = auto()
    """The provider publishes the key."""
    ARCHIVE = auto()
    """The provider no longer publishes it, or does not answer; an anchor names the kept set."""


@dataclass(frozen=True, kw_only=True)
class ProofEvidence:
    """The evidence by which a proof holds."""

    source: KeysFrom
    keys: str
    """Hash of the set of keys that verified it when it was kept."""


class NotProvedError(Exception):
    """The proof does not hold; the text says why."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing
        """Whether the proof is gone."""


@dataclass(frozen=True, kw_only=True)
class ProofVerifier:
    """Verifies kept proofs."""

    tokens: TokenReader
    installation: str
    documents: Callable[[str], bytes | None]
    """A kept document by its hash; None if it is gone. Raises `ValueError` if it was changed."""
    anchored: Callable[[str, str], bool]
    """Whether an anchor of the application's chain, or of the installation's, names this set of the issuer's keys."""

    def keys_of(self, record: AuditRecord, *, fresh: timedelta | None) -> ProofEvidence | CannotVerify:
        """The keys with which the record's proof holds. `fresh` is the greatest age of a voter's sign-in.

        Raises `NotProvedError`, and the errors of `documents` and `anchored`.
        """
        proof = self._read_proof(record)
        if proof.statement.installation != self.installation:
            raise NotProvedError(f"its proof is addressed to the installation {proof.statement.installation}")
        verdict, source = self._verdict(record, proof)
        match verdict:
            case VerifiedToken(value=token):
                if fault := kept_proof_fault(record, proof.statement, token, fresh=fresh):
                    raise NotProvedError(f"its proof does not prove it: {fault}")
                return ProofEvidence(source=source, keys=proof.keys)
            case IdentityRefused(why=why):
                raise NotProvedError(f"its proof does not hold: {why}")
            case CannotVerify() as later:
                return later
            case unreachable:
                assert_never(unreachable)

    def _read_proof(self, record: AuditRecord) -> KeptProof:
        digest = record.proof or ""
        try:
            content = self.documents(digest)
            if content is None:
                raise NotProvedError(f"its proof {digest} is missing", missing=True)
            return KeptProof.model_validate_json(content)
        except (ValueError, RecursionError):
            raise NotProvedError(f"the document kept as its proof, {digest}, was changed or is not a proof") from None

    def _verdict(self, record: AuditRecord, kept: KeptProof) -> tuple[Verdict[IdToken], KeysFrom]:
        if record.received_at is None:
            raise NotProvedError("it does not say when it was received")
        nonce, at = kept.statement.nonce, record.received_at
        verdict = self.tokens.verify(kept.id_token, nonce=nonce, at=at)
        if not isinstance(verdict, CannotVerify) or not self.anchored(record.application, kept.keys):
            return verdict, KeysFrom.PROVIDER
        try:
            published = self.documents(kept.keys)
            archive = self.tokens.archived(published) if published is not None else None
        except ValueError:
            raise NotProvedError(f"the archived keys {kept.keys} were changed, or are not keys") from None
        if archive is None:
            gone = f"the archived keys {kept.keys} are missing"
            raise NotProvedError(f"the provider no longer publishes its key, and {gone}")
        return archive.verify(kept.id_token, nonce=nonce, at=at), KeysFrom.ARCHIVE


def kept_proof_fault(record: AuditRecord, statement: Statement, token: IdToken, *, fresh: timedelta | None) -> str:
    """Why the proof does not prove what the record says; empty if it does. `fresh` is the greatest age of a voter's
    sign-in."""
    if record.actor != f"{OID}{token.person.oid}":
        return f"it is of {OID}{token.person.oid}, and the record names {record.actor}"
    if not _says(record, statement):
        return "it says something else than the record"
    lacking = _counted_by(record) - {*token.person.roles, *(token.person.groups or ())}
    if lacking:
        return f"its token does not name {', '.join(sorted(lacking))}, by which the vote was counted"
    if record.received_at is None:
        return "the record does not say when it was received"
    broken = not_passed(judge_times(token, record.received_at, fresh if isinstance(statement, _VOTES) else FRESH))
    return broken[0].reason if broken else ""


def _says(record: AuditRecord, statement: Statement) -> bool:
    details, action = record.details, record.known_action
    of_gate = action.of_gate if action is not None else GateMeaning.NOTHING
    match statement:
        case VoteStatement():
            approves = statement.decision is VoteDecision.APPROVE and of_gate is GateMeaning.APPROVED
            same_release = _about(statement) == (record.release, record.environment)
            for_it = (statement.plan, statement.opening) == (details.get("plan_hash"), details.get("opening"))
            return approves and same_release and for_it
        case CommandStatement():
            about = details.get("to") if of_gate is GateMeaning.ROLLBACK_ORDERED else record.release
            same_release = _about(statement) == (about, record.environment)
            same_rule = of_gate is not GateMeaning.WAIVED or statement.arguments.get("rule") == details.get("rule")
            return statement.verb is _VERBS.get(of_gate) and same_release and same_rule
        case ChangeVoteStatement():
            return _says_vote_on_change(record, statement)
        case CatalogueStatement():
            proposed = action is not None and action.of_change is ChangeMeaning.PROPOSED
            subjects = details.get("subjects", ())
            changes = [each for each in statement.changes if each.subject in subjects]
            return proposed and hash_of_changes(changes) == details.get("change")
        case unreachable:
            assert_never(unreachable)


def _says_vote_on_change(record: AuditRecord, statement: ChangeVoteStatement) -> bool:
    details, action = record.details, record.known_action
    of_change = action.of_change if action is not None else ChangeMeaning.NOTHING
    expected = ChangeMeaning.STOOD_IN if statement.stands_in else ChangeMeaning.VOTED
    about = (statement.change, statement.opening, statement.plan, str(statement.decision))
    return of_change is expected and about == tuple(
        details.get(name) for name in ("change", "opening", "plan", "decision")
    )


def _counted_by(record: AuditRecord) -> set[str]:
    """The groups and roles by which the author was counted."""
    vote = record.details.get("vote")
    signed_in = vote.get("signed_in") if isinstance(vote, dict) else None
    sources = (record.details, signed_in if isinstance(signed_in, dict) else {})
    return {str(name) for each in sources for field in ("groups", "roles") for name in each.get(field) or ()}


def _about(statement: VoteStatement | CommandStatement) -> tuple[str | None, str | None]:
    return f"{statement.application}-{statement.release}", statement.environment
