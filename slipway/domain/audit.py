"""The audit trail: append-only records, each containing the hash of the previous one.

The canonical form is in docs/reference/audit-format.md, so that anyone can verify a trail with their own program.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import Field, field_validator

from .actions import Action
from .model import Moment, Record, canonical, sha256

GENESIS = "sha256:" + "0" * 64
"""What the first record of a chain names as its predecessor."""


class AuditDraft(Record):
    """A record that has not been added to a chain yet."""

    action: Action
    actor: str = Field(max_length=254)
    release: int | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)

    @field_validator("details")
    @classmethod
    def _whole_numbers(cls, details: dict[str, Any]) -> dict[str, Any]:
        """So that a verifier in any language needs no rule for how fractions are written."""
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


class AuditRecord(Record):
    """One line of the trail."""

    application: str
    sequence: int = Field(ge=1)
    time: Moment
    actor: str
    action: str
    """Of this version or of a newer one."""
    release: str | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    previous: str
    hash: str

    @property
    def known_action(self) -> Action | None:
        """The action; None if a newer version wrote it: such a record is kept, verified and shown, but not counted."""
        return Action.known(self.action)

    def expected_hash(self) -> str:
        """Hash of the canonical form of everything but the hash itself."""
        return sha256(canonical(self.model_dump(mode="json", exclude={"hash"})))


def chained(
    drafts: Iterable[AuditDraft], *, application: str, time: Moment, sequence: int, previous: str
) -> tuple[AuditRecord, ...]:
    """The drafts as records that continue the chain which ends in `sequence` and `previous` ("" for a new chain)."""
    records: list[AuditRecord] = []
    previous = previous or GENESIS
    for number, draft in enumerate(drafts, start=sequence + 1):
        fields = draft.model_dump(mode="json")
        if draft.release is not None:
            fields["release"] = f"{application}-{draft.release}"
        record = AuditRecord(application=application, sequence=number, time=time, previous=previous, hash="", **fields)
        record = record.evolve(hash=record.expected_hash())
        records.append(record)
        previous = record.hash
    return tuple(records)


class Damaged(Record):
    """A row of the trail that can no longer be read as an audit record."""

    application: str
    sequence: int
    damaged: str


class ChainFault(Record):
    """The first record of a chain that does not verify, and why."""

    application: str
    sequence: int
    reason: str


class AnchoredHead(Record):
    """What an anchor says of a chain: which hash its last record had on that day."""

    hash: str
    anchor: int
    day: date


class ChainCheck:
    """Verifies a chain while its records stream by; keeps only the last hash, and what anchors say of the chain.

    A part of a chain is verified from the record after `after`, whose hash was `previous`.
    """

    def __init__(
        self,
        application: str,
        *,
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
        self._anchored = anchored or {}

    def feed(self, record: AuditRecord) -> ChainFault | None:
        expected = self.count + 1
        if reason := self._misplaced(record, expected) or self._changed(record) or self._contradicted(record):
            return self._fault(expected, reason)
        self.count, self.previous = expected, record.hash
        return None

    def _misplaced(self, record: AuditRecord, expected: int) -> str:
        if record.sequence != expected:
            return f"expected sequence {expected}, found {record.sequence}: a record is missing"
        if record.application != self.application:
            return f"it belongs to the chain of {record.application!r}"
        return "" if record.previous == self.previous else "it does not name the hash of the record before it"

    def _changed(self, record: AuditRecord) -> str:
        try:
            unchanged = record.hash == record.expected_hash()
        except (ValueError, RecursionError):
            return "its content has no canonical form: it was changed after it was written"
        return "" if unchanged else "its content does not match its hash: it was changed after it was written"

    def _contradicted(self, record: AuditRecord) -> str:
        named = self._anchored.get(record.sequence)
        if self.count == self.after:  # what lies before the part that is verified
            before = self._anchored.get(self.after)
            named = before if before and before.hash != self.previous else named
        if named is None or named.hash == record.hash:
            return ""
        return (
            f"anchor {named.anchor} of {named.day} names another hash for it: the chain was replaced, from here or "
            "from an earlier record on"
        )

    def finish(self, *, sequence: int, head_hash: str) -> ChainFault | None:
        """Compare the end of the chain with what the head row says, and with what anchors say."""
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
        named = self._anchored[last]
        return self._fault(
            self.count + 1,
            f"anchor {named.anchor} of {named.day} names {last} records, and the chain ends with {self.count}: it was "
            "cut, or the table was rolled back",
        )

    def _fault(self, sequence: int, reason: str) -> ChainFault:
        return ChainFault(application=self.application, sequence=sequence, reason=reason)
