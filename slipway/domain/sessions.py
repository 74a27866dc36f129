"""Sessions of the pages that ended before their time: the worker records them, the front looks them up."""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import Field

from .model import Record, Timestamp

SESSION_LASTS: Final = timedelta(hours=8)
MOST_ENDED: Final = 100
"""The most single sessions that are remembered of one person; if a person ends more, all of theirs are ended."""

SessionHash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A session's id as it is passed on and stored: as a hash."""


def session_hash(sid: str) -> str:
    return hashlib.sha256(sid.encode()).hexdigest()


class EndedSessions(Record):
    """The ended sessions of one person."""

    since: Timestamp | None = None
    """Sessions that began earlier are over; None if only single ones were ended."""
    single: dict[SessionHash, Timestamp] = Field(default_factory=dict, max_length=MOST_ENDED)
    """Sessions that were ended one by one, and when."""

    def is_over(self, sid: str, began: datetime) -> bool:
        return (self.since is not None and began < self.since) or session_hash(sid) in self.single

    def with_all_ended(self, at: datetime) -> "EndedSessions":
        """The same, with all sessions ended that began before `at`. An earlier time than the present one changes
        nothing."""
        since = at if self.since is None else max(self.since, at)
        return EndedSessions(since=since, single=_not_over_anyway(self.single, at))

    def with_one_ended(self, session: str, at: datetime) -> "EndedSessions":
        """The same, with one session ended, by the hash of its id."""
        single = _not_over_anyway(self.single, at) | {session: self.single.get(session, at)}
        return self.with_all_ended(at) if len(single) > MOST_ENDED else self.evolve(single=single)


def _not_over_anyway(single: dict[str, datetime], at: datetime) -> dict[str, datetime]:
    """The sessions that might still be valid if they had not been ended."""
    return {session: ended for session, ended in single.items() if at - ended < SESSION_LASTS}
