"""A challenge: the statement between the button and the way back from the identity provider.

It lies in a table to which the front may add and that nobody changes. It proves nothing, and the worker never decides
by it: whoever has the front could write any number of them.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from .changing import MOST_LINES, ComparedSubject, Line
from .commands import FRESH
from .inbox import Content, InboxId, Via
from .model import Duration, Moment, Record
from .statement import MOST_CHANGES, CatalogueStatement, ChangeVoteStatement, CommandStatement, StoredStatement

LIFE: Final = timedelta(minutes=15)
"""How long a person may take from the button to the way back."""
KEPT: Final = timedelta(days=1)
"""How long rows are kept, so that a late second return still finds where the first one led."""
LONGEST_STATE: Final = 128

HashText = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Challenge(Record):
    """What the front has to remember until the person comes back."""

    v: Literal[1] = 1
    statement: StoredStatement
    browser: HashText
    """Hash of the random id in the browser's cookie: the way back counts only where the button was pressed."""
    verifier: Annotated[str, Field(min_length=43, max_length=128, repr=False)]
    """For the redemption of the code (PKCE)."""
    made_at: Moment
    again: bool = False
    """Whether it is the second try for the same statement, after a sign-in that was not fresh enough."""
    via: Via = Via.PAGE
    fresh: Duration | None = None
    """How long ago the person may have given their credential."""
    pending: Annotated[str, Field(max_length=LONGEST_STATE)] = ""
    """The handle of what is confirmed with it; empty for what began on a page."""
    content: Content = ()
    """What the row is to name that is too large for it."""

    def in_time(self, now: datetime) -> bool:
        return now < self.made_at + LIFE


class Pending(Record):
    """Something that lets something through, as the API or the command line was given it: it waits for a person to
    confirm it in a browser. Whoever confirms it says it themselves."""

    v: Literal[1] = 1
    statement: Annotated[CommandStatement | CatalogueStatement | ChangeVoteStatement, Field(discriminator="kind")]
    """Its salt is ignored: another one is made when the button is pressed."""
    content: Content = ()
    """The documents of a change, as they lie in `incoming`."""
    compared: Annotated[tuple[ComparedSubject, ...], Field(max_length=MOST_CHANGES)] = ()
    """What a change would do, as it was when it was asked for, or as it was proposed."""
    asks: Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)] = ()
    """The gates whose people vote on it, once it is confirmed."""
    fresh: Duration | None = FRESH
    """How long ago whoever confirms it may have given their credential."""
    made_at: Moment
    via: Via

    def in_time(self, now: datetime) -> bool:
        return now < self.made_at + LIFE


class Used(Record):
    """The mark that a challenge was answered, with the id of the inbox row to come."""

    v: Literal[1] = 1
    inbox: InboxId
    at: Moment


def challenge_key(state: str) -> str:
    """The row of a `state`: its hash, so that whoever can read the table cannot play the way back."""
    return _hash(state)


def browser_hash(browser_id: str) -> str:
    return _hash(browser_id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
