"""`slipway applications`: what is delivered, and what runs where."""

from collections.abc import Iterator

import click

from slipway.api.releases import Applications, ApplicationStanding

from ..api import Api, read
from ..options import as_json as json_option
from ..options import connected
from ..screen import FAINT, GOOD, NAME, NOTE, Content, Screen, TextCell


@click.command()
@json_option
@connected
def applications(api: Api, *, as_json: bool) -> None:
    """Every application with its environments in chain order: what is live and what is on its way.

    \b
    Columns:
      LIVE     the release that the environment runs, its tag, and since when
      ROLLING  the release that is being rolled out
      WAITING  the newest release that is waiting to be rolled out

    \b
    Example:
      slipway applications
    """
    screen, content = Screen(), api.get("applications")
    if as_json:
        screen.json(content)
        return
    items = read(Applications, content).applications
    columns = ("application", "environment", "gate", "live", "tag", "since", "rolling", "waiting")
    screen.table(columns, (row for item in items for row in _rows(screen, item)), cut=("since", "tag"))


def _rows(screen: Screen, item: ApplicationStanding) -> Iterator[tuple[Content, ...]]:
    for lane in item.environments:
        yield (
            TextCell(item.application, NAME),
            lane.environment,
            lane.gate,
            TextCell(lane.live.release if lane.live else "", GOOD),
            lane.live.tag if lane.live else "",
            TextCell(screen.time(lane.live.at) if lane.live else "", FAINT),
            TextCell(lane.rolling or "", NOTE),
            TextCell(", then ".join(filter(None, (lane.waiting, lane.next))), NOTE),
        )
