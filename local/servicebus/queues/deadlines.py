"""What happens at a time of the wall clock: lock expiry, scheduled messages, time to live.

The clock of an event loop stops while a computer sleeps, and clients compare with the wall clock. So the wait for the
earliest deadline is split into short stretches, and the wall clock decides. Cancelled deadlines are removed in bulk:
with a long time to live, most are cancelled long before they are due.
"""

import heapq
import itertools
from collections.abc import Callable
from typing import Protocol

_LONGEST_STRETCH = 5.0
_CLEAN_UP_FROM = 256


class Cancellable(Protocol):
    def cancel(self) -> None: ...


type Now = Callable[[], float]
type CallLater = Callable[[float, Callable[[], None]], Cancellable]


class Deadline:
    """A callback and its time; `cancel` forgets both."""

    __slots__ = ("_owner", "callback")

    def __init__(self, owner: "Deadlines", callback: Callable[[], None]) -> None:
        self._owner = owner
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        if self.callback is not None:
            self.callback = None
            self._owner.count_cancelled()


class Deadlines:
    def __init__(self, *, now: Now, call_later: CallLater) -> None:
        self.now = now
        self._call_later = call_later
        self._heap: list[tuple[float, int, Deadline]] = []
        self._order = itertools.count()
        self._cancelled = 0
        self._timer: Cancellable | None = None
        self._timer_at = 0.0

    def __len__(self) -> int:
        """How many are stored, cancelled ones included."""
        return len(self._heap)

    def call_at(self, moment: float, callback: Callable[[], None]) -> Deadline:
        deadline = Deadline(self, callback)
        heapq.heappush(self._heap, (moment, next(self._order), deadline))
        self._arm()
        return deadline

    def count_cancelled(self) -> None:
        self._cancelled += 1
        if self._cancelled > _CLEAN_UP_FROM and self._cancelled > len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].callback is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def close(self) -> None:
        self._heap.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        if not self._heap:
            return
        moment = self._heap[0][0]
        if self._timer is not None:
            if self._timer_at <= moment:
                return  # it wakes early enough, and then arms the next one
            self._timer.cancel()
        delay = min(max(0.0, moment - self.now()), _LONGEST_STRETCH)
        self._timer_at = self.now() + delay
        self._timer = self._call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        try:
            while self._heap and self._heap[0][0] <= self.now():
                self._run(heapq.heappop(self._heap)[2])
        finally:
            self._arm()

    def _run(self, deadline: Deadline) -> None:
        callback, deadline.callback = deadline.callback, None
        if callback is None:
            self._cancelled -= 1
        else:
            callback()
