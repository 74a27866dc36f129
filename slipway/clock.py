"""The clock that is passed to all code that needs the time, so that a test can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The time now, with a zone."""


def utc_now() -> datetime:
    return datetime.now(UTC)
