"""Converts between rows and records, and makes the rows that a commit writes.

A record is stored as JSON, split over several properties if it is too long for one.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError

from ..domain.answers import RowOutcome
from ..domain.audit import AuditRecord
from ..domain.decide import Decision
from ..domain.model import Timestamp, canonical, sha256
from ..domain.release import Head, Release
from ..domain.signing import PublicKeys, Signature, Signer
from ..domain.steps import Outgoing
from . import keys
from .table import TEXT_LIMIT, Act, Row, UnreadableRow, Value, Write

log = logging.getLogger(__name__)

PIECE = TEXT_LIMIT // 2
"""Characters of one piece; each may take two UTF-16 code units."""
_MOMENT: Final = TypeAdapter[datetime](Timestamp)
_OBJECTS = ("sig", "rules")
"""Fields of an audit record, besides its details, whose column holds JSON."""


def pack(record: BaseModel) -> dict[str, Value]:
    """`Data`, `Data1`, `Data2`, … with the record's JSON."""
    return _cut("Data", json.dumps(record.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False))


def unpack[R: BaseModel](kind: type[R], values: Mapping[str, Value]) -> R:
    """Raises ValueError."""
    return kind.model_validate_json(_joined("Data", values))


def read_row[R: BaseModel](kind: type[R], row: Row) -> R:
    """The record in the row. Raises `UnreadableRow`, whose message appears on pages and in logs and so repeats no value
    of the row."""
    try:
        return unpack(kind, row.values)
    except ValueError as error:
        raise UnreadableRow(row, _without_values(error)) from None


def _without_values(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    each = error.errors(include_url=False, include_context=False, include_input=False)[:2]
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'its content'}: {one['msg']}" for one in each)[:300]


def read_or[R: BaseModel](otherwise: R, row: Row | None) -> R:
    """The record in a row that its reader writes anew; `otherwise` if there is no readable row."""
    try:
        return read_row(type(otherwise), row) if row else otherwise
    except UnreadableRow as unreadable:
        log.error("%s", unreadable)  # noqa: TRY400 - the message says it all
        return otherwise


def pack_release(release: Release) -> dict[str, Value]:
    """As `pack`, plus columns for phase, tag and digest, for people who inspect the table."""
    return pack(release) | {"Phase": str(release.phase), "Tag": release.tag, "Digest": release.digest or ""}


def pack_audit(record: AuditRecord) -> dict[str, Value]:
    """One column per field, so that the trail can be read and verified without Slipway."""
    fields = record.model_dump(mode="json")
    details = _json(fields.pop("details"))
    columns: dict[str, Value] = {
        name.capitalize(): _json(value) if name in _OBJECTS else value
        for name, value in fields.items()
        if value is not None
    }
    return columns | _cut("Details", details)


def unpack_audit(values: Mapping[str, Value]) -> AuditRecord:
    """Raises ValueError if the row is not an audit record."""
    pieces = {name for name in values if name.startswith("Details")}
    fields: dict[str, Any] = {name.lower(): value for name, value in values.items() if name not in pieces}
    fields |= {name: json.loads(str(fields[name])) for name in _OBJECTS if name in fields}
    fields["details"] = json.loads(_joined("Details", values))
    return AuditRecord.model_validate(fields)


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _cut(name: str, text: str) -> dict[str, Value]:
    """The text as columns `Name`, `Name1`, `Name2`, …: one holds no more than `TEXT_LIMIT` code units."""
    starts = range(0, max(len(text), 1), PIECE)
    return {f"{name}{index or ''}": text[start : start + PIECE] for index, start in enumerate(starts)}


def _joined(name: str, values: Mapping[str, Value]) -> str:
    """The text that `_cut` split. Raises ValueError if a column is missing or unexpected."""
    pieces = {key: value for key, value in values.items() if key.startswith(name)}
    names = [f"{name}{index or ''}" for index in range(len(pieces))]
    if not pieces or set(names) != set(pieces):
        raise ValueError(f"expected the columns {name}, {name}1, …, found {', '.join(sorted(pieces)) or 'none'}")
    return "".join(str(pieces[key]) for key in names)


# ---- what a commit writes
@dataclass(frozen=True, kw_only=True)
class OutboxEntry:
    """A message still to be sent, and the key of its outbox row."""

    application: str
    row: str
    message: Outgoing
    written_at: datetime
    fault: str = ""
    """Why the row that it was read from is not the worker's; empty if it is. The message will get the worker's MAC."""

    @property
    def signed(self) -> bytes:
        """The hash that the worker signs in the row."""
        fields = {"application": self.application, "row": self.row, "at": self.written_at.isoformat()}
        message = self.message.model_dump(mode="json")
        return sha256(canonical(fields | {"purpose": "outbox", "message": message})).encode()


def answer_writes(inbox: str, answered: RowOutcome | None) -> list[Write]:
    """The answer to a row of the inbox; empty for an event that did not come by one."""
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


def outbox_entry(application: str, row: Row, public: PublicKeys) -> OutboxEntry | None:
    """The entry in a row, with its fault; None if the row holds no message. Raises `KeysUnavailable`."""
    try:
        message, written_at = unpack(Outgoing, row.values), _MOMENT.validate_python(row.values.get("At"))
    except ValueError:
        return None
    entry = OutboxEntry(application=application, row=row.key, message=message, written_at=written_at)
    try:
        signature = Signature.model_validate_json(str(row.values.get("Sig", "")))
        return replace(entry, fault=public.fault(signature, entry.signed))
    except ValueError:
        return replace(entry, fault="nobody signed it")
