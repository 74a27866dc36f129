"""A trace as rows from top to bottom, each with its bar on one axis of time. Pure.

Times in which nothing happened but waiting are cut short on the axis: a release may wait for days between two seconds
of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .records import SpanRecord

PAUSE = 2.0
"""Seconds without work that are cut short."""
CUT = 0.04
"""Share of the whole axis that a cut takes."""
WAIT = "wait"
NOISE = ("table", "blobs")
"""Calls that are left out unless they are asked for: there are many, and they are much alike."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One row. `left` and `width` are shares of the axis, from 0 to 1."""

    span: SpanRecord
    depth: int
    left: float
    width: float


class Axis:
    """Between times and places from 0 to 1."""

    def __init__(self, spans: Sequence[SpanRecord]) -> None:
        self._pieces = _worked(spans)
        # Spans are told to the nanosecond: less than that is nothing, and dividing by it overflows.
        work = max(sum(end - start for start, end in self._pieces), 1e-9)
        cuts = len(self._pieces) - 1
        self._cut = min(CUT, 0.5 / cuts) if cuts > 0 else 0.0
        self._scale = (1 - cuts * self._cut) / work

    def place(self, time: float) -> float:
        at = 0.0
        for index, (start, end) in enumerate(self._pieces):
            if index:
                before = self._pieces[index - 1][1]
                if time < start:
                    return at + self._cut * max(time - before, 0.0) / (start - before)
                at += self._cut
            if time <= end:
                return at + max(time - start, 0.0) * self._scale
            at += (end - start) * self._scale
        return min(at, 1.0)

    @property
    def cuts(self) -> list[tuple[float, float]]:
        """A cut of the axis: its place, and the seconds left out there."""
        return [(self.place(end), after[0] - end) for (_, end), after in pairwise(self._pieces)]


def _worked(spans: Sequence[SpanRecord]) -> list[tuple[float, float]]:
    """Stretches of time in which something else than waiting happened."""
    busy = sorted((s.began, s.ended) for s in spans if s.family != WAIT) or sorted((s.began, s.ended) for s in spans)
    pieces: list[tuple[float, float]] = []
    for start, end in busy:
        if pieces and start - pieces[-1][1] <= PAUSE:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((start, end))
    return pieces


def rows(spans: Sequence[SpanRecord], *, everything: bool = False) -> tuple[list[Bar], Axis]:
    """The spans in the order in which they are read: each below its parent, siblings by when they began.

    The parent of a function's span is the host's request, which may not have been sent here: it stands at the top.
    """
    shown = [span for span in spans if everything or span.family not in NOISE or span.failed]
    axis, known = Axis(shown), {span.span for span in shown}
    below: dict[str, list[SpanRecord]] = {}
    for span in sorted(shown, key=lambda s: (s.began, -s.ended)):
        below.setdefault(span.parent if span.parent in known else "", []).append(span)
    found: list[Bar] = []

    def visit(parent: str, depth: int) -> None:
        for span in below.get(parent, []):
            left, right = axis.place(span.began), axis.place(span.ended)
            found.append(Bar(span=span, depth=depth, left=left, width=max(right - left, 0.0)))
            visit(span.span, depth + 1)

    visit("", 0)
    return found, axis


def told(seconds: float) -> str:
    """A length of time for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
