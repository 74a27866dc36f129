"""Operators' commands and their outcomes."""

from typing import Annotated

from pydantic import Field

from ..domain.blocks import REASON_LIMIT
from ..domain.commands import Verb
from ..domain.incoming import Incoming, Time
from ..domain.reports import FreezeShown
from .base import Answer

__all__ = ["Command", "Commanded", "FreezeShown", "Freezes"]

_Short = Annotated[str, Field(max_length=80)]


class Command(Incoming):
    """The body of a command. A freeze without application and environment freezes everything."""

    verb: Verb
    application: _Short = ""
    environment: _Short = ""
    release: _Short = Field(default="", description="For a rollback: the release to return to.")
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    until: Time | None = Field(default=None, description="For a freeze: when it ends automatically.")
    submission: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,100}$")] = Field(
        description="Idempotency key: a repeated request with the same value is the same command."
    )
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"


class Commanded(Answer):
    """The outcome of a command."""

    verb: Verb
    application: str
    environment: str
    release: str = Field(description="For a rollback: the new release, which redeploys the earlier one.")
    phase: str
    told: int | None = Field(description="For a freeze of everything: how many applications it has reached so far.")
    of: int | None


class Freezes(Answer):
    freezes: list[FreezeShown]
