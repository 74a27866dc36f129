"""Parses the query parameters of the numbers; errors name the parameter."""

from collections.abc import Mapping
from typing import Any, Final

from ..domain.numbers import iso_week, week_start
from ..inbound.reading import BadInput, NoSuch
from .numbers import WEEKS_LIMIT, Numbers

PARAMETERS: Final = ("application", "environment", "weeks", "until")
WEEKS: Final = 12
_SHOWN: Final = 60
_FIRST: Final = "2000-W01"


def read_question(parameters: Mapping[str, str], numbers: Numbers) -> dict[str, Any]:
    """The arguments of `Numbers.answer`. Raises `BadInput`, also for an unknown parameter."""
    for name in parameters:
        if name not in PARAMETERS:
            expected = f"one of the parameters {', '.join(PARAMETERS)}"
            raise BadInput(name[:_SHOWN], expected, "one that does not exist")
    application, environment = parameters.get("application"), parameters.get("environment")
    if application is not None and numbers.catalogue.get(application) is None:
        raise NoSuch("application", sorted(numbers.catalogue.entries), application)
    if environment is not None:
        _check_names(environment, application, numbers)
    return {
        "application": application,
        "environment": environment,
        "weeks": _weeks(parameters.get("weeks", str(WEEKS))),
        "until": _until(parameters.get("until"), numbers),
    }


def _check_names(environment: str, application: str | None, numbers: Numbers) -> None:
    chains = [
        [stage.name for stage in entry.application.environments]
        for entry in numbers.catalogue
        if application in (None, entry.application.application)
    ]
    names = list(dict.fromkeys(name for chain in chains for name in chain))
    if environment not in names:
        raise NoSuch("environment", names, environment)


def _weeks(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= WEEKS_LIMIT):  # noqa: PLR2004
        raise BadInput("weeks", f"a whole number from 1 to {WEEKS_LIMIT}", repr(text[:_SHOWN]))
    return int(text)


def _until(text: str | None, numbers: Numbers) -> str | None:
    if text is None:
        return None
    present = iso_week(numbers.clock())
    wrong = BadInput("until", f"an ISO week, {present} at the latest", repr(text[:_SHOWN]))
    try:
        week = iso_week(week_start(text))
    except (ValueError, OverflowError):
        raise wrong from None
    if week != text or not _FIRST <= week <= present:
        raise wrong
    return week
