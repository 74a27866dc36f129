"""Verifies once more the kept proofs that a step rests on, before it opens something (`domain/kept_proofs.py`), with
the worker's documents and anchors."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from ..domain.audit import AuditRecord
from ..domain.identity import CannotVerify, TokenReader
from ..domain.kept_proofs import KeysFrom, NotProvedError, ProofVerifier
from ..domain.rules import Rule, RuleResult
from ..domain.signing import KeysUnavailable
from ..ledger import Blobs
from ..ledger.chain_anchors import ChainAnchors


@dataclass(frozen=True, kw_only=True)
class KeptProofs:
    """Verifies kept proofs."""

    tokens: TokenReader
    installation: str
    evidence: Blobs
    anchors: ChainAnchors

    def rule(self, records: Iterable[AuditRecord], *, fresh: timedelta | None) -> RuleResult | None:
        """Whether the proof of each record holds; None without records. `fresh`: how old the sign-in of a vote may
        have been.

        Raises `LedgerUnavailable`, and `KeysUnavailable` while the keys that would decide it are unavailable.
        """
        count = archived = 0
        for record in records:
            try:
                archived += self._archived(record, fresh)
            except NotProvedError as fault:
                return Rule.KEPT_PROOFS_HOLD.fails(f"record {record.sequence} ({record.actor}): {fault}"[:500])
            count += 1
        by = f", {archived} of them by keys that were archived and anchored" if archived else ""
        return Rule.KEPT_PROOFS_HOLD.holds(f"{count} proofs were verified{by}") if count else None

    def _archived(self, record: AuditRecord, fresh: timedelta | None) -> bool:
        """Whether it took archived keys to verify the proof. Raises `NotProvedError`."""
        outcome = self._verifier.keys_of(record, fresh=fresh)
        if isinstance(outcome, CannotVerify):
            raise KeysUnavailable(f"{Rule.KEPT_PROOFS_HOLD}: record {record.sequence}: {outcome.why}")
        return outcome.source is KeysFrom.ARCHIVE

    @property
    def _verifier(self) -> ProofVerifier:
        return ProofVerifier(
            tokens=self.tokens,
            installation=self.installation,
            documents=self.evidence.get,
            anchored=self.anchors.names_issuer_keys,
        )
