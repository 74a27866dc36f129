"""What performing a step led to: a decision about the message, applied by `run_step.py`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from ..domain.model import Record

REASON_LIMIT = 2000
"""Characters of a reason that an event carries."""


type Tidy = Callable[[], None]


def nothing() -> None:
    """Nothing is left to tidy up."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The effect is had, or cannot be had. Reported as an event."""

    passed: bool
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    afterwards: Tidy = field(default=nothing, compare=False)
    """Called once it has been reported; what fails there is left lying about."""


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """Under way; look again after a while."""

    after: timedelta
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The effect went wrong in a way that may pass; try again with growing pauses."""

    reason: str
    after: timedelta = timedelta(0)
    """At least so long."""
    afterwards: Tidy = field(default=nothing, compare=False)
    """As of `Finished`, where this was the last try."""


Outcome = Finished | Requeue | Retry


def told(outcome: Outcome) -> str:
    """The outcome in a word."""
    match outcome:
        case Finished(passed=True):
            return "passed"
        case Finished():
            return "failed"
        case Requeue():
            return "requeue"
        case Retry():
            return "retry"


def passed(result: Record | None = None, reason: str = "", *, afterwards: Tidy = nothing) -> Finished:
    return _finished(True, reason, result, afterwards)


def failed(reason: str, result: Record | None = None, *, afterwards: Tidy = nothing) -> Finished:
    return _finished(False, reason, result, afterwards)


def _finished(is_passed: bool, reason: str, result: Record | None, afterwards: Tidy) -> Finished:
    told = result.model_dump(mode="json") if result else {}
    return Finished(passed=is_passed, reason=reason[:REASON_LIMIT], result=told, afterwards=afterwards)
