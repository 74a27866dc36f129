"""Time windows: when rollouts into an environment may begin, as an application sets them.

This module has only the policy and the status at one moment. `slipway/catalogue/windows.py` computes the status with an
iCalendar library; the domain imports no such library, so `decide` receives the result.
"""

from datetime import date, timedelta
from typing import Annotated, Self

from pydantic import Field, model_validator

from .model import Duration, Record, Timestamp

LONGEST = timedelta(days=31)
RULE_PATTERN = r"^[A-Z]+=[A-Z0-9,+-]+(?:;[A-Z]+=[A-Z0-9,+-]+)*$"
ZONE_PATTERN = r"^[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*$"


class Window(Record):
    """A recurring period of time."""

    rule: Annotated[str, Field(max_length=500, pattern=RULE_PATTERN)] = Field(
        description="When it begins, in local time: a recurrence rule (RRULE) of iCalendar, RFC 5545. FREQ is DAILY, "
        "WEEKLY, MONTHLY or YEARLY; with INTERVAL, BYMONTH, BYMONTHDAY, BYDAY, BYHOUR, BYMINUTE, BYSETPOS, WKST.",
        examples=["FREQ=WEEKLY;BYDAY=MO,TU,WE,TH;BYHOUR=9", "FREQ=MONTHLY;BYMONTHDAY=-1"],
    )
    duration: Duration = Field(description="How long it lasts, in elapsed time; at most 31d.")
    starts: date | None = Field(
        default=None, description="The first day on which it may begin; INTERVAL counts from it."
    )
    ends: date | None = Field(default=None, description="The last day on which it may begin.")
    reason: str = Field(default="", max_length=200, description="What people are told.")

    @model_validator(mode="after")
    def _refuse_unfit_times(self) -> Self:
        if not timedelta(0) < self.duration <= LONGEST:
            raise ValueError("duration: expected more than nothing, and at most 31d")
        if self.starts and self.ends and self.ends < self.starts:
            raise ValueError("ends: expected a day that is not before starts")
        return self


class Windows(Record):
    """When rollouts may begin. A rollout under way when a window closes is not interrupted."""

    timezone: str = Field(
        default="UTC",
        max_length=64,
        pattern=ZONE_PATTERN,
        description="Time zone of rules and holidays, by its name in the IANA database.",
        examples=["Europe/Berlin"],
    )
    allow: tuple[Window, ...] = Field(
        default=(), max_length=20, description="Rollouts may begin within these only; without any, always."
    )
    deny: tuple[Window, ...] = Field(default=(), max_length=20, description="Rollouts may not begin within these.")
    holidays: tuple[date, ...] = Field(
        default=(), max_length=400, description="Days on which rollouts may not begin, from midnight to midnight."
    )
    holidays_file: Annotated[str, Field(min_length=1, max_length=256)] | None = Field(
        default=None,
        description="File with more of them, inside the application's folder: one date a line, # begins a comment.",
    )

    @property
    def exists(self) -> bool:
        """Whether any windows are configured."""
        return bool(self.allow or self.deny or self.holidays or self.holidays_file)


class WindowStatus(Record):
    """Whether rollouts may begin at one moment, and when that changes."""

    open: bool
    reason: str
    until: Timestamp | None = None
    """When the window closes or opens next; None if that is too far ahead to compute."""
