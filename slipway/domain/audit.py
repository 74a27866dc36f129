"""The audit trail: append-only records, each containing the hash of the previous one and the worker's signature.

The canonical form is in docs/reference/audit-format.md, so that anyone can verify a trail with their own program.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from .actions import Action
from .attribution import Attribution
from .model import Digest, Record, Timestamp, canonical, release_id, sha256
from .release import Head
from .signing import PublicKeys, Signature, Signer

GENESIS = "sha256:" + "0" * 64
"""The predecessor that the first record of a chain names."""
INBOX_ID_LIMIT = 128

InboxId = Annotated[str, Field(min_length=1, max_length=INBOX_ID_LIMIT)]


class ChainEnd(Record):
    """The last record of a chain."""

    sequence: int = Field(ge=1)
    hash: Digest


class RulesVersion(Record):
    """A version of an application, a project or the installation's rules, and the end of the chain that records it."""

    version: Digest
    """Hash of the document."""
    head: ChainEnd | None = None


class RulesInForce(Record):
    """The versions of the rules by which something was decided."""

    application: RulesVersion | None = None
    project: RulesVersion | None = None
    installation: RulesVersion | None = None


class AuditDraft(Record):
    """A record that has not been added to a chain yet."""

    action: Action
    actor: str = Field(max_length=254)
    release: int | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    inbox: InboxId | None = None
    """Id of the inbox row by which a person said it."""
    proof: Digest | None = None
    """Hash of the kept proof of who said it."""
    received_at: Timestamp | None = None
    """The time of that row, set by the table service."""
    rules: RulesInForce | None = None

    @field_validator("details")
    @classmethod
    def _whole_numbers(cls, details: dict[str, Any]) -> dict[str, Any]:
        """Only whole numbers, so that a verifier in any language needs no rule for writing fractions."""
        if fraction := next(_fractions(details), None):
            raise ValueError(f"details: expected whole numbers, got {fraction!r}")
        return details


def _fractions(value: Any) -> Iterator[float]:
    match value:
        case float():
            yield value
        case dict():
            for inner in value.values():
                yield from _fractions(inner)
        case list() | tuple():
            for inner in value:
                yield from _fractions(inner)


class AuditContent(Record):
    """Everything in a record that its hash covers."""

    v: Literal[1] = 1
    application: str
    epoch: int = Field(default=0, ge=0)
    """The number of times that the application's ledger was restored before this record."""
    sequence: int = Field(ge=1)
    time: Timestamp
    actor: str
    action: str
    """An action of this version, or of a newer one."""
    release: str | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    inbox: InboxId | None = None
    """Id of the inbox row by which a person said it; None if nobody did."""
    proof: Digest | None = None
    """Hash of the kept proof of who said it; None if it was only said."""
    received_at: Timestamp | None = None
    """The time of that row, set by the table service."""
    rules: RulesInForce | None = None
    previous: str

    def expected_hash(self) -> str:
        """Hash of the canonical form of everything but the hash itself and its signature."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"hash", "sig"})))


class AuditRecord(AuditContent):
    """One line of the trail."""

    hash: str
    sig: Signature
    """The worker's signature of `hash`."""

    @property
    def known_action(self) -> Action | None:
        """The action; None if a newer version wrote it. A record with an unknown action is kept, verified and shown,
        but not counted."""
        return Action.of_text(self.action)

    @property
    def attribution(self) -> Attribution:
        """The person or queue whose act it records."""
        behalf, name = (self.details.get(field) for field in ("on_behalf_of", "name"))
        return Attribution(
            actor=self.actor,
            on_behalf_of=behalf if isinstance(behalf, str) else None,
            name=name if isinstance(name, str) else "",
        )


def chained(
    drafts: Iterable[AuditDraft], *, head: Head, now: datetime, signer: Signer
) -> tuple[tuple[AuditRecord, ...], Head]:
    """The drafts as signed records that continue the chain, and the head that then ends it.

    No record gets an earlier time than the one before it, even if this instance's clock is behind. Raises
    `KeysUnavailable`.
    """
    records: list[AuditRecord] = []
    time, previous = max(now, head.time or now), head.hash or GENESIS
    for sequence, draft in enumerate(drafts, head.sequence + 1):
        fields = draft.model_dump() | {
            "application": head.application,
            "epoch": head.epoch,
            "sequence": sequence,
            "time": time,
            "previous": previous,
            "release": release_id(head.application, draft.release) if draft.release is not None else None,
        }
        previous = AuditContent.model_validate(fields).expected_hash()
        records.append(AuditRecord.model_validate({**fields, "hash": previous, "sig": signer.sign(previous.encode())}))
    if not records:
        return (), head
    return tuple(records), head.evolve(sequence=records[-1].sequence, hash=previous, time=time)


