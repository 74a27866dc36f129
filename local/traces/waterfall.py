"""Turns a trace into rows, each with its bar on a common axis of time. Pure.

Times in which nothing happened but waiting are shortened on the axis: a release may wait for days between two seconds
of work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .records import SpanRecord

PAUSE = 2.0
"""Seconds without work from which on a pause is shortened."""
CUT = 0.04
"""Share of the axis that each shortened pause takes."""
WAIT = "wait"
NOISE = ("table", "blobs")
"""Calls that are hidden by default: they are many and much alike."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One row. `left` and `width` are shares of the axis, from 0 to 1."""

    span: SpanRecord
    depth: int
    left: float
    width: float


class Axis:
    """Converts times to positions between 0 and 1."""

    def __init__(self, spans: Sequence[SpanRecord]) -> None:
        self._pieces = _busy_periods(spans)
        # Spans have nanosecond times: a shorter work time would be 0, and dividing by it would overflow.
        work = max(sum(end - start for start, end in self._pieces), 1e-9)
        cuts = len(self._pieces) - 1
        self._cut = min(CUT, 0.5 / cuts) if cuts > 0 else 0.0
        self._scale = (1 - cuts * self._cut) / work

    def place(self, time: float) -> float:
        position = 0.0
        for index, (start, end) in enumerate(self._pieces):
            if index:
                previous_end = self._pieces[index - 1][1]
                if time < start:
                    return position + self._cut * max(time - previous_end, 0.0) / (start - previous_end)
                position += self._cut
            if time <= end:
                return position + max(time - start, 0.0) * self._scale
            position += (end - start) * self._scale
        return min(position, 1.0)

    @property
    def cuts(self) -> list[tuple[float, float]]:
        """Where each pause was shortened: the position, and the seconds that are left out."""
        return [(self.place(end), after[0] - end) for (_, end), after in pairwise(self._pieces)]


def _busy_periods(spans: Sequence[SpanRecord]) -> list[tuple[float, float]]:
    """The periods in which something other than waiting happened."""
    busy = sorted((s.began, s.ended) for s in spans if s.family != WAIT) or sorted((s.began, s.ended) for s in spans)
    pieces: list[tuple[float, float]] = []
    for start, end in busy:
        if pieces and start - pieces[-1][1] <= PAUSE:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((start, end))
    return pieces


def rows(spans: Sequence[SpanRecord], *, everything: bool = False) -> tuple[list[Bar], Axis]:
    """The spans in reading order: each below its parent, siblings by their start.

    The parent of a function's span is the host's request, which may not have been sent here: the span is then at the
    top.
    """
    visible = [span for span in spans if everything or span.family not in NOISE or span.failed]
    axis, span_ids = Axis(visible), {span.span for span in visible}
    children: dict[str, list[SpanRecord]] = {}
    for span in sorted(visible, key=lambda s: (s.began, -s.ended)):
        children.setdefault(span.parent if span.parent in span_ids else "", []).append(span)
    bars: list[Bar] = []

    def visit(parent: str, depth: int) -> None:
        for span in children.get(parent, []):
            left, right = axis.place(span.began), axis.place(span.ended)
            bars.append(Bar(span=span, depth=depth, left=left, width=max(right - left, 0.0)))
            visit(span.span, depth + 1)

    visit("", 0)
    return bars, axis


def duration(seconds: float) -> str:
    """A duration for people."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 48 * 3600 else f"{seconds / 86400:.0f} days"
