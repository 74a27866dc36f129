"""The time comes in from outside, so that tests hold it in their hands."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The time now, with a zone."""


def utc_now() -> datetime:
    return datetime.now(UTC)