class Damaged(Record):
    """A row of the trail that is not an audit record any more, or a record that was changed."""

    application: str
    sequence: int
    damaged: str


def verify_record(record: AuditRecord, keys: PublicKeys) -> AuditRecord | Damaged:
    """The record if its content matches its hash and the worker signed it. Raises `KeysUnavailable`."""
    if fault := fault_of(record, keys):
        return Damaged(application=record.application, sequence=record.sequence, damaged=fault)
    return record


def fault_of(record: AuditRecord, keys: PublicKeys) -> str:
    """Why a record is not one of the worker's; empty if it is. One that a retired key signed is only as good as what
    follows it in its chain. Raises `KeysUnavailable`."""
    try:
        unchanged = record.hash == record.expected_hash()
    except (ValueError, RecursionError):
        return "its content has no canonical form: it was changed after it was written"
    if not unchanged:
        return "its content does not match its hash: it was changed after it was written"
    return keys.fault_in_chain(record.sig, record.hash.encode())


class ChainFault(Record):
    """The first record of a chain that does not verify, and the reason."""

    application: str
    sequence: int
    reason: str


class AnchoredHead(Record):
    """What an anchor says about a chain: the hash of its last record at that time."""

    hash: str
    anchor: str
    """The anchor, as people read it: `anchor 3 of 2026-11-25`."""


class ChainCheck:
    """Verifies a chain while its records stream by. It keeps only the last hash, and what anchors say of the chain.

    A part of a chain is verified from the record after `after`, whose hash was `previous`.
    """

    def __init__(
        self,
        application: str,
        *,
        keys: PublicKeys,
        after: int = 0,
        previous: str = GENESIS,
        anchored: Mapping[int, AnchoredHead] | None = None,
    ) -> None:
        self.application = application
        self.after = after
        self.count = after
        """Sequence of the last record that verified."""
        self.previous = previous
        """Its hash."""
        self._keys = keys
        self._anchored = anchored or {}

    def feed(self, record: AuditRecord) -> ChainFault | None:
        """The fault of the next record; None if it verifies. Raises `KeysUnavailable`."""
        expected = self.count + 1
        if reason := (self._misplaced(record, expected) or fault_of(record, self._keys) or self._contradicted(record)):
            return self._fault(expected, reason)
        self.count, self.previous = expected, record.hash
        return None

    def _misplaced(self, record: AuditRecord, expected: int) -> str:
        if record.sequence != expected:
            return f"expected sequence {expected}, found {record.sequence}: a record is missing"
        if record.application != self.application:
            return f"it belongs to the chain of {record.application!r}"
        return "" if record.previous == self.previous else "it does not name the hash of the record before it"

    def _contradicted(self, record: AuditRecord) -> str:
        anchored = self._anchored.get(record.sequence)
        if self.count == self.after:  # the record before the part that is verified
            before = self._anchored.get(self.after)
            anchored = before if before and before.hash != self.previous else anchored
        if anchored is None or anchored.hash == record.hash:
            return ""
        return f"{anchored.anchor} names another hash for it: the chain was replaced, from here or an earlier record on"

    def finish(self, *, sequence: int, head_hash: str) -> ChainFault | None:
        """Compare the end of the chain with the head row and with the anchors."""
        if self.count != sequence:
            return self._fault(self.count + 1, f"the head names {sequence} records, {self.count} were found")
        if self.count and self.previous != head_hash:
            return self._fault(self.count, "its hash is not the one that the head names")
        return self.anchored_beyond()

    def anchored_beyond(self) -> ChainFault | None:
        """A fault if an anchor names a record beyond the end that was reached."""
        last = max(self._anchored, default=0)
        if last <= self.count:
            return None
        head = self._anchored[last]
        return self._fault(
            self.count + 1,
            f"{head.anchor} names {last} records, and the chain ends with {self.count}: it was "
            "cut, or the table was rolled back",
        )

    def _fault(self, sequence: int, reason: str) -> ChainFault:
        return ChainFault(application=self.application, sequence=sequence, reason=reason)
