"""Short pauses between attempts at a contended write."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Exponential backoff with jitter, for pauses of milliseconds. Never used to wait for an event."""

    pause: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = field(default=random.random)

    def wait(self, attempt: int, *, base: float = 0.005, most: float = 0.25) -> None:
        """Sleep after the given attempt (0 for the first); `base` and `most` are in seconds."""
        self.pause(min(most, base * 2**attempt) * (0.5 + self.jitter()))
