"""What operators order, and what came of it."""

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
    """The body of a command. A freeze that names neither application nor environment is of everything."""

    verb: Verb
    application: _Short = ""
    environment: _Short = ""
    release: _Short = Field(default="", description="Of a roll-back: the release that is to come back.")
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    until: Time | None = Field(default=None, description="Of a freeze: when it ends by itself.")
    submission: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,100}$")] = Field(
        description="Names this one act: a request that is sent again with it is the same command."
    )
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"


class Commanded(Answer):
    """What became of a command."""

    verb: Verb
    application: str
    environment: str
    release: str = Field(description="Of a roll-back: the new release, which brings the earlier one back.")
    phase: str
    told: int | None = Field(description="Of a freeze of everything: how many applications know of it already.")
    of: int | None


class Freezes(Answer):
    freezes: list[FreezeShown]
