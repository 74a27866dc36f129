"""What keeps a release from its rollout although its gate is passed, and what lets one pass all the same.

A freeze is set by a person on a lane or on everything; a hold is set by a roll-back by hand; time windows are policy
(`windows.py`). `decide/blocks.py` says which of them is in the way.
"""

from datetime import datetime, timedelta

from pydantic import Field

from .model import Moment, Name, Record

NAME_LIMIT = 254
REASON_LIMIT = 2000
LONGEST_FREEZE = timedelta(days=366)
"""Of one that ends by itself; a longer one is ended by somebody."""


class Freeze(Record):
    """Nothing new is rolled out: on one lane, or anywhere."""

    id: str = Field(min_length=8, max_length=128)
    """Names this act of freezing, so that a repeat of it is no second freeze, and ending it ends no other."""
    owner: str = Field(max_length=NAME_LIMIT)
    reason: str = Field(max_length=REASON_LIMIT)
    at: Moment
    until: Moment | None = None
    """When it ends by itself; None where somebody has to end it."""

    def in_force(self, now: datetime) -> bool:
        return self.until is None or now < self.until


class Hold(Record):
    """A roll-back by hand stays: newer releases wait in this lane until somebody resumes."""

    owner: str = Field(max_length=NAME_LIMIT)
    reason: str = Field(max_length=REASON_LIMIT)
    at: Moment
    release: int = Field(ge=1)
    """The roll-back that set it."""
    to: int = Field(ge=1)
    """The release that it brought back."""
    before: "Hold | None" = None
    """The hold of an earlier roll-back, which is in force again if this one is cancelled before it begins."""


class LanePass(Record):
    """One release may pass one freeze or closed window in one environment, once."""

    environment: Name
    by: str = Field(max_length=NAME_LIMIT)
    reason: str = Field(max_length=REASON_LIMIT)
    at: Moment
