"""Verifies once more, before a step that opens something, the proofs that are kept for what it rests on.

A record names its proof by hash, and the proof names the issuer's keys that verified it then. The provider's keys of
now come first. Where it does not publish that key any more, or does not answer, the kept set counts if an anchor names
it: whoever can write rows and documents could lay keys of their own beside a proof of their own, and sign no anchor.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from ..domain.audit import AuditRecord
from ..domain.identity import CannotVerify, IdentityRefused, IdToken, Verdict, Verified
from ..domain.kept_proofs import kept_proof_fault
from ..domain.key_source import KeysUnavailable
from ..domain.proof import KeptProof
from ..domain.rules import Rule, RuleResult
from ..ledger import Blobs
from ..ledger.chain_anchors import ChainAnchors
from .proving import TokenReader


class _FaultError(Exception):
    """The proof does not hold; the text says why."""


@dataclass(frozen=True, kw_only=True)
class KeptProofs:
    """Verifies what is kept."""

    tokens: TokenReader
    installation: str
    evidence: Blobs
    anchors: ChainAnchors

    def rule(self, records: Iterable[AuditRecord], *, fresh: timedelta | None) -> RuleResult | None:
        """Whether the proof of each record holds; None without records. `fresh`: how old the sign-in of a vote may
        have been.

        Raises `LedgerUnavailable`, and `KeysUnavailable` as long as nobody can say.
        """
        count = archived = 0
        for record in records:
            try:
                archived += self._archived(record, fresh)
            except _FaultError as fault:
                return Rule.KEPT_PROOFS_HOLD.fails(f"record {record.sequence} ({record.actor}): {fault}"[:500])
            count += 1
        by = f", {archived} of them by keys that were archived and anchored" if archived else ""
        return Rule.KEPT_PROOFS_HOLD.holds(f"{count} proofs were verified{by}") if count else None

    def _archived(self, record: AuditRecord, fresh: timedelta | None) -> bool:
        """Whether it took archived keys to verify the proof. Raises `_FaultError`."""
        kept = self._kept(record)
        if kept.statement.installation != self.installation:
            raise _FaultError(f"its proof was said to the installation {kept.statement.installation}")
        verdict, is_archived = self._verdict(record, kept)
        match verdict:
            case Verified(value=token):
                if fault := kept_proof_fault(record, kept.statement, token, fresh=fresh):
                    raise _FaultError(f"its proof does not prove it: {fault}")
                return is_archived
            case IdentityRefused(why=why):
                raise _FaultError(f"its proof does not hold: {why}")
            case CannotVerify(why=why):
                raise KeysUnavailable(f"{Rule.KEPT_PROOFS_HOLD}: record {record.sequence}: {why}")
            case unreachable:
                assert_never(unreachable)

    def _kept(self, record: AuditRecord) -> KeptProof:
        digest = record.proof or ""
        try:
            content = self.evidence.get(digest)
            if content is None:
                raise _FaultError(f"its proof {digest} is missing")
            return KeptProof.model_validate_json(content)
        except (ValueError, RecursionError):
            raise _FaultError(f"what is kept as its proof {digest} was changed, or is none") from None

    def _verdict(self, record: AuditRecord, kept: KeptProof) -> tuple[Verdict[IdToken], bool]:
        if record.received_at is None:
            raise _FaultError("it does not say when it was received")
        nonce, at = kept.statement.nonce, record.received_at
        verdict = self.tokens.verify(kept.id_token, nonce=nonce, at=at)
        if not isinstance(verdict, CannotVerify) or not self.anchors.names_issuer_keys(record.application, kept.keys):
            return verdict, False
        try:
            published = self.evidence.get(kept.keys)
            archive = self.tokens.archived(published) if published is not None else None
        except ValueError:
            raise _FaultError(f"the archived keys {kept.keys} were changed, or are none") from None
        if archive is None:
            raise _FaultError(f"the provider publishes its key no more, and the archived keys {kept.keys} are missing")
        return archive.verify(kept.id_token, nonce=nonce, at=at), True
