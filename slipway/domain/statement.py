"""A person's statement, word for word: a vote, a command, a change of the rules.

It is hashed before the person signs in, and the hash is the nonce of that sign-in. So the ID token that comes back says
who said exactly this; statement and token together are the proof (`proof.py`). A statement without a proof has no
token.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from .blocks import REASON_LIMIT
from .commands import OF_A_LANE, OF_EVERYTHING, OF_THE_INSTALLATION, Verb, wrong_release
from .model import DIGEST_PATTERN, TAG_PATTERN, Digest, Name, Record, canonical
from .release import VoteDecision

STATEMENT_LIMIT: Final = 24 * 1024
"""Bytes of a statement in its canonical form."""
MOST_CHANGES: Final = 64
SALT_BYTES: Final = 16

Salt = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}$")]
"""128 random bits in base64url, made when the person presses the button: nobody can guess a statement from its hash."""
Installation = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?$")]
"""The installation's own name, so that a statement to one installation is not accepted by another."""
Reason = Annotated[str, Field(max_length=REASON_LIMIT)]
Argument = Annotated[str, Field(max_length=1024)]
PUSHED: Final[Mapping[str, str]] = {"tag": TAG_PATTERN, "digest": DIGEST_PATTERN}
"""Arguments of `create` that name an artifact no release has delivered yet, and their patterns."""


class _Statement(Record):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True)

    v: Literal[1] = 1
    installation: Installation
    salt: Salt
    reason: Reason = ""

    def fields(self) -> dict[str, Any]:
        """The fields as they are hashed, sent and kept, without those that have no value."""
        return self.model_dump(mode="json", exclude_none=True)

    @property
    def canonical(self) -> bytes:
        """The one byte form (RFC 8785)."""
        return canonical(self.fields())

    @property
    def nonce(self) -> str:
        """The nonce that the ID token has to carry: 43 characters."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.canonical).digest()).decode().rstrip("=")

    @model_validator(mode="after")
    def _refuse_too_long(self) -> Self:
        if (size := len(self.canonical)) > STATEMENT_LIMIT:
            raise ValueError(f"expected a statement of at most {STATEMENT_LIMIT} bytes, got {size}")
        return self


class VoteStatement(_Statement):
    """One person's decision on one opening of one gate, for one plan."""

    kind: Literal["vote"] = "vote"
    application: Name
    release: Annotated[int, Field(ge=1)]
    environment: Name
    attempt: Annotated[int, Field(ge=0)]
    opening: Annotated[int, Field(ge=1)]
    plan: Digest
    decision: VoteDecision


class ChangeVoteStatement(_Statement):
    """One person's decision on one proposed change of the rules."""

    kind: Literal["vote"] = "vote"
    change: Digest
    """Hash of the changes (`proposing.hash_of_changes`)."""
    opening: Annotated[int, Field(ge=1)]
    plan: Digest
    decision: Literal[VoteDecision.APPROVE, VoteDecision.REJECT]
    stands_in: Literal[True] | None = None
    """Whether one of the platform's people approves it in place of those that the gates ask."""

    @model_validator(mode="after")
    def _stands_in_to_approve(self) -> Self:
        if self.stands_in and self.decision is not VoteDecision.APPROVE:
            raise ValueError("stands_in: is for an approval")
        return self


class CommandStatement(_Statement):
    """A command with everything that it is about."""

    kind: Literal["command"] = "command"
    application: Name | None = None
    """None: the whole installation."""
    verb: Verb
    release: Annotated[int, Field(ge=1)] | None = None
    environment: Name | None = None
    arguments: Annotated[dict[Name, Argument], Field(max_length=20)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _says_what_it_is_about(self) -> Self:
        if wrong := wrong_release(self.verb, self.release, instead=not self.arguments.keys().isdisjoint(PUSHED)):
            raise ValueError(f"release: {wrong}")
        if self.application is None and self.verb not in OF_EVERYTHING:
            raise ValueError(f"application: is missing for {self.verb}")
        if self.application is not None and self.verb in OF_THE_INSTALLATION:
            raise ValueError(f"application: is not for {self.verb}")
        of_a_lane = self.application is not None and self.verb in OF_A_LANE
        if (self.environment is None) is of_a_lane:
            raise ValueError(f"environment: {'is missing' if self.environment is None else f'is not for {self.verb}'}")
        return self


class CatalogueChange(Record):
    """One application or project, from one version to another."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True)

    subject: Annotated[str, Field(pattern=r"^(?:application|project):[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$")]
    before: Digest | None = Field(default=None, alias="from")
    """None: it is new."""
    after: Digest | None = Field(default=None, alias="to")
    """None: it is removed."""


class CatalogueStatement(_Statement):
    """A change of applications or projects; each commits its own part."""

    kind: Literal["catalogue"] = "catalogue"
    changes: Annotated[tuple[CatalogueChange, ...], Field(min_length=1, max_length=MOST_CHANGES)]

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        subjects = [change.subject for change in self.changes]
        if len(set(subjects)) != len(subjects):
            raise ValueError("changes: expected each application or project once")
        return self


type Statement = VoteStatement | ChangeVoteStatement | CommandStatement | CatalogueStatement


def _which(statement: Any) -> str | None:
    """A vote is either on a release's plan or, if it names a change, on that change."""
    fields = statement if isinstance(statement, dict) else dict(statement) if isinstance(statement, Record) else {}
    kind = fields.get("kind", "")
    return "change-vote" if kind == "vote" and "change" in fields else str(kind)


StoredStatement = Annotated[
    Annotated[VoteStatement, Tag("vote")]
    | Annotated[ChangeVoteStatement, Tag("change-vote")]
    | Annotated[CommandStatement, Tag("command")]
    | Annotated[CatalogueStatement, Tag("catalogue")],
    Discriminator(_which),
]
"""A statement as a field of a record."""


def salt_of(random: bytes) -> str:
    """The salt made of these random bytes. Raises `ValueError` for fewer than 128 bits."""
    if len(random) != SALT_BYTES:
        raise ValueError(f"expected {SALT_BYTES} random bytes, got {len(random)}")
    return base64.urlsafe_b64encode(random).decode().rstrip("=")
