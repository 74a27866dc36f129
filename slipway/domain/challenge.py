"""A challenge: a statement, kept from the press of the button until the person returns from the identity provider.

It is a row of a table to which the front may only add. It proves nothing, and the worker never decides by it: an
attacker in control of the front could write any number of them.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from .changing import MOST_LINES, ComparedSubject, Line
from .commands import FRESH
from .inbox import Content, InboxId, Via
from .model import Duration, Record, Timestamp
from .people import Guid
from .statement import MOST_CHANGES, CatalogueStatement, ChangeVoteStatement, CommandStatement, StoredStatement

LIFE: Final = timedelta(minutes=15)
"""How long a person may take to return from the identity provider after pressing the button."""
KEPT: Final = timedelta(days=1)
"""How long rows are kept, so that a late second return leads to the same page as the first."""
LONGEST_STATE: Final = 128

HashText = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Challenge(Record):
    """What the front keeps about a person until they return from the identity provider."""

    v: Literal[1] = 1
    statement: StoredStatement
    browser: HashText
    """Hash of the random id in the browser's cookie: only the browser in which the button was pressed may return."""
    person: Guid
    """Object id of the person who pressed the button: nobody can finish it with another person's sign-in."""
    verifier: Annotated[str, Field(min_length=43, max_length=128, repr=False)]
    """Redeems the code (PKCE)."""
    made_at: Timestamp
    again: bool = False
    """Whether it is the second try for the same statement, after a sign-in that was not fresh enough."""
    via: Via = Via.PAGE
    fresh: Duration | None = None
    """The greatest age of the person's sign-in; None for any age."""
    pending: Annotated[str, Field(max_length=LONGEST_STATE)] = ""
    """The handle of the `Pending` that is confirmed with it; empty for a statement that began on a page."""
    content: Content = ()
    """Hashes of content too large for the inbox row, which will name them."""

    def in_time(self, now: datetime) -> bool:
        return now < self.made_at + LIFE


class Pending(Record):
    """A command, change or vote that lets something through, from the API or the command line. It waits until a person
    confirms it in a browser, and becomes that person's statement."""

    v: Literal[1] = 1
    statement: Annotated[CommandStatement | CatalogueStatement | ChangeVoteStatement, Field(discriminator="kind")]
    """Its salt is ignored: a new one is made when the button is pressed."""
    content: Content = ()
    """The documents of a change, as they lie in `incoming`."""
    compared: Annotated[tuple[ComparedSubject, ...], Field(max_length=MOST_CHANGES)] = ()
    """The effect of a change, as of the moment when it was requested or proposed."""
    asks: Annotated[tuple[Line, ...], Field(max_length=MOST_LINES)] = ()
    """The gates whose approvers vote on the change once it is confirmed."""
    fresh: Duration | None = FRESH
    """The greatest age of the confirming person's sign-in; None for any age."""
    made_at: Timestamp
    via: Via

    def in_time(self, now: datetime) -> bool:
        return now < self.made_at + LIFE


class UsedChallenge(Record):
    """The mark that a challenge or a pending statement was answered, with the id of the inbox row that follows."""

    v: Literal[1] = 1
    inbox: InboxId | None
    """None if a person said no to a pending statement: then no row follows."""
    at: Timestamp


def challenge_key(state: str) -> str:
    """The row key of a `state`: its hash, so that a reader of the table cannot forge the return."""
    return _hash(state)


def browser_hash(browser_id: str) -> str:
    return _hash(browser_id)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
