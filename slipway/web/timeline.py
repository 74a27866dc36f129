"""Audit records as a timeline: when, how long after the previous record, who, what, and the details."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ..domain.actions import meaning_of, tone_of
from ..domain.audit import AuditRecord, Damaged
from ..domain.rules import read_result
from ..domain.tones import Tone
from ..text import duration, visible

VALUE_LIMIT = 600
SIMULTANEOUS_WITHIN = timedelta(milliseconds=50)
"""Records less than this apart are shown as simultaneous."""
_DOCUMENTS = frozenset({"plan_hash", "base", "log", "document"})
"""Details that refer to a stored document by its hash."""
_RULES = frozenset({"results", "supply_chain"})
"""Details that are rules with their results."""
_ADDRESSES = frozenset({"url"})


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One detail of a record: its text, and what it links to."""

    name: str
    text: str
    document: str | None = None
    """Hash of the stored document that it refers to."""
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class TimelineEntry:
    """One record of the trail."""

    sequence: int
    at: datetime | None
    since: str
    """Time since the previous record; empty for the first."""
    actor: str
    words: str
    action: str
    tone: Tone
    environment: str
    reason: str
    details: tuple[Detail, ...]
    hash: str
    signed_with: str
    """Id of the key; empty if the record proves nothing."""


def timeline(records: Iterable[AuditRecord | Damaged], before: datetime | None = None) -> tuple[TimelineEntry, ...]:
    entries: list[TimelineEntry] = []
    for record in records:
        if isinstance(record, Damaged):
            entries.append(_damaged(record))
            continue
        since = (
            duration(record.time - before) if before is not None and record.time - before >= SIMULTANEOUS_WITHIN else ""
        )
        entries.append(_entry(record, since))
        before = record.time
    return tuple(entries)


def _entry(record: AuditRecord, since: str) -> TimelineEntry:
    details = {name: value for name, value in record.details.items() if name != "reason"}
    return TimelineEntry(
        sequence=record.sequence,
        at=record.time,
        since=since,
        actor=visible(record.attribution.shown),
        words=visible(meaning_of(record.action)),
        action=record.action,
        tone=tone_of(record.action),
        environment=record.environment or "",
        reason=_text(record.details.get("reason", "")),
        details=tuple(detail for name, value in details.items() for detail in _details(name, value)),
        hash=record.hash,
        signed_with=record.sig.kid,
    )


def _damaged(record: Damaged) -> TimelineEntry:
    return TimelineEntry(
        sequence=record.sequence,
        at=None,
        since="",
        actor="",
        words="This record proves nothing",
        action="damaged",
        tone=Tone.BAD,
        environment="",
        reason=record.damaged,
        details=(),
        hash="",
        signed_with="",
    )


def _details(name: str, value: Any) -> tuple[Detail, ...]:
    label = name.replace("_", " ")
    if name == "evidence" and isinstance(value, list):
        return tuple(_evidence(item) for item in value if isinstance(item, dict))
    if name in _RULES and isinstance(value, list):
        return tuple(_rule(item) for item in value if isinstance(item, dict))
    if name in _DOCUMENTS and isinstance(value, str) and value.startswith("sha256:"):
        return (Detail(name=label, text=value, document=value),)
    if name in _ADDRESSES and isinstance(value, str):
        return (Detail(name=label, text=_text(value), url=value),)
    return (Detail(name=label, text=_text(value)),)


def _rule(item: dict[str, Any]) -> Detail:
    result = read_result(item)
    if result is None:
        return Detail(name="rule", text=_text(item))
    return Detail(name=_text(result.name), text=f"{result.spoken}: {_text(result.reason)}")


def _evidence(item: dict[str, Any]) -> Detail:
    log = item.get("log")
    result = "passed" if item.get("passed") else "failed"
    return Detail(
        name=_text(item.get("name", "evidence")),
        text=f"{result}: {_text(item.get('summary', ''))}",
        document=log if isinstance(log, str) else None,
    )


def _text(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return visible(text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}…")
