"""The rows that a commit writes: state, records, what was said and is answered, and messages to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from ..domain.answers import Answered
from ..domain.audit import AuditRecord
from ..domain.decide import Decision
from ..domain.model import canonical, sha256
from ..domain.release import Head
from ..domain.signing import PublicKeys, Signature, Signer
from ..domain.steps import Outgoing
from . import keys
from .rows import pack, pack_audit, pack_release, unpack
from .table import Act, Row, Value, Write


@dataclass(frozen=True, kw_only=True)
class OutboxEntry:
    """A message still to be sent, and the key of its outbox row."""

    application: str
    row: str
    message: Outgoing
    written_at: datetime
    fault: str = ""
    """Why the row that it was read from is not the worker's; empty if it is. What is sent gets the worker's MAC."""

    @property
    def signed(self) -> bytes:
        """What the worker signs of it in its row."""
        fields = {"application": self.application, "row": self.row, "at": self.written_at.isoformat()}
        message = self.message.model_dump(mode="json")
        return sha256(canonical(fields | {"purpose": "outbox", "message": message})).encode()


def answer_writes(inbox: str, answered: Answered | None) -> list[Write]:
    """The answer to a row of the inbox; nothing for what did not come by one."""
    if not inbox or answered is None:
        return []
    return [Write(act=Act.CREATE, key=keys.answer(inbox), values=pack(answered))]


def state_writes(etags: Mapping[str, str], decision: Decision, head: Head) -> list[Write]:
    def guarded(key: str, values: dict[str, Value]) -> Write:
        etag = etags.get(key, "")
        return Write(act=Act.REPLACE if etag else Act.CREATE, key=key, values=values, etag=etag)

    writes = [guarded(keys.HEAD, pack(head))]
    writes += [guarded(keys.lane(lane.environment), pack(lane)) for lane in decision.lanes]
    writes += [guarded(keys.release(release.number), pack_release(release)) for release in decision.releases]
    for digest, number in decision.digests.items():
        writes.append(Write(act=Act.PUT, key=keys.artifact(digest), values={"Release": number}))
    for tag, number in decision.tags.items():
        writes.append(Write(act=Act.PUT, key=keys.tag(tag), values={"Release": number}))
    return writes


def record_writes(records: tuple[AuditRecord, ...]) -> list[Write]:
    return [Write(act=Act.CREATE, key=keys.audit(r.sequence), values=pack_audit(r)) for r in records]


def outbox_writes(entries: tuple[OutboxEntry, ...], signer: Signer) -> list[Write]:
    """Raises `KeysUnavailable`."""
    return [
        Write(
            act=Act.CREATE,
            key=entry.row,
            values={
                **pack(entry.message),
                "At": entry.written_at.isoformat(),
                "Sig": signer.sign(entry.signed).model_dump_json(),
            },
        )
        for entry in entries
    ]


def outbox_entry(application: str, row: Row, public: PublicKeys) -> OutboxEntry:
    """The entry of a row, with what is wrong with it. Raises `KeysUnavailable`."""
    entry = OutboxEntry(
        application=application,
        row=row.key,
        message=unpack(Outgoing, row.values),
        written_at=datetime.fromisoformat(str(row.values["At"])),
    )
    try:
        signature = Signature.model_validate_json(str(row.values.get("Sig", "")))
        return replace(entry, fault=public.fault(signature, entry.signed))
    except ValueError:
        return replace(entry, fault="nobody signed it")
