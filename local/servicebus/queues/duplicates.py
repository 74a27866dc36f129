"""Duplicate detection: the message ids that were accepted within the window."""

from ..wire.types import AmqpValue


class Duplicates:
    def __init__(self, window: float) -> None:
        self._window = window
        self._accepted: dict[str, float] = {}  # in order of acceptance

    def __len__(self) -> int:
        return len(self._accepted)

    def accept(self, message_id: AmqpValue, now: float) -> bool:
        """Whether this id is new within the window; if so, it counts as accepted from now on."""
        self._prune(now - self._window)
        key = str(message_id)
        if message_id is None:
            return True
        if key in self._accepted:
            return False
        self._accepted[key] = now
        return True

    def _prune(self, before: float) -> None:
        while self._accepted:
            oldest = next(iter(self._accepted))
            if self._accepted[oldest] > before:
                return
            del self._accepted[oldest]
