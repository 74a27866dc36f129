"""A clock that tests control."""

from datetime import UTC, datetime, timedelta

MORNING = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until a test changes it."""

    def __init__(self, now: datetime = MORNING) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def wait(self, time: timedelta) -> None:
        self.now += time
