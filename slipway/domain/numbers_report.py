"""The numbers for pages, API and CLI: medians and shares instead of histograms."""

from datetime import timedelta

from pydantic import Field

from .histogram import Histogram
from .model import Record, Timestamp
from .numbers import Week, WeekCounts, week_start
from .reports import NotShown
from .stages import Stage


class Spread(Record):
    """The spread of durations, in seconds. Median and p90 are within 5 % of a duration that was measured."""

    count: int
    median: float | None = None
    p90: float | None = None
    mean: float | None = None
    least: float | None = None
    most: float | None = None


class StageSpread(Record):
    """The durations of one stage."""

    stage: Stage
    waits: bool
    """Whether the release waits for somebody or something in it, rather than works."""
    seconds: Spread


class Figures(Record):
    """The numbers of one environment over one week, or over several."""

    deployments: int
    deployments_per_day: float
    lead_time: Spread
    """From the first trigger until the release was live here."""
    change_failure_rate: float | None
    """Share of rollouts that failed or were rolled back by hand; None if there was no rollout."""
    failed: int
    withdrawn: int
    waived: int
    """Rules about proof that somebody waived for one release here."""
    time_to_restore: Spread
    approval_wait: Spread
    stages: tuple[StageSpread, ...]
    ended: dict[str, int] = Field(default_factory=dict)
    """The number of releases that ended here, by the way they ended."""


class WeekFigures(Record):
    """One week of one environment."""

    week: str
    begins: Timestamp
    figures: Figures


class EnvironmentNumbers(Record):
    """One environment of one application: the whole time asked for, and week by week."""

    application: str
    environment: str
    """Empty for the time before the first environment."""
    total: Figures
    weeks: tuple[WeekFigures, ...]


class NumbersProgress(Record):
    """The position up to which an application's numbers were counted."""

    application: str
    sequence: int
    """The last record that they hold."""
    of: int
    """The last record of the trail."""


class NumbersAnswer(Record):
    """The numbers that were asked for."""

    v: int = 1
    weeks: tuple[str, ...]
    """The weeks that were asked for, oldest first."""
    environments: tuple[EnvironmentNumbers, ...]
    behind: tuple[NumbersProgress, ...] = ()
    """Applications whose trail has not been read to its end yet."""
    not_shown: tuple[NotShown, ...] = ()


def figures(counts: WeekCounts, days: float) -> Figures:
    """The figures of counts that cover `days` days."""
    rollouts = counts.deployments + counts.failed
    return Figures(
        deployments=counts.deployments,
        deployments_per_day=round(counts.deployments / days, 3) if days else 0.0,
        lead_time=spread(counts.lead_time),
        change_failure_rate=round(min((counts.failed + counts.withdrawn) / rollouts, 1.0), 4) if rollouts else None,
        failed=counts.failed,
        withdrawn=counts.withdrawn,
        waived=counts.waived,
        time_to_restore=spread(counts.restore),
        approval_wait=spread(counts.approval),
        stages=tuple(
            StageSpread(stage=stage, waits=stage.waits, seconds=spread(counts.stages[stage]))
            for stage in Stage
            if stage in counts.stages
        ),
        ended=dict(sorted(counts.ended.items())),
    )


def spread(histogram: Histogram) -> Spread:
    return Spread(
        count=histogram.count,
        median=_seconds(histogram.quantile(0.5)),
        p90=_seconds(histogram.quantile(0.9)),
        mean=_seconds(histogram.mean()),
        least=None if histogram.least_ms is None else histogram.least_ms / 1000,
        most=None if histogram.most_ms is None else histogram.most_ms / 1000,
    )


def environment_numbers(
    application: str, environment: str, weeks: tuple[str, ...], weeks_by_name: dict[str, Week]
) -> EnvironmentNumbers:
    """`weeks` are the weeks that were asked for, oldest first; a week that is not found counts as empty."""
    total, by_week = WeekCounts(), list[WeekFigures]()
    for name in weeks:
        week = weeks_by_name.get(name)
        counts = week.environments.get(environment) if week else None
        total.add(counts or WeekCounts())
        by_week.append(WeekFigures(week=name, begins=week_start(name), figures=figures(counts or WeekCounts(), 7)))
    return EnvironmentNumbers(
        application=application, environment=environment, total=figures(total, 7 * len(weeks)), weeks=tuple(by_week)
    )


def _seconds(length: timedelta | None) -> float | None:
    return None if length is None else round(length.total_seconds(), 3)
