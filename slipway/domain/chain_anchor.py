"""Anchors: where a chain ended, signed by the worker, in storage where nothing can be changed.

A chain proves that its records fit together. But in a ledger that was put back to an earlier state every signature is
genuine too; an anchor proves that this has not happened. The format is in docs/reference/audit-format.md.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal

from pydantic import Field

from ..text import moment
from .audit import GENESIS, AnchoredHead, AuditRecord, ChainEnd
from .model import Digest, Name, Record, Timestamp, canonical, sha256
from .release import Head
from .rules import Rule, RuleResult
from .signing import PublicKeys, Signature, Signer

LIMIT: Final = 16 * 1024
"""The most bytes of an anchor; a real one has less than two thousand."""
_INVERT: Final = 10**12 - 1


class AnchorReason(StrEnum):
    """The reason why an anchor was written."""

    DAILY = "daily"
    """The chain had grown since its newest anchor."""
    GATE = "gate"
    """A gate of class production passed, or was rejected."""
    RULES = "rules"
    """The rules changed: a project, an application, a freeze or hold, or a key. Or somebody rejected such a change."""
    RESET = "reset"
    """The ledger was restored, and a new epoch began."""


class GateOutcome(StrEnum):
    """The decision of a gate."""

    PASSED = "passed"
    REJECTED = "rejected"


class AnchoredGate(Record):
    """The gate that was decided, so that a rejection survives even if the ledger loses it."""

    release: int = Field(ge=1)
    environment: Name
    opening: int = Field(ge=0)
    """0 for a gate that asks nobody."""
    outcome: GateOutcome


class AnchorKeys(Record):
    """Hashes of the sets of keys that verified records and proofs at that time."""

    issuer: Digest | None = None
    """The hash of the identity provider's set of keys, as published and kept; None if the provider was away."""
    records: Digest


