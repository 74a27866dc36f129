"""The audit trail: records that are only ever appended, each holding the hash of the one before it.

The canonical form is in docs/reference/audit-format.md, so that anyone can verify a trail with their own program.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from .model import Moment, Record, canonical, sha256

GENESIS = "sha256:" + "0" * 64
"""What the first record of a chain names as its predecessor."""


class AuditDraft(Record):
    """A record before it has its place in the chain."""

    action: str = Field(pattern=r"^[a-z]+(?:[.-][a-z]+)+$", max_length=64)
    actor: str = Field(max_length=254)
    release: int | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)


class AuditRecord(Record):
    """One line of the trail."""

    application: str
    sequence: int = Field(ge=1)
    time: Moment
    actor: str
    action: str
    release: str | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    previous: str
    hash: str

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


class ChainFault(Record):
    """The first record of a chain that is wrong, and in which way."""

    application: str
    sequence: int
    reason: str


class ChainCheck:
    """Verifies a chain while its records stream by; keeps only the last hash."""

    def __init__(self, application: str) -> None:
        self.application = application
        self.count = 0
        self._previous = GENESIS

    def feed(self, record: AuditRecord) -> ChainFault | None:
        expected = self.count + 1
        if record.sequence != expected:
            return self._fault(expected, f"expected sequence {expected}, found {record.sequence}: a record is missing")
        if record.application != self.application:
            return self._fault(expected, f"it belongs to the chain of {record.application!r}")
        if record.previous != self._previous:
            return self._fault(expected, "it does not name the hash of the record before it")
        if record.hash != record.expected_hash():
            return self._fault(expected, "its content does not match its hash: it was changed after it was written")
        self.count, self._previous = expected, record.hash
        return None

    def finish(self, *, sequence: int, head_hash: str) -> ChainFault | None:
        """Compare the end of the chain with what the head row says."""
        if self.count != sequence:
            return self._fault(self.count + 1, f"the head names {sequence} records, {self.count} were found")
        if self.count and self._previous != head_hash:
            return self._fault(self.count, "its hash is not the one that the head names")
        return None

    def _fault(self, sequence: int, reason: str) -> ChainFault:
        return ChainFault(application=self.application, sequence=sequence, reason=reason)
