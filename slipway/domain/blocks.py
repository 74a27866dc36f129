"""Freezes and holds, which block rollouts after the gate has passed, and the pass that lets one release through.

A person sets a freeze on a lane or on everything; a manual rollback sets a hold; time windows are policy
(`windows.py`). `decide/blocks.py` says which of them blocks a release.
"""

from datetime import datetime, timedelta

from pydantic import Field

from .attribution import NAME_LIMIT, Attribution, ByPerson, with_name
from .model import Name, Record, Timestamp

REASON_LIMIT = 2000
LONGEST_FREEZE = timedelta(days=366)
"""A freeze that ends by itself lasts at most this long; a person has to end a longer one."""


class Freeze(Record):
    """Blocks new rollouts, in one lane or everywhere."""

    id: str = Field(min_length=8, max_length=128)
    """Identifies this freeze, so that a repeated command does not set a second one, and an unfreeze does not end
    another."""
    owner: str = Field(max_length=NAME_LIMIT)
    name: str = Field(default="", max_length=NAME_LIMIT)
    """The owner's name as their sign-in said it, for display."""
    reason: str = Field(max_length=REASON_LIMIT)
    at: Timestamp
    until: Timestamp | None = None
    """When the freeze ends by itself; None if a person has to end it."""

    @property
    def who(self) -> str:
        """The owner as people read it."""
        return with_name(self.owner, self.name)

    def in_force(self, now: datetime) -> bool:
        return self.until is None or now < self.until


class Hold(Record):
    """Keeps a manual rollback in place: newer releases wait in this lane until somebody resumes it."""

    owner: str = Field(max_length=NAME_LIMIT)
    name: str = Field(default="", max_length=NAME_LIMIT)
    """The owner's name as their sign-in said it, for display."""
    reason: str = Field(max_length=REASON_LIMIT)
    at: Timestamp
    release: int = Field(ge=1)
    """Number of the rollback's release, which set the hold."""
    to: int = Field(ge=1)
    """Number of the release that was restored."""
    before: "Hold | None" = None
    """The hold that this one replaced; it is in force again if this rollback is cancelled before it begins."""

    @property
    def who(self) -> str:
        """The owner as people read it."""
        return with_name(self.owner, self.name)


class CalledOff(ByPerson):
    """The cancellation or rejection of a release whose rollout was decided: the release ends before its first object.
    Only the cluster can tell whether the first object was written already."""

    release: int = Field(ge=1)
    rejected: bool = False
    """Whether it was a vote against the release, which then ends as rejected."""
    too_late: bool = False
    """Whether the first object had been written already. A vote against the release is kept even then: if the release
    does not go live, its earlier approvals do not send it out again."""
    on_behalf_of: str | None = Field(default=None, max_length=NAME_LIMIT)
    channel: str = Field(max_length=32)
    reason: str = Field(max_length=REASON_LIMIT)
    at: Timestamp

    @property
    def attribution(self) -> Attribution:
        return Attribution(actor=self.by, on_behalf_of=self.on_behalf_of, name=self.name)

    @property
    def voter(self) -> str:
        """The person who called it off, on any channel."""
        return self.attribution.person


class LanePass(ByPerson):
    """Lets one release past a freeze or closed window in one environment, once."""

    environment: Name
    reason: str = Field(max_length=REASON_LIMIT)
    at: Timestamp
    used_at: Timestamp | None = None
    """When the pass let the release through; None if it has not yet. It is kept until the first object is there: a
    freeze that was set after this time still stops the release."""
