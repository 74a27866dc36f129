"""`slipway drift`: whether the clusters match the live releases, as the last look saw it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import click

from slipway.api.releases import Applications, DriftChecks, DriftStatus, LaneStatus
from slipway.clock import utc_now
from slipway.domain.drift import LATE
from slipway.manifests.problems import did_you_mean

from ..api import Api, read_answer
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell
from ..errors import CliError, Exit
from ..options import as_json as json_option
from ..options import connected

clock = utc_now


@click.command()
@click.argument("application", required=False)
@json_option
@connected
def drift(api: Api, application: str | None, *, as_json: bool) -> None:
    """Whether the clusters match the live releases: of one APPLICATION, or of all.

    Slipway compares them every few minutes. Each difference is shown with who wrote it, if the cluster says. Slipway
    does not undo drift by itself: run `slipway rollback` to the release that is live.

    \b
    Exit codes:
      0  no environment was found to differ from its live release
         (the table names those that went live since the last look)
      1  one differs, or it is not known

    \b
    Examples:
      slipway drift
      slipway drift shop --json
    """
    console, content = CliConsole(), api.get("applications")
    status = read_answer(Applications, content)
    lanes = [
        (each.application, lane)
        for each in status.applications
        if application in (None, each.application)
        for lane in each.environments
        if lane.live is not None
    ]
    missing = [each for each in status.not_shown if application in (None, each.application)]
    names = {each.application for each in status.applications} | {each.application for each in missing}
    if application is not None and application not in names:
        raise CliError(
            f"there is no application {application[:64]!r}",
            cure=did_you_mean(application, names),
            exit_code=Exit.NOT_FOUND,
        )
    stale = why_stale(status.drift) if lanes else ""
    clean = not (stale or missing) and all(lane.drift is None for _, lane in lanes)
    if as_json:
        environments = [{"application": name, **lane.model_dump(mode="json")} for name, lane in lanes]
        last_look = status.drift.looked_at.isoformat() if status.drift else None
        unknown = "; ".join(filter(None, (stale, *(each.why for each in missing))))
        console.json({"clean": clean, "unknown": unknown, "looked_at": last_look, "environments": environments})
    else:
        looked_at = None if stale or status.drift is None else status.drift.looked_at
        rows = (_row(console, name, lane, looked_at) for name, lane in lanes)
        none = "" if missing else "no release is live"
        console.table(("application", "environment", "live", "state", "since"), rows, none=none)
        for line in _lines(lanes):
            console.line(TextCell(line, NOTE))
        if lanes:
            shown_time = console.time(status.drift.looked_at if status.drift else None)
            click.echo(stale or f"looked at {shown_time}", err=True)
    if not clean:
        click.get_current_context().exit(Exit.REFUSED)


def why_stale(looks: DriftChecks | None) -> str:
    """Why the last look says nothing about the present; empty if it does."""
    if looks is None:
        return "nobody has looked yet: it is not known whether the clusters match the live releases"
    if (now := clock()) <= looks.next_at + LATE:
        return ""
    minutes = (now - looks.looked_at) // timedelta(minutes=1)
    return f"the last look is {minutes} minutes old: it is not known what the clusters hold now"


def _row(console: CliConsole, application: str, lane: LaneStatus, looked_at: datetime | None) -> tuple[Content, ...]:
    """`looked_at` is None if the last look says nothing about the present."""
    drift, state = lane.drift, TextCell("as it went live", GOOD)
    if looked_at is None:
        state = TextCell("not known", NOTE)
    elif lane.live is not None and lane.live.at > looked_at:
        state = TextCell("went live since the last look", NOTE)
    state = differs(drift) or state
    since = TextCell(console.time(drift.since) if drift else "", FAINT)
    return TextCell(application, NAME), lane.environment, lane.live.release if lane.live else "", state, since


def differs(seen: DriftStatus | None) -> TextCell | None:
    """The last look's words about a cluster that differs from the live release; None if it does not differ."""
    if seen is None:
        return None
    return TextCell("not known", NOTE) if seen.unknown else TextCell("drifted", BAD)


def _lines(lanes: list[tuple[str, LaneStatus]]) -> Iterator[str]:
    """The differences, object by object, and how to undo them."""
    for _, lane in lanes:
        if lane.drift is None or lane.live is None:
            continue
        where = f"{lane.live.release} in {lane.environment}"
        if lane.drift.unknown:
            yield f"{where}: unknown: {lane.drift.unknown}"
        yield from (f"{where}: {each.text}" for each in lane.drift.objects)
        if lane.drift.more:
            yield f"{where}: and {lane.drift.more} more"
        if lane.drift.document:
            yield f"{where}: the differences: slipway evidence {lane.drift.document}"
        if lane.drift.objects:
            yield f"{where}: bring it back: slipway rollback {lane.live.release} {lane.environment} --reason …"
