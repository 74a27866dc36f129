"""`slipway applications`: the applications, and the releases that run in their environments."""

from collections.abc import Iterator

import click

from slipway.api.releases import Applications, ApplicationStatus, LaneStatus

from ..api import Api, read_answer
from ..console import FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell
from ..options import as_json as json_option
from ..options import connected
from .drift import differs, why_stale


@click.command()
@json_option
@connected
def applications(api: Api, *, as_json: bool) -> None:
    """Every application with its environments in chain order: the live release, those under way, and anything amiss.

    \b
    Columns:
      LIVE     the release that the environment runs, its tag, and since when
      STATE    drifted, held or frozen: see `slipway drift` and `slipway freezes`
      ROLLING  the release that is being rolled out
      WAITING  the newest release that is waiting to be rolled out

    \b
    Example:
      slipway applications
    """
    console, content = CliConsole(), api.get("applications")
    if as_json:
        console.json(content)
        return
    status = read_answer(Applications, content)
    columns = ("application", "environment", "gate", "live", "state", "tag", "since", "rolling", "waiting")
    rows = [row for item in status.applications for row in _rows(console, item)]
    none = "" if status.not_shown else "no application is delivered yet: `slipway apply` adds one"
    console.table(columns, rows, cut=("since", "tag"), none=none)
    is_live = any(lane.live for item in status.applications for lane in item.environments)
    if is_live and (stale := why_stale(status.drift)):
        click.echo(stale, err=True)


def _rows(console: CliConsole, item: ApplicationStatus) -> Iterator[tuple[Content, ...]]:
    for lane in item.environments:
        yield (
            TextCell(item.application, NAME),
            lane.environment,
            lane.gate,
            TextCell(lane.live.release if lane.live else "", GOOD),
            _state(item, lane),
            lane.live.tag if lane.live else "",
            TextCell(console.time(lane.live.at) if lane.live else "", FAINT),
            TextCell(lane.in_progress or "", NOTE),
            TextCell(", then ".join(filter(None, (lane.waiting, lane.next))), NOTE),
        )


def _state(item: ApplicationStatus, lane: LaneStatus) -> TextCell:
    """The lane's trouble, the worst first."""
    if lane.live and (drifted := differs(lane.drift)):
        return drifted
    if lane.hold:
        return TextCell("held", NOTE)
    return TextCell("frozen" if lane.frozen or item.frozen else "", NOTE)
