"""Metrics by week: the four DORA metrics, approval wait and time per step, as figures, charts and a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from ..domain.numbers_report import EnvironmentNumbers, Figures, Spread
from ..inbound.reading import BadInput
from ..queries.numbers import Numbers
from ..queries.numbers_asked import WEEKS, read_question
from ..text import duration, one_line
from .answer import Answer, cacheable
from .charts import COUNTS, SHARES, Chart, Series, bars, medians
from .signin import Visitor
from .templating import render

CHOICES = (4, 12, 26, 52)
_SHOWN = 120


type Figure = tuple[str, str, str]
"""One metric: its name, its value, and a note on what it was computed from."""
type Line = tuple[str, str, tuple[str, ...]]
"""One row of a table: its heading, what that links to, and its cells."""


@dataclass(frozen=True, kw_only=True)
class StageView:
    name: str
    waits: bool
    count: int
    median: str
    p90: str
    share: int
    """Percentage of the longest median."""


@dataclass(frozen=True, kw_only=True)
class _Selection:
    """One environment, or without one a line for each; and what the figures cover."""

    weeks: tuple[str, ...] = ()
    behind: tuple[object, ...] = ()
    not_shown: tuple[object, ...] = ()
    environment: EnvironmentNumbers | None = None
    lines: tuple[Line, ...] = ()


_NOTHING = _Selection()


def show_numbers(numbers: Numbers, parameters: Mapping[str, str], visitor: Visitor) -> Answer:
    """Raises `LedgerUnavailable`. An invalid parameter is named on the page, above the form with the entered values."""
    try:
        question = read_question({name: value for name, value in parameters.items() if value}, numbers)
    except BadInput as bad:
        page = _page(numbers, parameters, visitor, problem=bad)
        return cacheable(page, status=400)
    report = numbers.answer(**{**question, "environment": None})
    selected = _selected_environment(numbers, question, report.environments)
    selection = _Selection(
        weeks=report.weeks,
        behind=report.behind,
        not_shown=report.not_shown,
        environment=selected,
        lines=() if selected else _overview(question, report.environments),
    )
    return cacheable(_page(numbers, parameters, visitor, selection))


def _selected_environment(
    numbers: Numbers, question: Mapping[str, object], environments: tuple[EnvironmentNumbers, ...]
) -> EnvironmentNumbers | None:
    """The environment to show: the requested one, or the last one of the requested application."""
    application, environment = question["application"], question["environment"]
    entries = list(numbers.catalogue)
    if application is None and len(entries) == 1:
        application = entries[0].application.application
    if application is None:
        return None
    chain = [candidate for candidate in environments if candidate.application == application and candidate.environment]
    matching = [candidate for candidate in chain if candidate.environment == environment]
    entry = numbers.catalogue.get(str(application))
    last = entry.application.environments[-1].name if entry else ""
    return next(iter(matching), None) or next((candidate for candidate in chain if candidate.environment == last), None)


def _page(
    numbers: Numbers,
    parameters: Mapping[str, str],
    visitor: Visitor,
    selection: _Selection = _NOTHING,
    *,
    problem: BadInput | None = None,
) -> str:
    selected = selection.environment
    chosen = {
        name: one_line(parameters.get(name, ""), _SHOWN) for name in ("application", "environment", "weeks", "until")
    }
    if selected:  # the form shows the selection even if it is a default
        chosen |= {"application": selected.application, "environment": selected.environment or ""}
    return render(
        "numbers.html",
        applications=sorted(numbers.catalogue.entries),
        environments=_environments(numbers, chosen["application"]),
        choices=CHOICES,
        chosen={**chosen, "weeks": chosen["weeks"] or str(WEEKS)},
        problem=str(problem) if problem else "",
        wrong=problem.field if problem else "",
        weeks=selection.weeks,
        behind=selection.behind,
        not_shown=selection.not_shown,
        selected=selected,
        figures=_figures(selected.total) if selected else (),
        charts=_charts(selected) if selected else (),
        stages=_stages(selected.total) if selected else (),
        by_week=_by_week(selected) if selected else (),
        lines=selection.lines,
        reader=visitor,
        here="numbers",
    )


def _environments(numbers: Numbers, application: str) -> tuple[str, ...]:
    chains = [
        entry.application.environments
        for entry in numbers.catalogue
        if application in ("", entry.application.application)
    ]
    return tuple(dict.fromkeys(environment.name for chain in chains for environment in chain))


def _figures(total: Figures) -> tuple[Figure, ...]:
    frequency = f"{total.deployments_per_day * 7:.1f} a week" if total.deployments else "none"
    failures = f"{total.failed + total.withdrawn} of {total.deployments + total.failed} rollouts"
    return (
        ("Deployment frequency", frequency, f"{total.deployments} went live"),
        _measured("Lead time for changes", total.lead_time),
        ("Change failure rate", _share(total.change_failure_rate), failures),
        _measured("Time to restore", total.time_to_restore),
        _measured("Waiting for approval", total.approval_wait),
        ("Waived", str(total.waived or "none"), "rules about proof, each for one release"),
    )


def _measured(name: str, spread: Spread) -> Figure:
    note = f"median of {spread.count}; 90 % within {_seconds(spread.p90)}" if spread.count else "none measured"
    return name, _median(spread), note


def _charts(environment: EnvironmentNumbers) -> tuple[Chart, ...]:
    weeks = [week.week for week in environment.weeks]
    every = [week.figures for week in environment.weeks]
    live = Series(values=[f.deployments for f in every], kind="bar", word="went live")
    wrong = Series(values=[f.failed for f in every], kind="failure", word="failed")
    rate = Series(values=[f.change_failure_rate for f in every], kind="failure", word="of rollouts failed")
    return (
        bars("deployments", "Deployments", weeks, (live, wrong), say=lambda v: f"{v:g}", tops=COUNTS),
        _durations("lead", "Lead time for changes", weeks, [f.lead_time for f in every]),
        bars("failures", "Change failure rate", weeks, (rate,), say=lambda v: f"{v * 100:.0f} %", tops=SHARES),
        _durations("restore", "Time to restore", weeks, [f.time_to_restore for f in every]),
        _durations("approval", "Waiting for approval", weeks, [f.approval_wait for f in every]),
    )


def _durations(name: str, title: str, weeks: list[str], spreads: list[Spread]) -> Chart:
    median = Series(values=[s.median for s in spreads], kind="median", word="median")
    p90 = Series(values=[s.p90 for s in spreads], kind="bar", word="90th percentile")
    return medians(name, title, weeks, median, p90, say=_axis)


def _stages(total: Figures) -> tuple[StageView, ...]:
    longest = max([stage.seconds.median or 0 for stage in total.stages], default=0) or 1
    return tuple(
        StageView(
            name=stage.stage.phase.word,
            waits=stage.waits,
            count=stage.seconds.count,
            median=_median(stage.seconds),
            p90=_seconds(stage.seconds.p90),
            share=max(round(100 * (stage.seconds.median or 0) / longest), 1),
        )
        for stage in total.stages
    )


def _by_week(environment: EnvironmentNumbers) -> tuple[Line, ...]:
    """The table's rows, newest week first."""
    return tuple((week.week, "", _cells(week.figures)) for week in reversed(environment.weeks))


def _overview(question: Mapping[str, object], environments: tuple[EnvironmentNumbers, ...]) -> tuple[Line, ...]:
    shown = [item for item in environments if item.environment and question["environment"] in (None, item.environment)]
    return tuple(
        (
            f"{item.application} in {item.environment}",
            f"/numbers?application={item.application}&environment={item.environment}&weeks={question['weeks']}",
            _cells(item.total),
        )
        for item in shown
    )


def _cells(figures: Figures) -> tuple[str, ...]:
    return (
        str(figures.deployments),
        str(figures.failed + figures.withdrawn),
        _share(figures.change_failure_rate),
        _median(figures.lead_time),
        _median(figures.time_to_restore),
        _median(figures.approval_wait),
    )


def _median(spread: Spread) -> str:
    return _seconds(spread.median)


def _seconds(value: float | None) -> str:
    return "–" if value is None else duration(timedelta(seconds=value))


def _axis(value: float) -> str:
    return "0" if not value else duration(timedelta(seconds=value))


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.0f} %"
