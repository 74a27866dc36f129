"""Durations in few numbers: a histogram whose buckets grow by a constant factor, like those of DDSketch.

Two histograms can be added, in any order, so weekly rows can be kept apart and read together. A quantile read from a
histogram differs by at most `ERROR` from the duration that was put in at its rank.
"""

import math
from datetime import timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

ERROR: Final = 0.05
"""Greatest relative error of a quantile."""
_GROWTH: Final = (1 + ERROR) / (1 - ERROR)
_LOG: Final = math.log(_GROWTH)
_NONE: Final = -1
"""The bucket of durations below a millisecond."""


class Histogram(BaseModel):
    """Counts by bucket. Durations are kept in whole milliseconds; a negative one counts as 0."""

    model_config = ConfigDict(defer_build=True, extra="forbid")

    buckets: dict[int, int] = Field(default_factory=dict)
    total_ms: int = 0
    least_ms: int | None = None
    most_ms: int | None = None

    @property
    def count(self) -> int:
        return sum(self.buckets.values())

    def put(self, length: timedelta) -> None:
        ms = max(length // timedelta(milliseconds=1), 0)
        bucket = _bucket(ms)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.total_ms += ms
        self._widen(ms, ms)

    def add(self, other: "Histogram") -> None:
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count
        self.total_ms += other.total_ms
        if other.least_ms is not None and other.most_ms is not None:
            self._widen(other.least_ms, other.most_ms)

    def quantile(self, share: float) -> timedelta | None:
        """The duration that the given share of all durations does not exceed, within `ERROR`; None if it is empty."""
        count = self.count
        if not count or self.least_ms is None or self.most_ms is None:
            return None
        rank, below = max(math.ceil(share * count), 1), 0
        for bucket in sorted(self.buckets):
            below += self.buckets[bucket]
            if below >= rank:
                ms = min(max(_middle(bucket), self.least_ms), self.most_ms)
                return timedelta(milliseconds=ms)
        raise AssertionError("a rank is never greater than the count")

    def mean(self) -> timedelta | None:
        return timedelta(milliseconds=self.total_ms / self.count) if self.buckets else None

    def _widen(self, least: int, most: int) -> None:
        self.least_ms = least if self.least_ms is None else min(self.least_ms, least)
        self.most_ms = most if self.most_ms is None else max(self.most_ms, most)


def _bucket(ms: int) -> int:
    return math.ceil(math.log(ms) / _LOG) if ms else _NONE


def _middle(bucket: int) -> float:
    """The value that is within `ERROR` of both ends of the bucket."""
    return 0.0 if bucket == _NONE else 2 * _GROWTH**bucket / (_GROWTH + 1)
