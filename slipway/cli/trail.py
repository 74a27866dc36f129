"""Displays audit records: as a table, or one record with all its fields."""

from collections.abc import Iterable, Iterator
from typing import Any

from slipway.api.audit import AuditRecord, ChainRecord, Damaged
from slipway.domain.actions import Action, meaning_of, tone_of
from slipway.domain.attribution import NOBODY
from slipway.domain.briefly import briefly

from .api import read_answer
from .console import BAD, FAINT, NAME, CliConsole, Content, TextCell, tone_style
from .text import value_text

type TrailRecord = AuditRecord | Damaged


def read_record(content: dict[str, Any]) -> TrailRecord:
    """Parse a record from a page of the trail. Raises `CliError`."""
    return read_answer(ChainRecord, {"record": content}).record


def show_records(console: CliConsole, records: Iterable[TrailRecord]) -> None:
    """A table of records from several trails, each identified by application and sequence."""
    columns = ("record", "time", "action", "release", "environment", "actor", "details")
    rows = []
    for record in records:
        row = _row(console, record) | {"record": f"{record.application} {record.sequence}"}
        rows.append(tuple(row[name] for name in columns))
    console.table(columns, rows, cut=("actor", "details"), none="no records")


def show_trail(console: CliConsole, records: Iterable[TrailRecord]) -> None:
    """The records of one release as a table, oldest first."""
    columns = ("sequence", "time", "action", "environment", "actor", "details")
    rows = (tuple(_row(console, record)[name] for name in columns) for record in records)
    console.table(columns, rows, cut=("actor", "details"))


def _row(console: CliConsole, record: TrailRecord) -> dict[str, Content]:
    if isinstance(record, Damaged):
        return {
            **dict.fromkeys(("time", "release", "environment", "actor"), ""),
            "sequence": str(record.sequence),
            "action": TextCell("DAMAGED", BAD),
            "details": TextCell(record.damaged, BAD),
        }
    attribution = record.attribution
    return {
        "sequence": str(record.sequence),
        "time": TextCell(console.time(record.time), FAINT),
        "action": _action(record.action),
        "release": TextCell(record.release or "", NAME),
        "environment": record.environment or "",
        "actor": ("" if attribution == NOBODY else attribution.shown) if console.terminal else attribution.spoken,
        "details": TextCell(briefly(record.action, record.details), FAINT),
    }


def _action(action: str) -> TextCell:
    """The action in the same tone as on the pages."""
    return TextCell(action if action in Action else f"{action} (unknown)", tone_style(tone_of(action)))


def record_fields(console: CliConsole, record: TrailRecord) -> Iterator[tuple[str, Content]]:
    """Every field of one record, for `CliConsole.fields`."""
    yield "sequence", str(record.sequence)
    if isinstance(record, Damaged):
        yield "damaged", TextCell(record.damaged, BAD)
        return
    yield "time", console.time(record.time)
    yield "action", _action(record.action)
    yield "meaning", meaning_of(record.action)
    yield "actor", record.attribution.shown
    yield "release", record.release or ""
    yield "environment", record.environment or ""
    yield "digest", record.digest or ""
    for name, value in record.details.items():
        yield f"details.{name}", value if isinstance(value, str) else value_text(value)
    yield "previous", record.previous
    yield "hash", record.hash
