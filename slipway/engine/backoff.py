"""Waiting between tries at something that others are busy with."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """How to wait a moment between tries: milliseconds, with jitter, never for an event."""

    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, *, base: float = 0.005, most: float = 0.25) -> None:
        """Back off after the given attempt (0 for the first)."""
        self.pause(min(most, base * 2**attempt) * (0.5 + self.jitter()))
