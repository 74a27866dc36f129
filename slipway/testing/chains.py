"""Chains of signed records for tests, and the keys that they verify with."""

from collections.abc import Iterable
from typing import Final

from ..domain.audit import AuditDraft, AuditRecord, chained
from ..domain.model import Timestamp
from ..domain.release import Head
from ..domain.signing import FixedKeys, PrivateSigner, PublicKeys
from ..ed25519 import public_key

SIGNING_KEYS: Final = {"test": b"k" * 32}
PUBLIC_KEYS: Final = PublicKeys({kid: public_key(seed) for kid, seed in SIGNING_KEYS.items()})
SIGNER: Final = PrivateSigner(FixedKeys(SIGNING_KEYS), PUBLIC_KEYS)


def signed_chain(
    drafts: Iterable[AuditDraft], *, application: str, time: Timestamp, sequence: int = 0, previous: str = ""
) -> tuple[AuditRecord, ...]:
    """The drafts as records that continue the chain which ends in `sequence` and `previous` ("" for a new chain)."""
    head = Head(application=application, sequence=sequence, hash=previous)
    return chained(drafts, head=head, now=time, signer=SIGNER)[0]


def signed_anew(record: AuditRecord) -> AuditRecord:
    """A changed record with a matching hash and signature, as a holder of the key could make it."""
    hash = record.expected_hash()
    return record.evolve(hash=hash, sig=SIGNER.sign(hash.encode()))
