"""`slipway numbers`: the four DORA metrics, approval wait and time per step, computed from the audit trail."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import click

from slipway.domain.numbers_report import EnvironmentNumbers, Figures, NumbersAnswer, Spread
from slipway.text import duration

from ..api import Api, read_answer
from ..console import BAD, FAINT, NAME, NOTE, CliConsole, Content, TextCell
from ..options import as_json as json_option
from ..options import connected
from ..output_formats import OutputFormat, write_lines

_NONE = "nothing was delivered yet, so there are no numbers"
_SPREADS = ("lead_time", "time_to_restore", "approval_wait")
_COUNTS = ("deployments", "failed", "withdrawn", "waived", "change_failure_rate")
_COLUMNS = (
    *("application", "environment", "week", "begins", *_COUNTS),
    *(f"{name}_{part}" for name in _SPREADS for part in ("count", "median_seconds", "p90_seconds")),
)
"""Columns of the CSV output."""


@click.command()
@click.option("--application", "-a", metavar="NAME", help="Only this application.")
@click.option("--environment", "-e", metavar="NAME", help="Only this environment, such as production.")
@click.option("--weeks", "-w", type=click.IntRange(1, 104), default=12, show_default=True, help="Number of weeks.")
@click.option("--until", metavar="WEEK", help="The last week, such as 2026-W48; by default the current one.")
@click.option("--by-week", is_flag=True, help="One line per week instead of one in total.")
@click.option("--steps", is_flag=True, help="How long each step takes, and whether it waits or works.")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print one line per environment and week, durations in seconds.")
@connected
def numbers(
    api: Api,
    *,
    application: str | None,
    environment: str | None,
    weeks: int,
    until: str | None,
    by_week: bool,
    steps: bool,
    as_json: bool,
    as_csv: bool,
) -> None:
    """Deployment frequency, lead time, change failure rate and time to restore, computed from the audit trail.

    Weeks are ISO weeks in UTC; the current one is incomplete. Durations are medians, accurate to 5 %. Lead time starts
    with the first trigger of a release (its image or its CI run). docs/reference/numbers.md defines each number.

    \b
    Columns:
      LIVE      releases that went live, in total and per week
      FAILED    rollouts that failed, and live releases rolled back by hand
      LEAD      from the first trigger of a release until it was live
      RESTORE   from a failure until the environment was healthy again
      APPROVAL  from the request for approval until the decision

    \b
    Examples:
      slipway numbers --environment production
      slipway numbers --application shop --by-week --weeks 26
      slipway numbers --csv > numbers.csv
    """
    if as_json and as_csv:
        raise click.UsageError("expected one of --json and --csv, got both")
    if by_week and steps:
        raise click.UsageError("expected one of --by-week and --steps, got both")
    content = api.get("numbers", application=application, environment=environment, weeks=weeks, until=until)
    console = CliConsole()
    if as_json:
        console.json(content)
        return
    answer = read_answer(NumbersAnswer, content)
    if as_csv:
        write_lines(console, OutputFormat.CSV, _COLUMNS, _lines(answer))
    elif steps:
        _steps(console, answer)
    else:
        _table(console, answer, by_week=by_week)
    for unread in answer.behind:
        click.echo(
            f"{unread.application}: read to record {unread.sequence} of {unread.of}; it is still growing", err=True
        )


def _shown(answer: NumbersAnswer) -> list[EnvironmentNumbers]:
    return [item for item in answer.environments if item.environment]


def _table(console: CliConsole, answer: NumbersAnswer, *, by_week: bool) -> None:
    columns = ("application", "environment", *(("week",) if by_week else ()), "live", "a week", "failed", "rate")
    rows = [row for environment in _shown(answer) for row in _rows(environment, by_week=by_week)]
    console.table((*columns, "lead", "restore", "approval"), rows, none=_NONE)


def _rows(environment: EnvironmentNumbers, *, by_week: bool) -> Iterator[tuple[Content, ...]]:
    if by_week:
        for week in reversed(environment.weeks):
            yield (TextCell(environment.application, NAME), environment.environment, week.week, *_cells(week.figures))
    else:
        yield (TextCell(environment.application, NAME), environment.environment, *_cells(environment.total))


def _cells(figures: Figures) -> tuple[Content, ...]:
    failed = figures.failed + figures.withdrawn
    rate = "" if figures.change_failure_rate is None else f"{figures.change_failure_rate:.0%}"
    return (
        str(figures.deployments),
        TextCell(f"{figures.deployments_per_day * 7:.1f}", FAINT),
        TextCell(str(failed), BAD if failed else ""),
        rate,
        *(_median(getattr(figures, name)) for name in _SPREADS),
    )


def _steps(console: CliConsole, answer: NumbersAnswer) -> None:
    rows = [
        (
            TextCell(environment.application, NAME),
            environment.environment or "(before)",
            stage.stage,
            TextCell("waits", NOTE) if stage.waits else "works",
            _median(stage.seconds),
            _seconds(stage.seconds.p90),
            str(stage.seconds.count),
        )
        for environment in answer.environments
        for stage in environment.total.stages
    ]
    console.table(("application", "environment", "step", "kind", "median", "p90", "times"), rows, none=_NONE)


def _median(spread: Spread) -> str:
    return _seconds(spread.median)


def _seconds(value: float | None) -> str:
    return "" if value is None else duration(timedelta(seconds=value))


def _lines(answer: NumbersAnswer) -> Iterator[dict[str, Any]]:
    """One line for each environment and week, with durations in seconds."""
    for environment in _shown(answer):
        for week in environment.weeks:
            spreads = {name: getattr(week.figures, name) for name in _SPREADS}
            yield {
                "application": environment.application,
                "environment": environment.environment,
                "week": week.week,
                "begins": week.begins.isoformat(),
                **{name: getattr(week.figures, name) for name in _COUNTS},
                **{f"{name}_count": spread.count for name, spread in spreads.items()},
                **{f"{name}_median_seconds": spread.median for name, spread in spreads.items()},
                **{f"{name}_p90_seconds": spread.p90 for name, spread in spreads.items()},
            }
