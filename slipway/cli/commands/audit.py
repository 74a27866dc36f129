"""`slipway audit`: read the trail, and verify it on this machine."""

from typing import Any

import click

from slipway.domain.release import parse_release_id

from ..answers import ChainHead, TrailLine
from ..api import Api, read
from ..options import as_json as json_option
from ..options import connected
from ..screen import Screen
from ..trail import record_fields, show_trail
from ..troubles import Trouble
from .audit_export import export_trail
from .audit_verify import verify_trail


@click.group()
def audit() -> None:
    """Read the audit trail, verify it, and take it away.

    Every application has a trail of its own: a chain in which each record holds the hash of the one before it.
    What concerns no single application (parked input, anchors, archives) is in the trail `_installation`.
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


audit.add_command(export_trail)
audit.add_command(verify_trail)
