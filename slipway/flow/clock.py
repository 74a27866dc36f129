"""Time and chance come in from outside, so that tests hold both in their hands."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The time now, with a zone."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How to wait a moment between tries: milliseconds, with jitter, never for an event."""

    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, *, base: float = 0.005, most: float = 0.25) -> None:
        """Back off after the given attempt (0 for the first)."""
        self.pause(min(most, base * 2**attempt) * (0.5 + self.jitter()))
