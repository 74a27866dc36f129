"""Server-rendered SVG charts: sizes and positions of bars and points, in view box units.

The content security policy forbids inline styles, so colours come from the stylesheet, by class. Failures have a
pattern as well as a colour. Each chart has a text description, and the page repeats its numbers in a table.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 44, 6, 10, 22
TOOLTIPS = 26
"""Charts of up to this many weeks get a tooltip on each bar."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
COUNTS = tuple(top * 10**power for power in range(7) for top in (4, 6, 8, 10, 20, 30))
SHARES = (0.2, 0.5, 1.0)
DURATIONS = (
    *(10, 20, 30, 60),
    *(minutes * _MINUTE for minutes in (2, 4, 6, 10, 20, 30)),
    *(hours * _HOUR for hours in (1, 2, 4, 6, 8, 12)),
    *(days * _DAY for days in (1, 2, 4, 6, 10, 20, 30, 60, 100, 200, 400, 4000, 40_000)),
)
"""Possible maxima of an axis; half of each is a round number too."""


@dataclass(frozen=True, kw_only=True)
class Bar:
    x: float
    y: float
    width: float
    height: float
    kind: str
    """The stylesheet's class."""
    title: str


@dataclass(frozen=True, kw_only=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One chart, ready for `charts.html`."""

    name: str
    """Prefix of its element ids."""
    title: str
    description: str
    bars: tuple[Bar, ...]
    lines: tuple[str, ...]
    """Points of the median line, in segments: the line is interrupted at weeks without a value."""
    points: tuple[tuple[float, float], ...]
    ticks: tuple[Tick, ...]
    labels: tuple[Tick, ...]
    empty: bool


@dataclass(frozen=True, kw_only=True)
class Series:
    """One value per week; None if there is none."""

    values: Sequence[float | None]
    kind: str
    word: str


def bars(
    name: str,
    title: str,
    weeks: Sequence[str],
    series: Sequence[Series],
    *,
    say: Callable[[float], str],
    tops: Sequence[float],
) -> Chart:
    """Stacked bars, one stack per week. `tops` are the possible maxima of the axis, ascending."""
    sums = [sum(part.values[index] or 0 for part in series) for index in range(len(weeks))]
    axis = _ChartAxis(max(sums), tops)
    rectangles = list[Bar]()
    for index, week in enumerate(weeks):
        top = 0.0
        for part in series:
            value = part.values[index]
            if value:
                x, width = _slot(index, len(weeks))
                lower, upper = axis.y(top), axis.y(top + value)
                tooltip = f"{week}: {say(value)} {part.word}" if len(weeks) <= TOOLTIPS else ""
                rectangles.append(
                    Bar(x=x, y=upper, width=width, height=round(lower - upper, 1), kind=part.kind, title=tooltip)
                )
                top += value
    return Chart(
        name=name,
        title=title,
        description=_description(weeks, series, say),
        bars=tuple(rectangles),
        lines=(),
        points=(),
        ticks=axis.ticks(say),
        labels=_labels(weeks),
        empty=not rectangles,
    )


def medians(
    name: str, title: str, weeks: Sequence[str], median: Series, p90: Series, *, say: Callable[[float], str]
) -> Chart:
    """Bars for the 90th percentile, with a line for the medians."""
    chart = bars(name, title, weeks, (p90,), say=say, tops=DURATIONS)
    axis = _ChartAxis(max(value or 0 for value in p90.values), DURATIONS)
    pieces, piece, points = list[str](), list[str](), list[tuple[float, float]]()
    for index, value in enumerate(median.values):
        if value is None:
            pieces.append(" ".join(piece))
            piece = []
            continue
        x, width = _slot(index, len(weeks))
        points.append((round(x + width / 2, 1), axis.y(value)))
        piece.append(f"{points[-1][0]},{points[-1][1]}")
    pieces.append(" ".join(piece))
    return Chart(
        name=name,
        title=title,
        description=_description(weeks, (median, p90), say),
        bars=chart.bars,
        lines=tuple(line for line in pieces if " " in line),
        points=tuple(points),
        ticks=chart.ticks,
        labels=chart.labels,
        empty=chart.empty,
    )


class _ChartAxis:
    """An axis from zero to the first round number that is not below the maximum."""

    def __init__(self, most: float, tops: Sequence[float]) -> None:
        self.top = next((top for top in tops if top >= most), most)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top, 1)

    def ticks(self, say: Callable[[float], str]) -> tuple[Tick, ...]:
        return tuple(Tick(at=self.y(self.top * share), label=say(self.top * share)) for share in (0, 0.5, 1))


def _slot(index: int, count: int) -> tuple[float, float]:
    room = (WIDTH - LEFT - RIGHT) / count
    width = min(room * 0.72, 26)
    return round(LEFT + room * index + (room - width) / 2, 1), round(width, 1)


def _labels(weeks: Sequence[str]) -> tuple[Tick, ...]:
    labelled = sorted({0, len(weeks) // 2, len(weeks) - 1}) if len(weeks) > 2 else range(len(weeks))  # noqa: PLR2004
    labels = []
    for index in labelled:
        x, width = _slot(index, len(weeks))
        labels.append(Tick(at=round(min(x + width / 2, WIDTH - 16), 1), label=weeks[index][5:]))
    return tuple(labels)


def _description(weeks: Sequence[str], series: Sequence[Series], say: Callable[[float], str]) -> str:
    parts = []
    for part in series:
        points = [(value, week) for value, week in zip(part.values, weeks, strict=True) if value is not None]
        if points:
            most, when = max(points)
            parts.append(f"{part.word}: {say(points[-1][0])} in {points[-1][1]}, maximum {say(most)} in {when}")
    return f"Weeks {weeks[0]} to {weeks[-1]}. {'; '.join(parts) or 'Nothing happened'}."
