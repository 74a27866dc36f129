"""Runs and pushes that nearly matched a release while it waited for one, and why each was not used. `explain` shows
them; no decision depends on them."""

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import Field

from .actions import ReportMeaning
from .audit import AuditRecord
from .decide.conditions import digest_text, triggers_missing
from .model import Record, Timestamp
from .phases import Phase
from .release import Release
from .snapshot import Snapshot

LOOKED_BACK: Final = 50
"""The number of records before the release began that are read: the other trigger may have come first."""
LOOKED_AT: Final = 250
"""The most records that are read, so that a busy application costs no more."""
SHOWN: Final = 10
"""The most reports that are shown, the newest ones."""


class LaterReport(Record):
    """A push or a run that the release did not take."""

    at: Timestamp
    what: str = Field(description="The push, or the run.")
    why: str = Field(description="Why it was not taken, or how it differs.")


def waits_or_waited(release: Release) -> bool:
    """Whether the release waits for its other trigger, or expired before that came."""
    expired = release.phase is Phase.EXPIRED and release.environment is None
    return release.phase is Phase.JOINING or expired


def later_reports(snapshot: Snapshot, release: Release, records: Iterable[AuditRecord]) -> tuple[LaterReport, ...]:
    """The reports, newest first. `records` are from around the time in which the release waited; empty for a release
    that waits for nothing."""
    if not waits_or_waited(release):
        return ()
    since = release.created_at - snapshot.application.join_within
    until = release.ended_at if release.phase.final else snapshot.now
    of_records = (
        LaterReport(at=record.time, what=_report_in_words(record), why=_reason_not_taken(record))
        for record in records
        if _was_not_taken(record, release) and since <= record.time <= until
    )
    meanwhile = sorted((*of_records, *_half_releases(snapshot, release)), key=lambda report: report.at, reverse=True)
    return tuple(meanwhile[:SHOWN])


def _was_not_taken(record: AuditRecord, release: Release) -> bool:
    action = record.known_action
    if action is None or record.release == release.id:
        return False
    return action.of_report is ReportMeaning.NOT_TAKEN or (
        action.of_report is ReportMeaning.TAKEN and record.release is not None
    )


def _report_in_words(record: AuditRecord) -> str:
    details = record.details
    if run := details.get("run"):
        return f"run {run}"
    pushed = details.get("pushed") or record.digest
    return f"push of {details.get('tag')} ({digest_text(pushed)})"


def _reason_not_taken(record: AuditRecord) -> str:
    details, action = record.details, record.known_action
    if action is not None and action.of_report is ReportMeaning.TAKEN:
        return f"it joined {record.release}"
    rule = f"{details['rule']}: " if details.get("rule") else ""
    of_image = f"; it names {digest_text(str(details['image']))}" if details.get("image") else ""
    meaning = action.meaning if action is not None else record.action
    return f"{rule}{details.get('reason') or details.get('result') or meaning}{of_image}"


def _half_releases(snapshot: Snapshot, release: Release) -> Iterator[LaterReport]:
    """The other releases that have the trigger that this one lacks: together they have both, but they differ in
    something."""
    start = snapshot.application.start
    missing = triggers_missing(release, start)
    for other in snapshot.releases.values():
        if other.number == release.number or other.phase is not Phase.JOINING:
            continue
        has = [trigger for trigger in missing if trigger not in triggers_missing(other, start)]
        if has:
            what = f"run {other.run.number}" if other.run is not None and "run" in has else f"push of {other.tag}"
            yield LaterReport(at=other.created_at, what=what, why=f"it began {other.id}: {_difference(other, release)}")


def _difference(other: Release, release: Release) -> str:
    parts = []
    if other.tag != release.tag:
        parts.append(f"its tag is {other.tag}, here it is {release.tag}")
    if other.digest != release.digest:
        parts.append(f"its digest is {_digest(other)}, here it is {_digest(release)}")
    return "; ".join(parts) or "it names the same tag and digest"


def _digest(release: Release) -> str:
    return digest_text(release.digest) if release.digest else "not known"
