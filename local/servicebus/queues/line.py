"""The waiting line of a queue, or of one session: entries by sequence number, receivers in turn."""

import heapq
from collections import deque
from collections.abc import Callable, Mapping

from .entry import Entry, Receiver

_CLEAN_UP_FROM = 256


class Line:
    """Holds only sequence numbers. An entry that was settled, expired or locked meanwhile is skipped."""

    def __init__(self, entries: Mapping[int, Entry]) -> None:
        self._entries = entries
        self._sequences: list[int] = []
        self.receivers: deque[Receiver] = deque()

    def put(self, entry: Entry) -> None:
        heapq.heappush(self._sequences, entry.sequence)
        if len(self._sequences) > _CLEAN_UP_FROM and len(self._sequences) > 2 * len(self._entries):
            self._sequences = [number for number in set(self._sequences) if self._ready(number)]
            heapq.heapify(self._sequences)

    @property
    def waiting(self) -> bool:
        while self._sequences and not self._ready(self._sequences[0]):
            heapq.heappop(self._sequences)
        return bool(self._sequences)

    def serve(self, hand_over: Callable[[Entry, Receiver], None]) -> None:
        """Give entries to receivers until either runs out."""
        while self.waiting:
            receiver = self._next_receiver()
            if receiver is None:
                return
            hand_over(self._entries[heapq.heappop(self._sequences)], receiver)

    def _ready(self, sequence: int) -> bool:
        entry = self._entries.get(sequence)
        return entry is not None and entry.ready

    def _next_receiver(self) -> Receiver | None:
        for _ in range(len(self.receivers)):
            receiver = self.receivers[0]
            self.receivers.rotate(-1)
            if receiver.wants:
                return receiver
        return None
