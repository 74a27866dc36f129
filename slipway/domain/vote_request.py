"""A vote as a program sends it; the voter is not known yet."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .blocks import REASON_LIMIT
from .inbox import InboxId
from .incoming import ForeignModel
from .model import Digest, Name
from .tokens import TOKEN_LIMIT


class VoteRequest(ForeignModel):
    """The body of a vote."""

    model_config = ConfigDict(extra="forbid")

    decision: Literal["approve", "reject", "withdraw", "object"]
    reason: Annotated[str, Field(max_length=REASON_LIMIT)] = ""
    plan_hash: Digest | None = Field(default=None, description="Of the plan that the vote is for; not for `object`.")
    environment: Name | None = Field(
        default=None, description="For `object`: the environment whose gate counted the vote; else the present one."
    )
    token: Annotated[str, Field(max_length=TOKEN_LIMIT)] = ""
    id: InboxId | None = Field(
        default=None,
        description="Idempotency key, as of a command. Send the same request again to learn what became of the vote; "
        "under the same id another decision is another vote.",
    )
    channel: Literal["api", "cli"] = "api"
