"""Keeps the newest of what came, in memory, and finds a release's trace in it."""

import threading
from collections import deque
from dataclasses import dataclass

from .records import LogLine, Point, SpanRecord

SPANS, POINTS, LINES = 50_000, 20_000, 20_000
RELEASE = "slipway.release"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A release, and the trace of its way."""

    release: str
    trace: str
    began: float
    ended: float
    spans: int
    failed: bool


class Store:
    """Thread-safe."""

    def __init__(self) -> None:
        self._spans: deque[SpanRecord] = deque(maxlen=SPANS)
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._lines: deque[LogLine] = deque(maxlen=LINES)
        self._lock = threading.Lock()

    def add_spans(self, spans: list[SpanRecord]) -> None:
        with self._lock:
            self._spans.extend(spans)

    def add_points(self, points: list[Point]) -> None:
        with self._lock:
            self._points.extend(points)

    def add_lines(self, lines: list[LogLine]) -> None:
        with self._lock:
            self._lines.extend(lines)

    @property
    def spans(self) -> list[SpanRecord]:
        with self._lock:
            return list(self._spans)

    @property
    def points(self) -> list[Point]:
        with self._lock:
            return list(self._points)

    @property
    def lines(self) -> list[LogLine]:
        with self._lock:
            return list(self._lines)

    def trace(self, trace: str) -> list[SpanRecord]:
        """Its spans, by when they began."""
        return sorted((s for s in self.spans if s.trace == trace), key=lambda s: (s.began, -s.ended))

    def linked(self, trace: str) -> list[SpanRecord]:
        """Spans of other traces that have to do with this one, by links of either side."""
        spans = self.spans
        named = {link.span for s in spans if s.trace == trace for link in s.links}
        found = [
            s for s in spans if s.trace != trace and (s.span in named or any(link.trace == trace for link in s.links))
        ]
        return sorted(found, key=lambda s: s.began)

    def ways(self) -> list[Way]:
        """Every release that is known of, the newest first. Its trace is the one that most of its steps are in."""
        spans = self.spans
        by_release: dict[str, dict[str, int]] = {}
        for span in spans:
            release = str(span.attributes.get(RELEASE, ""))
            if release and span.family in ("step", "wait", "event"):
                counts = by_release.setdefault(release, {})
                counts[span.trace] = counts.get(span.trace, 0) + (1 if span.family == "event" else 10)
        ways = []
        for release, counts in by_release.items():
            trace = max(counts, key=lambda t: counts[t])
            mine = [s for s in spans if s.trace == trace]
            ways.append(
                Way(
                    release=release,
                    trace=trace,
                    began=min(s.began for s in mine),
                    ended=max(s.ended for s in mine),
                    spans=len(mine),
                    failed=any(s.failed for s in mine),
                )
            )
        return sorted(ways, key=lambda way: -way.began)

    def way(self, release: str) -> Way | None:
        return next((way for way in self.ways() if way.release == release), None)
