"""Converts between rows and records. A record is stored as JSON, split over several properties if too long for one."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from ..domain.audit import AuditRecord
from ..domain.release import Release
from .table import TEXT_LIMIT, Value

PIECE = TEXT_LIMIT // 2
"""Characters of one piece; each may take two UTF-16 code units."""
_OBJECTS = ("sig", "rules")
"""Fields of an audit record, besides its details, whose column holds JSON."""


def pack(record: BaseModel) -> dict[str, Value]:
    """`Data`, `Data1`, `Data2`, … with the record's JSON."""
    return _cut("Data", json.dumps(record.model_dump(mode="json"), separators=(",", ":"), ensure_ascii=False))


def unpack[R: BaseModel](kind: type[R], values: Mapping[str, Value]) -> R:
    return kind.model_validate_json(_joined("Data", values))


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
    fields |= {name: json.loads(fields[name]) for name in _OBJECTS if name in fields}
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
