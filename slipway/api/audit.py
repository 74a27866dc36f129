"""The trail: questions to it, its chains, what proves it, and what is live by it."""

from typing import Any

from pydantic import ConfigDict, Field

from ..domain.audit import AuditRecord, Damaged
from ..domain.reports import Checked, Compared, LiveThere
from .base import Answer

__all__ = [
    "AnchorsAnswer",
    "AuditAnswer",
    "AuditPart",
    "AuditRecord",
    "Chain",
    "ChainEnd",
    "ChainPart",
    "ChainRecord",
    "Checked",
    "Damaged",
    "LiveAnswer",
    "LiveThere",
    "ReindexAnswer",
    "ReindexRequest",
]


class ChainEnd(Answer):
    sequence: int = Field(ge=0)
    hash: str


class ChainPart(Answer):
    """Where a part of a chain lies. Who verifies its records takes them as they came, and reads them strictly."""

    application: str
    head: ChainEnd
    next: int | None = Field(description="Go on after this sequence; null at the end.")


class Chain(ChainPart):
    """Part of one chain, oldest first: what a verifier reads."""

    records: list[AuditRecord | Damaged]


class ChainRecord(Answer):
    """One record; a row that is none any more says what is left of it."""

    record: AuditRecord | Damaged


class AuditPart(Answer):
    """Where a page of the trail ends. Its records are passed on as they came."""

    next: str | None = Field(description="Give it as `after`, with the same filters; null at the end.")


class AuditAnswer(AuditPart):
    """A page of the trail, newest first."""

    records: list[AuditRecord]


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
    anchors: list[Any] = Field(description="One a day, as it stands in the log of anchors.")
    next: str | None = Field(description="The month that follows.")
