"""Questions of people that only the worker can answer."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field

from ..domain.inbox import LookKind
from ..domain.incoming import ForeignModel
from ..domain.looks import LookAnswer
from .base import ApiAnswer

__all__ = ["LookRequest", "LookStatus", "WhyNotPushed"]

_Option = Annotated[str, Field(max_length=128)]


class LookRequest(ForeignModel):
    """The subject of the look."""

    model_config = ConfigDict(extra="forbid")

    kind: LookKind
    subject: Annotated[str, Field(min_length=1, max_length=256)] = Field(
        description="`doctor`: the name of a check, or `list` for their names. All others: an application."
    )
    options: Annotated[dict[str, _Option], Field(max_length=8)] = Field(
        default_factory=dict,
        description="`reindex`: `after`, the sequence to start after, and `repair`, `yes` to repair the differences. "
        "`pushed`: `tag` or `digest`.",
    )


class WhyNotPushed(ForeignModel):
    """What a look `pushed` saw."""

    why: str


class LookStatus(ApiAnswer):
    """The progress of a look, and its result."""

    id: str
    state: str = Field(description="As for everything that is said: `received`, `counted` or `parked`.")
    reason: str = ""
    look: LookAnswer | None = None

    @property
    def answer(self) -> dict[str, Any]:
        return self.look.answer if self.look else {}
