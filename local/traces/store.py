"""Keeps the newest telemetry in memory, and finds the trace of a release in it."""

import threading
from collections import deque
from dataclasses import dataclass

from .records import LogLine, Point, SpanRecord

SPANS, POINTS, LINES = 50_000, 20_000, 20_000
RELEASE = "slipway.release"


@dataclass(frozen=True, kw_only=True)
class ReleaseTrace:
    """A release, with its trace."""

    release: str
    trace: str
    began: float
    ended: float
    spans: int
    failed: bool


class Store:
    """Keeps spans, points and log lines. Thread-safe."""

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
        """The spans of the trace, sorted by their start."""
        return sorted((s for s in self.spans if s.trace == trace), key=lambda s: (s.began, -s.ended))

    def linked_spans(self, trace: str) -> list[SpanRecord]:
        """Spans of other traces that are related to this one, by links in either direction."""
        spans = self.spans
        linked_ids = {link.span for s in spans if s.trace == trace for link in s.links}
        linked_spans = [
            s
            for s in spans
            if s.trace != trace and (s.span in linked_ids or any(link.trace == trace for link in s.links))
        ]
        return sorted(linked_spans, key=lambda s: s.began)

    def release_traces(self) -> list[ReleaseTrace]:
        """Every known release, newest first. Its trace is the one with most of its steps."""
        spans = self.spans
        by_release: dict[str, dict[str, int]] = {}
        for span in spans:
            release = str(span.attributes.get(RELEASE, ""))
            if release and span.family in ("step", "wait", "event"):
                counts = by_release.setdefault(release, {})
                counts[span.trace] = counts.get(span.trace, 0) + (1 if span.family == "event" else 10)
        release_traces = []
        for release, counts in by_release.items():
            trace = max(counts, key=lambda t: counts[t])
            release_spans = [s for s in spans if s.trace == trace]
            release_traces.append(
                ReleaseTrace(
                    release=release,
                    trace=trace,
                    began=min(s.began for s in release_spans),
                    ended=max(s.ended for s in release_spans),
                    spans=len(release_spans),
                    failed=any(s.failed for s in release_spans),
                )
            )
        return sorted(release_traces, key=lambda release_trace: -release_trace.began)

    def release_trace(self, release: str) -> ReleaseTrace | None:
        return next(
            (release_trace for release_trace in self.release_traces() if release_trace.release == release), None
        )
