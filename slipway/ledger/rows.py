"""Between rows and records. A record is kept as JSON, cut into pieces where it is longer than one property holds."""

import json
from collections.abc import Mapping

from ..domain.audit import AuditRecord
from ..domain.model import Record
from ..domain.release import Release
from .table import TEXT_LIMIT, Value


def pack(record: Record) -> dict[str, Value]:
    """`Data`, `Data1`, `Data2`, … with the record's JSON."""
    text = json.dumps(record.model_dump(mode="json"), separators=(",", ":"))
    pieces = [text[start : start + TEXT_LIMIT] for start in range(0, len(text), TEXT_LIMIT)]
    return {f"Data{index or ''}": piece for index, piece in enumerate(pieces)}


def unpack[R: Record](kind: type[R], values: Mapping[str, Value]) -> R:
    text, index = str(values["Data"]), 1
    while f"Data{index}" in values:
        text += str(values[f"Data{index}"])
        index += 1
    return kind.model_validate_json(text)


def pack_release(release: Release) -> dict[str, Value]:
    """With columns of their own for what people look for when they open the table."""
    return pack(release) | {"Phase": str(release.phase), "Tag": release.tag, "Digest": release.digest or ""}


def pack_audit(record: AuditRecord) -> dict[str, Value]:
    """Each field in a column: the trail can be read and verified without this program."""
    fields = record.model_dump(mode="json")
    details = json.dumps(fields.pop("details"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    columns: dict[str, Value] = {name.capitalize(): value for name, value in fields.items() if value is not None}
    return columns | {"Details": details}


def unpack_audit(values: Mapping[str, Value]) -> AuditRecord:
    """Raises ValueError where a row is not an audit record any more."""
    fields = {name.lower(): value for name, value in values.items()}
    fields["details"] = json.loads(str(fields.get("details", "{}")))
    return AuditRecord.model_validate(fields)