class AnchorContent(Record):
    """Everything in an anchor that its signature covers."""

    v: Literal[1] = 1
    chain: str = Field(max_length=64)
    """`application:<name>`, or `installation`."""
    epoch: int = Field(ge=0)
    head: ChainEnd
    before: str
    """Hash of the previous anchor; `sha256:` and 64 zeros for the first."""
    at: Timestamp
    why: AnchorReason
    gate: AnchoredGate | None = None
    keys: AnchorKeys

    @property
    def hash(self) -> str:
        """The hash of everything but the signature. The signature covers it, and the next anchor names it."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"sig"})))

    @property
    def name(self) -> str:
        """The name of its blob. The newest one comes first in a list."""
        return f"{self.chain}/{_INVERT - self.epoch:012d}-{_INVERT - self.head.sequence:012d}"


class ChainAnchor(AnchorContent):
    """An anchor as it is written."""

    sig: Signature

    @property
    def text(self) -> str:
        """As people read it."""
        gate = self.gate
        what = f"release {gate.release} {gate.outcome} in {gate.environment}" if gate else str(self.why)
        return f"the anchor of {moment(self.at)} ({what})"

    def names(self, gate: AnchoredGate, head: Head) -> bool:
        """Whether this is the anchor of the gate, in the epoch of the head."""
        return self.gate == gate and self.epoch == head.epoch

    def document(self) -> bytes:
        """The blob's content: the anchor's canonical form and a line break."""
        return canonical(self.model_dump(mode="json")) + b"\n"


_OF_THE_INSTALLATION: Final = ("installation", "_installation")
"""The name of the chain, and the application that its records name."""
_OF_AN_APPLICATION: Final = "application:"


def chain_of(application: str) -> str:
    """The name of the chain whose records name the application."""
    chain, own = _OF_THE_INSTALLATION
    return chain if application == own else _OF_AN_APPLICATION + application


def application_of(chain: str) -> str:
    """The application that the records of the chain name; empty if `chain` is not the name of a chain."""
    if chain == _OF_THE_INSTALLATION[0]:
        return _OF_THE_INSTALLATION[1]
    return chain.removeprefix(_OF_AN_APPLICATION) if chain.startswith(_OF_AN_APPLICATION) else ""


def changes_rules(records: Iterable[AuditRecord]) -> int:
    """The sequence of the last record that changes what is allowed and so has to be anchored; 0 if there is none."""
    changing = (record for record in records if (action := record.known_action) is not None and action.changes_rules)
    return max((record.sequence for record in changing), default=0)


def new_anchor(
    head: Head,
    *,
    why: AnchorReason,
    gate: AnchoredGate | None = None,
    before: ChainAnchor | None,
    keys: PublicKeys,
    issuer: str | None = None,
    signer: Signer,
    now: datetime,
) -> ChainAnchor:
    """An anchor of the chain's end; `issuer` is the hash of the identity provider's keys. Raises `KeysUnavailable`."""
    public = {kid: key.hex() for kid, key in keys.by_id().items()}
    content = AnchorContent(
        chain=chain_of(head.application),
        epoch=head.epoch,
        head=ChainEnd(sequence=head.sequence, hash=head.hash),
        before=before.hash if before else GENESIS,
        at=now,
        why=why,
        gate=gate,
        keys=AnchorKeys(issuer=issuer, records=sha256(canonical(public))),
    )
    return ChainAnchor.model_validate(content.model_dump() | {"sig": signer.sign(content.hash.encode())})


def points_of(anchors: Iterable[ChainAnchor], *, epoch: int) -> dict[int, AnchoredHead]:
    """The heads that the anchors of this epoch name, by sequence. Anchors of another epoch are history."""
    return {
        anchor.head.sequence: AnchoredHead(hash=anchor.head.hash, anchor=anchor.text)
        for anchor in anchors
        if anchor.epoch == epoch
    }


class CountedAnchors:
    """The anchors that count as evidence. An anchor signed by a retired key counts only if a later anchor that counts
    names it as its predecessor."""

    def __init__(self, keys: PublicKeys) -> None:
        self._keys, self._named = keys, set[str]()
        self._waiting: dict[str, ChainAnchor] = {}

    def take(self, anchor: ChainAnchor) -> Iterator[ChainAnchor]:
        """The anchors that now count: this one, and those that waited for it. Raises `KeysUnavailable`."""
        if anchor.hash not in self._named and self._keys.is_retired(anchor.sig.kid):
            self._waiting[anchor.hash] = anchor
            return
        counts: ChainAnchor | None = anchor
        while counts is not None:
            yield counts
            self._named.add(counts.before)
            counts = self._waiting.pop(counts.before, None)


def read_anchor(content: bytes, *, application: str, keys: PublicKeys) -> tuple[ChainAnchor | None, str]:
    """The anchor, or why it is not an anchor of this chain. Raises `KeysUnavailable`."""
    try:
        anchor = ChainAnchor.model_validate_json(content)
        signed = anchor.hash.encode()  # fails for numbers that JSON cannot hold
    except (ValueError, RecursionError):
        return None, "it is not an anchor"
    if anchor.chain != chain_of(application):
        return None, f"it is of the chain {anchor.chain!r}"
    fault = keys.fault_in_chain(anchor.sig, signed)
    return (None, fault) if fault else (anchor, "")


def whole_rule(head: Head, anchor: ChainAnchor | None, record: AuditRecord | None) -> RuleResult:
    """Whether the ledger holds the record that the newest anchor names. `record` is the one that the ledger has at that
    place."""
    if anchor is None:
        return Rule.LEDGER_IS_WHOLE.holds("nothing is anchored yet")
    what = f"record {anchor.head.sequence}, anchored at {moment(anchor.at)}"
    return held_rule(head, what, anchor.epoch, anchor.head, record)


def held_rule(head: Head, what: str, epoch: int, end: ChainEnd, record: AuditRecord | None) -> RuleResult:
    """Whether the ledger holds the end of its chain that an anchor, or a Lease, names for that epoch."""
    if epoch < head.epoch:
        return Rule.LEDGER_IS_WHOLE.holds(f"{what}, is of epoch {epoch}, and this is {head.epoch}")
    if epoch > head.epoch:
        return Rule.LEDGER_IS_WHOLE.fails(f"{what}, is of epoch {epoch}, and the ledger is of {head.epoch}")
    if record is None:
        return Rule.LEDGER_IS_WHOLE.fails(
            f"{what}, is missing, and the ledger ends with {head.sequence}: it was put back to an earlier state"
        )
    if record.hash != end.hash:
        return Rule.LEDGER_IS_WHOLE.fails(f"{what}, is another one here: the ledger was put back and went on")
    return Rule.LEDGER_IS_WHOLE.holds(f"{what}, is here")
