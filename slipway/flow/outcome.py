"""What performing a step led to: a decision about the message, applied by `perform.py`."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..domain.model import Record


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
    return Finished(passed=True, reason=reason, result=result.model_dump(mode="json") if result else {})


def failed(reason: str, result: Record | None = None) -> Finished:
    return Finished(passed=False, reason=reason[:2000], result=result.model_dump(mode="json") if result else {})
