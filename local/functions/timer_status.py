"""What a timer remembers between runs, and what follows from it at the start. Pure: the time is passed in.

Times in this module are UTC without a zone: Flex Consumption allows no other zone. The stored status and the worker's
arguments do name the zone.
"""

import json
from dataclasses import dataclass
from datetime import datetime
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
        return {"Last": _text(self.last), "Next": _text(self.next), "LastUpdated": _text(self.updated)}

    @classmethod
    def parse(cls, text: str) -> "Status":
        document = json.loads(text)
        last, following, updated = (_moment(document[name]) for name in ("Last", "Next", "LastUpdated"))
        return cls(last=last, next=following, updated=updated)


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a timer starts."""

    status: Status
    due: Due
    store: bool
    """Whether nobody has stored this status yet."""


def at_start(schedule: Schedule, stored: Status | None, now: datetime, *, run_on_startup: bool) -> Start:
    """The status to start with, and whether to run at once. A missed run takes precedence over `run_on_startup`."""
    otherwise = Due.STARTUP if run_on_startup else Due.NO
    if stored is None:
        return Start(status=_fresh(schedule, now, now), due=otherwise, store=True)
    since = max(stored.last, stored.updated)
    if schedule.next(since if since != NEVER else now) != stored.next:
        # The schedule was changed. An occurrence of the new schedule counts if it is still to come; a past one does not
        # count as missed, and everything is planned from now on.
        expected = schedule.next(since) if since != NEVER else stored.next
        if expected <= now:
            return Start(status=_fresh(schedule, now, now), due=otherwise, store=True)
        return Start(status=Status(last=NEVER, next=expected, updated=since), due=otherwise, store=True)
    return Start(status=stored, due=Due.PAST if stored.next < now else otherwise, store=False)


def after_run(schedule: Schedule, status: Status, started: datetime, *, planned: bool) -> Status:
    """The status after a run that began at `started`, either at its planned time or out of turn (at a start).

    The next run is computed from when this one began: if that time has passed when it ends, the timer fires again at
    once.
    """
    # A timer may fire a little early; it then still ran its own occurrence.
    last = max(started, status.next) if planned else started
    return Status(last=last, next=schedule.next(last), updated=last)


def payload(status: Status | None, *, past_due: bool) -> str:
    """The arguments for the worker."""
    return json.dumps(
        {
            "Schedule": {"AdjustForDST": True},
            "ScheduleStatus": status.as_json() if status else None,
            "IsPastDue": past_due,
        }
    )


def _fresh(schedule: Schedule, now: datetime, updated: datetime) -> Status:
    return Status(last=NEVER, next=schedule.next(now), updated=updated)


def _text(moment: datetime) -> str:
    """A UTC time as .NET writes it: with no more digits of the second than it needs."""
    text = moment.isoformat()
    return (text.rstrip("0") if "." in text else text) + "+00:00"


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
