"""A vote as a program sends it, before anybody knows whose it is."""

from typing import Annotated, Literal

from pydantic import Field

from .blocks import REASON_LIMIT
from .incoming import Incoming
from .model import Digest
from .tokens import TOKEN_LIMIT


class Ballot(Incoming):
    """The body of a vote."""

    decision: Literal["approve", "reject", "withdraw"]
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    plan_hash: Digest | None = None
    token: Annotated[str, Field(max_length=TOKEN_LIMIT)] = ""
    submission: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,100}$")] | None = None
    """Names this act of voting, so that a request that is sent again is the same vote."""
    channel: Literal["api", "cli"] = "api"
