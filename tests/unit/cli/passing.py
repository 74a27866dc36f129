"""A clock for commands that wait: time passes by their own pauses alone."""

from collections.abc import Callable

from slipway.cli.waiting import WaitClock


class PassingClock:
    """Counts the pauses, and lets something happen in each."""

    def __init__(self, meanwhile: Callable[[float], object] = lambda _: None) -> None:
        self.seconds = 0.0
        self.pauses = list[float]()
        self._meanwhile = meanwhile

    @property
    def waits(self) -> WaitClock:
        return WaitClock(pause=self._pause, elapsed=lambda: self.seconds)

    def _pause(self, seconds: float) -> None:
        self.seconds += seconds
        self.pauses.append(seconds)
        self._meanwhile(self.seconds)
