"""Operators' commands and their outcomes."""

from typing import Annotated

from pydantic import ConfigDict, Field

from ..domain.blocks import REASON_LIMIT
from ..domain.commands import Verb
from ..domain.inbox import ID_PATTERN
from ..domain.incoming import ForeignModel, Time
from ..domain.model import DIGEST_PATTERN, TAG_PATTERN
from ..domain.people import GUID_PATTERN
from ..domain.reports import FreezeShown
from .base import IDEMPOTENCY, ApiList

__all__ = ["Command", "FreezeShown", "Freezes"]

_Short = Annotated[str, Field(max_length=80)]


class Command(ForeignModel):
    """The body of a command. A freeze without application and environment freezes everything."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb
    application: _Short = ""
    environment: _Short = ""
    release: _Short = Field(default="", description="For a rollback: the release to return to.")
    tag: Annotated[str, Field(pattern=f"^$|{TAG_PATTERN}")] = Field(
        default="",
        description="For create: the artifact pushed under this tag goes out, again or for the first time. Without "
        "release, tag and digest: the artifact live in the first environment.",
    )
    digest: Annotated[str, Field(pattern=f"^$|{DIGEST_PATTERN}")] = Field(
        default="",
        description="For create: the image or bundle with this digest goes out, again or for the first time.",
    )
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    until: Time | None = Field(default=None, description="For a freeze: when it ends automatically.")
    parked: _Short = Field(default="", description="For a replay: the id of the parked input.")
    rule: _Short = Field(default="", description="For waive: the name of the rule, such as change-is-known.")
    person: Annotated[str, Field(pattern=f"^$|{GUID_PATTERN}")] = Field(
        default="",
        description="For session.end: the person whose sessions of the pages end, by object id; empty for your own.",
    )
    id: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(default=None, description=IDEMPOTENCY)
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"


class Freezes(ApiList):
    freezes: list[FreezeShown]
