"""What performing a step led to: a decision about the message, applied by `perform.py`."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..domain.model import Record

REASON_LIMIT = 2000
"""Characters of a reason that a cause carries."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The effect is had, or cannot be had. Reported as a cause."""

    passed: bool
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LookAgain:
    """Under way; look again after a while."""

    after: timedelta
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TryAgain:
    """The effect went wrong in a way that may pass; try again with growing pauses."""

    reason: str


Outcome = Finished | LookAgain | TryAgain


def passed(result: Record | None = None, reason: str = "") -> Finished:
    return Finished(passed=True, reason=reason[:REASON_LIMIT], result=result.model_dump(mode="json") if result else {})


def failed(reason: str, result: Record | None = None) -> Finished:
    return Finished(passed=False, reason=reason[:REASON_LIMIT], result=result.model_dump(mode="json") if result else {})
