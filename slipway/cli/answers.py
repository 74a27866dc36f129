"""What the CLI reads of the API's answers.

Unlike the domain's records these pass over fields that they do not know, so that an older CLI can speak with a
newer app. `--json` never goes through them: it prints what the app sent.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from slipway.domain.model import Moment


class Answer(BaseModel):
    """Part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ChainHead(Answer):
    sequence: int = Field(ge=0)
    hash: str


class AuditPage(Answer):
    """A page of the trail. The records stay as they came: to verify them is to read them strictly."""

    application: str
    head: ChainHead
    records: list[dict[str, Any]]
    next: int | None


class TrailLine(Answer):
    """An audit record, or what is left of one."""

    sequence: int
    time: Moment | None = None
    actor: str = ""
    action: str = ""
    release: str | None = None
    environment: str | None = None
    digest: str | None = None
    details: dict[str, Any] = {}
    previous: str = ""
    hash: str = ""
    damaged: str | None = None


class LiveThere(Answer):
    release: str
    tag: str
    at: Moment


class LaneView(Answer):
    environment: str
    gate: str
    live: LiveThere | None = None
    rolling: str | None = None
    waiting: str | None = None


class ApplicationView(Answer):
    application: str
    environments: list[LaneView]


class Applications(Answer):
    applications: list[ApplicationView]
