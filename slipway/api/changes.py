"""Proposed changes of the catalogue: those that wait for votes, one of them, and a vote on it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..domain.blocks import REASON_LIMIT
from ..domain.changing import ComparedSubject
from ..domain.inbox import ID_PATTERN
from ..domain.model import DIGEST_PATTERN, Timestamp
from ..domain.release import Vote
from ..domain.rules import RuleResult
from .base import IDEMPOTENCY, ApiList, ApiModel

__all__ = ["ChangeVoteRequest", "OpenChanges", "ProposedChangeShown", "ProposedChangeSummary", "WeakenedGate"]


class WeakenedGate(ApiModel):
    """A gate that would get weaker, as it is in force: its people decide."""

    application: str
    environment: str
    people: str = Field(description="Who may vote, in words.")
    required: int
    rules: tuple[RuleResult, ...] = Field(description="Whether enough of them have approved.")


class ProposedChangeSummary(ApiModel):
    """A proposed change of the catalogue."""

    change: str = Field(description="The hash of its changes, by which votes refer to it.")
    opening: int = Field(description="How many times it has been proposed; a vote is for one of those times.")
    plan: str = Field(description="The hash of what people read; an approval names it.")
    phase: str = Field(
        description="`waiting` for votes, `stood-in`, `passed`, `in-force`, `rejected`, `withdrawn`, `expired`, "
        "`superseded`, `void`."
    )
    why: str = Field(description="Why it ended as it did.")
    subjects: tuple[str, ...] = Field(description="The projects and applications that it changes.")
    proposed_by: str
    reason: str
    at: Timestamp
    deadline: Timestamp
    ended_at: Timestamp | None
    weaker: tuple[str, ...] = Field(description="Every line that would get weaker.")
    gates: tuple[WeakenedGate, ...]
    votes: tuple[Vote, ...]
    stand_ins: tuple[Vote, ...] = Field(
        default=(), description="The platform's people who let it through in place of the approvers of its gates."
    )
    page: str = Field(description="Address of its page, where an approval is given.")


class OpenChanges(ApiList):
    """The proposed changes that are not over."""

    changes: tuple[ProposedChangeSummary, ...]


class ProposedChangeShown(ProposedChangeSummary):
    """One proposed change, with everything that it does."""

    v: int = Field(default=1, description="Version of this shape.")
    compared: tuple[ComparedSubject, ...] = Field(description="The changes of each project and application.")


class ChangeVoteRequest(BaseModel):
    """A vote on a proposed change."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    decision: Literal["approve", "reject"]
    reason: str = Field(
        default="", max_length=REASON_LIMIT, description="A rejection needs one; some gates ask for it."
    )
    stands_in: bool = Field(
        default=False,
        description="Whether one of the platform's people approves in place of the approvers of its gates.",
    )
    opening: int | None = Field(default=None, ge=1, description="Vote only if this opening is the current one.")
    plan: Annotated[str, Field(pattern=DIGEST_PATTERN)] | None = Field(
        default=None, description="Vote only if this is still the plan that people are asked about."
    )
    id: Annotated[str, Field(pattern=ID_PATTERN)] | None = Field(default=None, description=IDEMPOTENCY)
    channel: Annotated[str, Field(pattern="^(api|cli)$")] = "api"
