"""What the API answers with, as the OpenAPI document describes it. Handlers build these; a test holds them to it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from slipway.domain.audit import AuditRecord
from slipway.domain.model import Moment
from slipway.domain.promotion import PromotionProgress
from slipway.domain.release import Release
from slipway.flow.open_gates import OpenGate
from slipway.flow.provenance import LiveThere
from slipway.flow.reading import Damaged
from slipway.ledger.installation import Parked
from slipway.ledger.reindexing import Compared


class Answer(BaseModel):
    """Base of the answers. More fields may come: clients pass over those that they do not know."""


class LiveRelease(Answer):
    release: str
    tag: str
    at: Moment


class FreezeInForce(Answer):
    owner: str
    reason: str
    until: Moment | None = Field(description="When it ends by itself; null where somebody has to end it.")


class HoldOfLane(Answer):
    owner: str
    reason: str
    release: str = Field(description="The roll-back that set it.")


class LaneStanding(Answer):
    environment: str
    gate: str
    live: LiveRelease | None
    rolling: str | None
    waiting: str | None
    returning: str | None = Field(description="A roll-back by hand that is here and not yet rolling out.")
    frozen: FreezeInForce | None = Field(description="The freeze of this lane, while it is in force.")
    held: HoldOfLane | None = Field(description="Keeps a roll-back by hand in place until somebody resumes.")


class ApplicationStanding(Answer):
    application: str
    frozen: FreezeInForce | None = Field(description="The freeze of everything, while it is in force.")
    environments: list[LaneStanding]


class Applications(Answer):
    applications: list[ApplicationStanding]


_fields: dict[str, Any] = {name: (field.annotation, field) for name, field in Release.model_fields.items()}
ReleaseAnswer = create_model("ReleaseAnswer", __base__=Answer, __doc__="A release.", id=(str, ...), **_fields)


class ReleaseWithProgress(ReleaseAnswer):
    """A release, and how far its promotion is."""

    progress: PromotionProgress | None = Field(description="How far its promotion is, while there is one.")


class Releases(Answer):
    releases: list[ReleaseAnswer]


class ChainEnd(Answer):
    sequence: int
    hash: str


class Chain(Answer):
    """Part of one chain, oldest first: what a verifier reads."""

    application: str
    head: ChainEnd
    records: list[AuditRecord | Damaged]
    next: int | None = Field(description="Go on after this sequence; null at the end.")


class ChainRecord(Answer):
    """One record; a row that is none any more says what is left of it."""

    record: AuditRecord | Damaged


class AuditAnswer(Answer):
    """A page of the trail, newest first."""

    records: list[AuditRecord]
    next: str | None = Field(description="Give it as `after`, with the same filters; null at the end.")


class LiveAnswer(Answer):
    environment: str
    live: list[LiveThere]
    next: str | None = Field(description="Give it as `after`; null at the end.")


class ReindexRequest(Answer):
    """How far the comparison has come, and whether it repairs."""

    model_config = ConfigDict(extra="forbid", strict=True)

    after: int = Field(default=0, ge=0, lt=10**11, description="Begin behind this sequence.")
    repair: bool = Field(default=False, description="Put right what is found.")


class ReindexAnswer(Compared):
    pass


class AnchorsAnswer(Answer):
    """The anchors of one month."""

    month: str | None
    anchors: list[dict[str, Any]] = Field(description="One a day, as it stands in the log of anchors.")
    next: str | None = Field(description="The month that follows.")


class ParkedItems(Answer):
    parked: list[Parked]


class Replayed(Answer):
    replayed: str
    source: str


class OpenGates(Answer):
    approvals: list[OpenGate]


class Counted(Answer):
    release: str
    environment: str
    plan_hash: str
    voter: str
    decision: str
    phase: str
    approvals: int | None
    required: int | None
