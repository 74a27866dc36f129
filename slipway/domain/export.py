"""The export formats of audit records: JSON Lines, CSV and CloudEvents. Each line can be converted back into its
record, so that an export in any format can be verified.

The command and the app both write them; docs/reference/audit-format.md says how they look.
"""

import csv
import io
import json
from enum import StrEnum
from typing import Any, Final

from .model import canonical


class ExportFormat(StrEnum):
    """The format of the exported records."""

    JSONL = "jsonl"
    """One line per record: the record in its canonical form, with its hash."""
    CSV = "csv"
    """One row per record, details as JSON in one cell; protected against formula injection in spreadsheets."""
    CLOUDEVENTS = "cloudevents"
    """One line per record: a CloudEvent 1.0 in JSON with the record as its data."""


COLUMNS: Final = (
    "application",
    "epoch",
    "sequence",
    "time",
    "actor",
    "action",
    "release",
    "environment",
    "digest",
    "details",
    "inbox",
    "proof",
    "received_at",
    "rules",
    "previous",
    "hash",
    "sig",
    "v",
)
"""The fields of an audit record. The first one tells a CSV export from the other forms."""
_NUMBERS: Final = ("epoch", "sequence", "v")
_OBJECTS: Final = ("details", "rules", "sig")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "'")
"""Beginnings that a spreadsheet takes for a formula, and the mark put in front to prevent that."""
_MARK: Final = "'"
SOURCE: Final = "/slipway/audit/"


def file_header(form: ExportFormat) -> bytes:
    """The header of a file; empty for formats without one."""
    return (",".join(COLUMNS) + "\r\n").encode() if form is ExportFormat.CSV else b""


def export_line(form: ExportFormat, record: dict[str, Any]) -> bytes:
    """The line or row of one record, given as JSON. Raises ValueError if the record has no canonical form."""
    match form:
        case ExportFormat.JSONL:
            return canonical(record) + b"\n"
        case ExportFormat.CSV:
            return _row([_cell(record.get(name)) for name in COLUMNS])
        case ExportFormat.CLOUDEVENTS:
            return canonical(_event(record)) + b"\n"


def read_back(form: ExportFormat, line: str | list[str]) -> dict[str, Any]:
    """The record of a line (for CSV, of its cells). Raises ValueError, also if it is nested too deeply."""
    if form is ExportFormat.CSV:
        return _from_cells(line if isinstance(line, list) else [line])
    try:
        record = json.loads(line if isinstance(line, str) else "")
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if form is ExportFormat.CLOUDEVENTS and isinstance(record, dict):
        record = record.get("data")
    if not isinstance(record, dict):
        raise ValueError("expected a JSON object")  # noqa: TRY004 - what was read is wrong, not how it was called
    return record


def form_of(first: str) -> ExportFormat:
    """The form of a file, by its first line."""
    if first.startswith(COLUMNS[0] + ","):
        return ExportFormat.CSV
    return ExportFormat.CLOUDEVENTS if '"specversion"' in first else ExportFormat.JSONL


# ---- CSV
def _row(cells: list[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n").writerow(cells)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    """A CSV cell: empty for null. Empty text, and text that a spreadsheet could take for a formula, is marked."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return canonical(value).decode()
    text = str(value)
    return _MARK + text if not text or text.startswith(_FORMULA) else text


def _from_cells(cells: list[str]) -> dict[str, Any]:
    if len(cells) != len(COLUMNS):
        raise ValueError(f"expected {len(COLUMNS)} cells, got {len(cells)}")
    record: dict[str, Any] = {
        name: (cell.removeprefix(_MARK) if cell else None) for name, cell in zip(COLUMNS, cells, strict=True)
    }
    for name in _OBJECTS:
        try:
            record[name] = json.loads(record[name]) if record[name] is not None else None
        except RecursionError as error:
            raise ValueError(f"{name}: it is nested too deeply") from error
    for name in _NUMBERS:
        number = str(record[name])
        if not (number.isascii() and number.isdigit()):
            raise ValueError(f"{name}: expected a whole number")
        record[name] = int(number)
    return record


# ---- CloudEvents
def _event(record: dict[str, Any]) -> dict[str, Any]:
    event = {
        "specversion": "1.0",
        "id": f"{record['application']}/{record['sequence']}",
        "source": f"{SOURCE}{record['application']}",
        "type": f"dev.slipway.audit.{record['action']}",
        "time": record["time"],
        "datacontenttype": "application/json",
        "data": record,
    }
    return event | ({"subject": record["release"]} if record.get("release") else {})
