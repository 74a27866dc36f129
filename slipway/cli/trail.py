"""Audit records as people read them: a line each, or one with everything."""

from collections.abc import Iterable, Iterator

from .answers import TrailLine
from .screen import BAD, FAINT, GOOD, NAME, NOTE, Cell, Content, Screen
from .text import told, value_text

_GOOD = frozenset(
    ("done", "made", "live", "completed", "approved", "passed", "sent", "joined", "created", "applied", "started")
)
_BAD = frozenset(("failed", "rejected", "refused", "expired", "lost", "voided", "parked"))


def show_trail(screen: Screen, records: Iterable[TrailLine]) -> None:
    """A table, oldest first."""
    columns = ("sequence", "time", "action", "release", "environment", "actor", "details")
    screen.table(columns, (_row(screen, record) for record in records), cut=("details", "actor"))


def _row(screen: Screen, record: TrailLine) -> tuple[Content, ...]:
    if record.damaged is not None:
        return str(record.sequence), "", Cell("DAMAGED", BAD), "", "", "", Cell(record.damaged, BAD)
    return (
        str(record.sequence),
        Cell(screen.time(record.time), FAINT),
        Cell(record.action, action_style(record.action)),
        Cell(record.release or "", NAME),
        record.environment or "",
        record.actor,
        Cell(told(record.details), FAINT),
    )


def action_style(action: str) -> str:
    """`rollout.failed` is bad news, `release.completed` good."""
    verb = action.rpartition(".")[2]
    return GOOD if verb in _GOOD else BAD if verb in _BAD else NOTE


def record_fields(screen: Screen, record: TrailLine) -> Iterator[tuple[str, Content]]:
    """Every field of one record, for `Screen.fields`."""
    yield "sequence", str(record.sequence)
    if record.damaged is not None:
        yield "damaged", Cell(record.damaged, BAD)
        return
    yield "time", screen.time(record.time)
    yield "action", Cell(record.action, action_style(record.action))
    yield "actor", record.actor
    yield "release", record.release or ""
    yield "environment", record.environment or ""
    yield "digest", record.digest or ""
    for name, value in record.details.items():
        yield f"details.{name}", value if isinstance(value, str) else value_text(value)
    yield "previous", record.previous
    yield "hash", record.hash
