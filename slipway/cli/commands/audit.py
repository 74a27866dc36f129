"""`slipway audit`: read the trail, and verify it on this machine."""

from functools import partial
from typing import Any

import click

from slipway.domain.release import parse_release_id

from ..answers import ChainHead, TrailLine
from ..api import Api, read
from ..options import as_json as json_option
from ..options import connected
from ..screen import BAD, GOOD, Cell, Screen, progress
from ..trail import record_fields, show_trail
from ..troubles import Exit, Trouble
from ..verifying import Verdict, verify

INSTALLATION = "_installation"
"""The chain of what concerns no single application: parked input and its replays."""


@click.group()
def audit() -> None:
    """Read the audit trail, and verify it.

    Every application has a trail of its own: a chain in which each record holds the hash of the one before it.
    What concerns no single application (input that was parked or replayed) is in the trail `_installation`.
    """


@audit.command("list")
@click.option("--application", "-a", metavar="NAME", help="May be left out when there is one application.")
@click.option("--release", "-r", metavar="ID", help="Records of this release only.")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Records after this sequence number.")
@click.option("--limit", "-n", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@json_option
@click.option("--jsonl", is_flag=True, help="Print each record as a line of JSON, as it comes.")
@connected
def list_(
    api: Api, *, application: str | None, release: str | None, after: int, limit: int, as_json: bool, jsonl: bool
) -> None:
    """Records of the trail, oldest first.

    \b
    Examples:
      slipway audit list --release shop-482
      slipway audit list --application shop --after 1200 --limit 50
      slipway audit list --application shop --limit 100000 --jsonl > trail.jsonl
    """
    if as_json and jsonl:
        raise click.UsageError("expected one of --json and --jsonl, got both")
    screen = Screen()
    application = application or _application(api, release)
    pages = api.audit(application, after=after, limit=limit, release=release)
    records: list[dict[str, Any]] = []
    for page in pages:
        head, following = page.head, page.next
        if jsonl:
            for item in page.records:
                screen.json_line(item)
        else:
            records += page.records
    if as_json:
        found = {"application": application, "head": head.model_dump(), "records": records, "next": following}
        screen.json(found)
    elif not jsonl:
        _show(screen, records, head)
    if following is not None and following < head.sequence and not as_json:
        click.echo(f"more may follow: --after {following}", err=True)


def _application(api: Api, release: str | None) -> str:
    """The application of the release, else the only one there is."""
    if release is not None:
        try:
            return parse_release_id(release)[0]
        except ValueError as error:
            raise click.BadParameter(str(error), param_hint="--release") from error
    names = api.applications()
    if len(names) != 1:
        raise click.UsageError(f"expected --application, one of {', '.join(names) or '(none)'}")
    return names[0]


def _show(screen: Screen, records: list[dict[str, Any]], head: ChainHead) -> None:
    if records:
        show_trail(screen, [read(TrailLine, item) for item in records])
    else:
        click.echo(f"no records; the trail has {head.sequence}", err=True)


@audit.command("show")
@click.argument("application")
@click.argument("sequence", type=click.IntRange(min=1))
@json_option
@connected
def show(api: Api, *, application: str, sequence: int, as_json: bool) -> None:
    """One record, with all its details and both hashes.

    \b
    Example:
      slipway audit show shop 1204
    """
    page = api.audit_page(application, after=sequence - 1, limit=1)
    found = next((item for item in page.records if item.get("sequence") == sequence), None)
    if found is None:
        raise Trouble(f"the trail of {application} has no record {sequence}; its head names {page.head.sequence}")
    screen = Screen()
    if as_json:
        screen.json(found)
    else:
        screen.fields(record_fields(screen, read(TrailLine, found)))


@audit.command("verify")
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as one JSON object.")
@connected
def verify_(api: Api, *, applications: tuple[str, ...], as_json: bool) -> None:
    """Check that no record of the trail was changed, removed or put in another order.

    The records are streamed from the app and their chain of hashes is computed here, so the app is not asked
    whether its own trail is right. Without APPLICATION every trail is checked, the installation's own too.

    \b
    Exit codes: 0 intact, 1 a chain is broken, 2 usage, 3 the app cannot be reached.

    \b
    The JSON object:
      {"applications": [{"application", "records", "intact", "fault": null | {"sequence", "reason"}}],
       "intact": true | false}

    \b
    Examples:
      slipway audit verify
      slipway audit verify shop --json
    """
    known = api.applications()
    names = list(dict.fromkeys(applications)) or [*known, INSTALLATION]
    screen, verdicts = Screen(), []
    with progress() as steps:
        for name in names:
            verdict = verify(api, name, progress=partial(steps.at, name))
            if not verdict.records and verdict.intact and name not in (*known, INSTALLATION):
                raise click.UsageError(f"there is no trail of {name!r}; applications: {', '.join(known) or '(none)'}")
            verdicts.append(verdict)
    intact = all(verdict.intact for verdict in verdicts)
    if as_json:
        screen.json({"applications": [verdict.as_json() for verdict in verdicts], "intact": intact})
    else:
        for verdict in verdicts:
            _show_verdict(screen, verdict)
    if not intact:
        raise SystemExit(Exit.NO)


def _show_verdict(screen: Screen, verdict: Verdict) -> None:
    count = f"{verdict.records} record{'' if verdict.records == 1 else 's'}"
    if verdict.fault is None:
        end = f"; the last is {verdict.head}" if verdict.records else ""
        screen.line(Cell("✓ intact", GOOD), f"  {verdict.application}: {count}{end}")
    else:
        fault = f"record {verdict.fault.sequence}: {verdict.fault.reason}"
        screen.line(Cell("✗ broken", BAD), f"  {verdict.application}: {fault} ({count} before it are right)")
