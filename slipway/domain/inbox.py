"""The inbox: people's statements, as the front writes them down for the worker.

The front only adds rows; the worker answers each by records (or parks it) and removes it. Everything that the front
adds is only the front's word: a person counts as the speaker only if a proof says so.
"""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Literal, Self, assert_never

from pydantic import ConfigDict, Field, model_validator

from .commands import Verb
from .identity import TOKEN_LIMIT as ACCESS_TOKEN_LIMIT
from .model import Digest, Record, Timestamp
from .people import Guid, SignedIn
from .proof import Proof
from .statement import (
    CatalogueStatement,
    ChangeVoteStatement,
    CommandStatement,
    Statement,
    StoredStatement,
    VoteStatement,
)
from .tokens import TOKEN_LIMIT

ID_PATTERN: Final = r"^[0-9]{13}-[0-9a-f]{16}$"
InboxId = Annotated[str, Field(pattern=ID_PATTERN)]
"""Milliseconds since 1970 and 64 random bits: rows are in the order in which they came."""
MOST_CONTENT: Final = 100
Content = Annotated[tuple[Digest, ...], Field(max_length=MOST_CONTENT)]
_RANDOM_BYTES: Final = 8


class InboxKind(StrEnum):
    """The kind of work that a row asks for."""

    VOTE = "vote"
    """A vote on a plan, or on a change of the rules."""
    COMMAND = "command"
    """An operator's command."""
    CATALOGUE = "catalogue"
    """A change of applications or projects."""
    LOOK = "look"
    """A question that only the worker can ask of a registry or a cluster."""


class Via(StrEnum):
    """How the statement reached the front."""

    PAGE = "page"
    API = "api"
    CLI = "cli"
    LINK = "link"


class Speaker(Record):
    """The author of a statement, as the front names them."""

    tid: Guid | None = None
    oid: Guid | None = None
    """None if only a link tells who the person is."""
    name: Annotated[str, Field(max_length=254)] = ""
    """The name that the trail uses."""
    shown: Annotated[str, Field(max_length=254)] = ""
    """The person's own name, for display only."""
    roles: Annotated[tuple[Annotated[str, Field(max_length=256)], ...], Field(max_length=1000)] = ()
    groups: Annotated[tuple[Guid, ...], Field(max_length=1000)] = ()
    """Entra groups, by which a gate may name people who can reject a release."""
    via: Via

    @classmethod
    def of(cls, person: SignedIn, name: str, via: Via) -> Self:
        """A person who has signed in at the front, under the name that the trail has for them."""
        return cls(oid=person.object_id, name=name, roles=person.roles, groups=person.groups, via=via)

    @property
    def signed_in(self) -> SignedIn | None:
        """The sign-in that the front reports: enough to stop something. None if only a link tells who the person is."""
        return None if self.oid is None else SignedIn(object_id=self.oid, groups=self.groups, roles=self.roles)


class LookKind(StrEnum):
    """A question that only the worker can answer."""

    DOCTOR = "doctor"
    """One of the doctor's checks, by its name."""
    REINDEX = "reindex"
    """Compare the audit index of an application with its trail, and repair it."""
    TARGETS = "targets"
    """The places of an application's environments, which are needed to render a bundle."""
    PUSHED = "pushed"
    """Why no release of an application can be created from a tag or digest; empty if one can."""


class Look(Record):
    """The subject of a look."""

    kind: LookKind
    subject: Annotated[str, Field(min_length=1, max_length=256)]
    options: dict[str, Annotated[str, Field(max_length=128)]] = Field(default_factory=dict, max_length=8)


class InboxRow(Record):
    """One row, as it lies in its application's partition."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True)

    v: Literal[1] = 1
    kind: InboxKind
    proof: Proof | None = None
    said: StoredStatement | None = None
    """The statement, if there is no proof of who made it."""
    link: Annotated[str, Field(min_length=1, max_length=TOKEN_LIMIT)] | None = Field(default=None, repr=False)
    """The token of the link that carried a vote: a credential while it is valid, so it appears in no log and on no
    page."""
    token: Annotated[str, Field(min_length=1, max_length=ACCESS_TOKEN_LIMIT)] | None = Field(default=None, repr=False)
    """The access token of an application that starts a release without a person: a credential until it expires, so it
    appears in no log and on no page."""
    look: Look | None = None
    """The subject of the look."""
    speaker: Speaker = Field(alias="from")
    content: Content = ()
    """Blobs in `incoming`, for content too large for a row."""
    trace: Annotated[str, Field(max_length=64)] = ""

    @property
    def statement(self) -> Statement | None:
        """The statement, with or without a proof; None for a look."""
        return self.proof.statement if self.proof is not None else self.said

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if sum(each is not None for each in (self.proof, self.said, self.look)) != 1:
            raise ValueError("expected one of a proof, a statement, or a look")
        kind = InboxKind.LOOK if self.statement is None else _kind_of(self.statement)
        if kind is not self.kind:
            raise ValueError(f"kind: expected {kind}, by its content, got {self.kind}")
        if self.link is not None and not isinstance(self.said, VoteStatement):
            raise ValueError("link: expected only with a vote that was said")
        statement = self.said
        if self.token is not None and not (isinstance(statement, CommandStatement) and statement.verb is Verb.CREATE):
            raise ValueError(f"token: expected only with the command {Verb.CREATE} that was said")
        return self


def _kind_of(statement: Statement) -> InboxKind:
    match statement:
        case VoteStatement() | ChangeVoteStatement():
            return InboxKind.VOTE
        case CommandStatement():
            return InboxKind.COMMAND
        case CatalogueStatement():
            return InboxKind.CATALOGUE
        case unreachable:
            assert_never(unreachable)


class Received(Record):
    """A row as the worker reads it."""

    id: InboxId
    partition: str
    """The application, or the partition of the whole installation."""
    received_at: Timestamp
    """The table service's own `Timestamp`: the only clock by which a proof is judged."""
    row: InboxRow


def inbox_id(now: datetime, random: bytes) -> str:
    """The id of a row that is added now. Raises `ValueError` for fewer than 64 random bits."""
    if len(random) != _RANDOM_BYTES:
        raise ValueError(f"expected {_RANDOM_BYTES} random bytes, got {len(random)}")
    return f"{int(now.timestamp() * 1000):013d}-{random.hex()}"


def is_inbox_id(text: str) -> bool:
    return re.fullmatch(ID_PATTERN, text) is not None
