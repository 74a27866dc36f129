"""When an event is delivered, redelivered, or given up: Event Grid's rules, without I/O or a clock.

Source of the waits and of the statuses that are never retried: "Event Grid message delivery and retry".
"""

import heapq
import itertools
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from .events import Event
from .settings import Events

SUCCESS = frozenset({200, 201, 202, 203, 204})
NEVER_RETRIED = frozenset({400, 401, 403, 413})
WAITS = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200))
"""The wait after the first, second, … failed attempt; the last one repeats."""
LEAST_WAITS = {404: timedelta(minutes=5), 408: timedelta(minutes=2), 503: timedelta(seconds=30)}


class GivenUp(StrEnum):
    """Why an event was dead-lettered."""

    ATTEMPTS = "MaxDeliveryAttemptsExceeded"
    """It was tried as often as the subscription allows."""
    TIME = "TimeToLiveExceeded"
    """It was not delivered within its time to live."""
    REFUSED = "UndeliverableDueToClientError"
    """The endpoint responded with a status that is never retried."""


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One event on its way to one endpoint."""

    event: Event
    published: datetime
    due: datetime
    attempts: int = 0
    last_attempt: datetime | None = None
    outcome: str = ""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """An event that was given up, with the reason."""

    parcel: Parcel
    reason: GivenUp


class DeliveryQueue:
    """The events that wait for one endpoint."""

    def __init__(self, policy: Events) -> None:
        self._policy = policy
        self._random = random.Random(policy.seed)
        self._waiting: list[tuple[datetime, int, Parcel]] = []
        self._numbers = itertools.count()
        self.in_flight = 0
        self.delivered = 0
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._waiting) + self.in_flight

    def add(self, event: Event, now: datetime) -> None:
        for _ in range(self._policy.repeat):
            delay = self._random.random() * self._policy.shuffle_window_seconds if self._policy.shuffle else 0.0
            self._push(Parcel(event=event, published=now, due=now + timedelta(seconds=delay)))

    def next_due(self) -> datetime | None:
        return self._waiting[0][0] if self._waiting else None

    def take(self, now: datetime, most: int) -> list[Parcel]:
        """The events to deliver now, as one batch; each must be settled."""
        batch: list[Parcel] = []
        while self._waiting and len(batch) < most and self._waiting[0][0] <= now:
            batch.append(heapq.heappop(self._waiting)[2])
        self.in_flight += len(batch)
        return batch

    def settle(self, batch: list[Parcel], status: int | None, now: datetime) -> list[DeadLetter]:
        """Record the endpoint's status, None for no response; returns the events that are given up."""
        self.in_flight -= len(batch)
        if status in SUCCESS:
            self.delivered += len(batch)
            return []
        dead = []
        for parcel in batch:
            attempted = replace(
                parcel, attempts=parcel.attempts + 1, last_attempt=now, outcome=str(status) if status else "no response"
            )
            reason = self._give_up(attempted, status, now)
            if reason:
                self.given_up += 1
                dead.append(DeadLetter(parcel=attempted, reason=reason))
            else:
                self._push(replace(attempted, due=now + self._wait(attempted.attempts, status)))
        return dead

    def _give_up(self, parcel: Parcel, status: int | None, now: datetime) -> GivenUp | None:
        if status in NEVER_RETRIED:
            return GivenUp.REFUSED
        if parcel.attempts >= self._policy.max_attempts:
            return GivenUp.ATTEMPTS
        time_to_live = timedelta(minutes=self._policy.time_to_live_minutes) * self._policy.time_scale
        return GivenUp.TIME if now - parcel.published >= time_to_live else None

    def _wait(self, attempts: int, status: int | None) -> timedelta:
        wait = WAITS[min(attempts, len(WAITS)) - 1]
        return max(wait, LEAST_WAITS.get(status or 0, wait)) * self._policy.time_scale

    def _push(self, parcel: Parcel) -> None:
        heapq.heappush(self._waiting, (parcel.due, next(self._numbers), parcel))
