"""The outcome of executing a step; `run_step.py` decides by it what happens to the message."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from ..domain.model import Record
from ..domain.rules import RuleResult
from ..domain.steps import EarlierFindings

REASON_LIMIT = 2000
"""The most characters of a reason that an event carries."""


type Tidy = Callable[[], None]


def no_cleanup() -> None:
    """The cleanup of a step that needs none."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The step finished, successfully or not. Reported as an event."""

    passed: bool
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    broken: tuple[RuleResult, ...] = ()
    """The rules that failed, if the step was not begun, or was stopped, because of them."""
    afterwards: Tidy = field(default=no_cleanup, compare=False)
    """Cleanup, called after the outcome was reported; its failure is logged and otherwise ignored."""


@dataclass(frozen=True, kw_only=True)
class Requeue:
    """The step is still under way; poll it again after a pause."""

    after: timedelta
    reason: str = ""
    seen: EarlierFindings | None = None
    """The findings of this poll for the next one; None if nothing is new."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """The step failed in a way that may be temporary; try again with growing pauses, until its own time is over."""

    reason: str
    briefly: bool = False
    """The failure may well be permanent, such as a missing right: only a few tries, for a server that is just
    starting."""
    after: timedelta = timedelta(0)
    """Least pause before the next try."""
    sent: tuple[str, ...] = ()
    """The messages of a notice that went out, which the next try need not send again."""
    afterwards: Tidy = field(default=no_cleanup, compare=False)
    """As for `Finished`, if this was the last try."""


Outcome = Finished | Requeue | Retry


def outcome_word(outcome: Outcome) -> str:
    """The outcome in one word, for telemetry."""
    match outcome:
        case Finished(passed=True):
            return "passed"
        case Finished():
            return "failed"
        case Requeue():
            return "requeue"
        case Retry():
            return "retry"


def passed(result: Record | None = None, reason: str = "", *, afterwards: Tidy = no_cleanup) -> Finished:
    return _finished(True, reason, result, afterwards)


def not_begun(broken: tuple[RuleResult, ...], result: Record | None = None) -> Finished:
    """The step was not begun, or was stopped, because of these rules."""
    reason = "; ".join(f"{rule.name}: {rule.reason}" for rule in broken)
    return replace(failed(reason, result), broken=broken)


def failed(reason: str, result: Record | None = None, *, afterwards: Tidy = no_cleanup) -> Finished:
    return _finished(False, reason, result, afterwards)


def _finished(is_passed: bool, reason: str, result: Record | None, afterwards: Tidy) -> Finished:
    details = result.model_dump(mode="json") if result else {}
    return Finished(passed=is_passed, reason=reason[:REASON_LIMIT], result=details, afterwards=afterwards)
