"""What a timer remembers between runs, and what follows from it at start. Pure: the moment comes in as an argument.

Times are local and without a zone, as the timer extension has them (UTC in Azure, where Flex Consumption allows no
other zone).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from .ncrontab import Schedule

NEVER = datetime.min  # noqa: DTZ901 - the .NET default date, which the payload shows for "never"


class Due(Enum):
    """Why a timer runs at start."""

    NO = "no"
    PAST = "past"
    """An occurrence was missed while no instance ran."""
    STARTUP = "startup"
    """`run_on_startup` is set."""


@dataclass(frozen=True, kw_only=True)
class Status:
    last: datetime
    next: datetime
    updated: datetime

    def as_json(self) -> dict[str, str]:
        return {"Last": self.last.isoformat(), "Next": self.next.isoformat(), "LastUpdated": self.updated.isoformat()}

    @classmethod
    def parse(cls, text: str) -> "Status":
        data = json.loads(text)
        last, following, updated = (datetime.fromisoformat(data[name]) for name in ("Last", "Next", "LastUpdated"))
        return cls(last=last, next=following, updated=updated)


def at_start(schedule: Schedule, kept: Status | None, now: datetime, *, run_on_startup: bool) -> tuple[Status, Due]:
    """The status to start with, and whether to run at once."""
    if kept is None:
        fresh = Status(last=NEVER, next=schedule.next(now), updated=NEVER)
        return fresh, Due.STARTUP if run_on_startup else Due.NO
    since = max(kept.last, kept.updated)
    expected = schedule.next(since) if since != NEVER else kept.next
    status = Status(last=kept.last, next=expected, updated=kept.updated)
    if since == NEVER and not _fits(schedule, kept.next):
        # The schedule was changed before the first run; what was planned by the old one no longer counts.
        status = Status(last=NEVER, next=schedule.next(now), updated=NEVER)
    if status.next < now:
        return status, Due.PAST
    return status, Due.STARTUP if run_on_startup else Due.NO


def after_run(schedule: Schedule, status: Status, started: datetime, finished: datetime) -> Status:
    """The status after a run: occurrences that passed while it ran are skipped, so a timer never overlaps itself."""
    # A timer may fire a little early; its own occurrence must not come again.
    last = max(started, status.next) if status.next <= finished else started
    following = schedule.next(last)
    if following <= finished:
        following = schedule.next(finished)
    return Status(last=last, next=following, updated=last)


def payload(status: Status | None, *, past_due: bool) -> str:
    """What the worker is handed."""
    return json.dumps(
        {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.as_json() if status else None,
            "IsPastDue": past_due,
        }
    )


def _fits(schedule: Schedule, moment: datetime) -> bool:
    return schedule.next(moment - timedelta(seconds=1)) == moment
