"""`slipway audit list`, `show`, `live`: query the trail."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from slipway.api.audit import AuditPart, LiveAnswer, LiveInEnvironment, Override
from slipway.domain.actions import Action
from slipway.domain.audit_query import ActionClass
from slipway.domain.export import COLUMNS
from slipway.domain.model import parse_release_id

from ..api import Api, read_answer, records_in
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell, tone_style
from ..errors import CliError, Exit, no_trail
from ..options import as_json as json_option
from ..options import connected
from ..output_formats import OutputFormat, formed, write_headings, write_line, write_lines
from ..text import short_digest
from ..trail import read_record, record_fields, show_records

PAGE: Final = 200
"""The largest page that the app returns."""
_AGO: Final = re.compile(r"([0-9]{1,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class TimeType(click.ParamType[str]):
    """A day, a time, or an age such as `7d`. The app validates the first two; an age is converted to a time here."""

    name = "when"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        ago = _AGO.fullmatch(value)
        if ago is None:
            return value
        moment = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


class ActionName(click.ParamType[str]):
    """An action or a class of actions. The app validates it, not the command, because a newer app may know others."""

    name = "action"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        candidates = ((kind.value, "class of actions") for kind in ActionClass)
        actions = ((action.value, action.meaning) for action in Action)
        return [
            CompletionItem(name, help=meaning)
            for name, meaning in (*candidates, *actions)
            if name.startswith(incomplete)
        ]


@click.command("list")
@click.option(
    "--application", "-a", metavar="NAME", help="Only this application; `_installation` for records without one."
)
@click.option("--environment", "-e", metavar="NAME", help="Only this environment.")
@click.option("--actor", metavar="WHO", help="Only by this person, pipeline or key, such as ada@example.com.")
@click.option(
    "--action",
    type=ActionName(),
    metavar="ACTION",
    help="An action such as gate.passed, or a class: change, freeze, override, waiver, rejection, rollback, "
    "intervention (any of the last five).",
)
@click.option("--digest", metavar="DIGEST", help="Only with this digest, or its first six digits or more.")
@click.option("--release", "-r", metavar="ID", help="Only this release.")
@click.option(
    "--from", "since", type=TimeType(), metavar="WHEN", help="From a day, a time, or an age such as 7d or 12h."
)
@click.option("--to", "until", type=TimeType(), metavar="WHEN", help="To the end of a day, or before a time.")
@click.option(
    "--limit", "-n", type=click.IntRange(min=1), default=50, show_default=True, help="Maximum number of records."
)
@click.option("--after", metavar="TOKEN", help="Continue where a list with the same filters ended.")
@click.option(
    "--oldest-first", is_flag=True, help="Print the records in reverse order; they are still the newest ones."
)
@formed
@connected
def print_records(
    api: Api, /, *, limit: int, after: str | None, oldest_first: bool, form: OutputFormat, **filters: str | None
) -> None:
    """Records of the trail that match all filters, newest first.

    The cost depends on the number of records shown, not on the length of the trail. If there are more, stderr says how
    to continue; the token stays valid while new records arrive. A record that does not verify is shown as damaged, and
    the command ends with exit code 7.

    \b
    What happened to a release? Who did what? What changed in production?
    Where has a digest been? Every freeze, override, waiver, rejection, rollback:
      slipway audit list --release shop-482
      slipway audit list --actor ada@example.com --from 30d
      slipway audit list --environment production --action change --from 2026-11-01 --to 2026-11-30
      slipway audit list --digest sha256:9f86d0
      slipway audit list --action intervention

    \b
    Examples for scripts:
      slipway audit list --application shop --limit 10000 --jsonl | jq -r '[.time, .action] | @tsv'
      slipway audit list --environment production --csv > production.csv
    """
    _check_release_id(filters["release"])
    console = CliConsole()
    query = {"from": filters.pop("since"), "to": filters.pop("until"), **filters}
    pages = _pages(api, query, limit=limit, after=after)
    streams = form in (OutputFormat.JSONL, OutputFormat.CSV) and not oldest_first
    if form is OutputFormat.CSV:
        write_headings(COLUMNS)
    records, following, damaged = list[dict[str, Any]](), after, False
    for page, end in pages:
        following, damaged = end, damaged or any("damaged" in item for item in page)
        if streams:
            for item in page:
                write_line(console, form, COLUMNS, _as_line(form, item))
        else:
            records += page
    records = records[::-1] if oldest_first else records
    if form is OutputFormat.JSON:
        console.json({"records": records, "next": following})
    elif not streams:
        _show(console, form, records)
    if following is not None and form is not OutputFormat.JSON:
        # Print absolute times: an age such as `7d` would be a different query tomorrow.
        times = "".join(f"--{name} {query[name]} " for name in ("from", "to") if query[name])
        click.echo(f"there may be more: {times}--after {following}", err=True)
    if damaged:
        click.echo("damaged records prove nothing: run `slipway audit verify`", err=True)
        raise SystemExit(Exit.BROKEN)


def _as_line(form: OutputFormat, item: dict[str, Any]) -> dict[str, Any]:
    """The record. CSV has no column for damage, so there a damaged record says so as its action."""
    if form is not OutputFormat.CSV or "damaged" not in item:
        return item
    return {**item, "action": "damaged", "details": {"damaged": item["damaged"]}}


def _check_release_id(release: str | None) -> None:
    try:
        parse_release_id(release or "any-1")
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--release") from error


def _show(console: CliConsole, form: OutputFormat, records: list[dict[str, Any]]) -> None:
    if form is not OutputFormat.TABLE:
        for item in records:
            write_line(console, form, COLUMNS, _as_line(form, item))
    else:
        show_records(console, [read_record(item) for item in records])


def _pages(
    api: Api, filters: dict[str, str | None], *, limit: int, after: str | None
) -> Iterator[tuple[list[dict[str, Any]], str | None]]:
    """Pages of unparsed records, up to `limit` records, each with the token to continue after it. A page may be empty
    without being the last."""
    left, cursors = limit, {after}
    while True:
        content = api.get("audit", **filters, limit=min(left, PAGE), after=after)
        records, following = records_in(content), read_answer(AuditPart, content).next
        yield records, following
        left, after = left - len(records), following
        if left <= 0 or after in {None, *cursors}:
            return
        cursors.add(after)


@click.command("show")
@click.argument("application")
@click.argument("sequence", type=click.IntRange(min=1))
@json_option
@connected
def print_record(api: Api, *, application: str, sequence: int, as_json: bool) -> None:
    """One record, with all its details and both hashes.

    \b
    Example:
      slipway audit show shop 1204
    """
    page = api.audit_page(application, after=sequence - 1, limit=1)
    record = next((item for item in page.records if item.get("sequence") == sequence), None)
    if page.head.sequence == 0:
        raise no_trail(application, api.applications())
    if record is None:
        raise CliError(
            f"the trail of {application} has no record {sequence}; its head names {page.head.sequence}",
            exit_code=Exit.NOT_FOUND,
        )
    console = CliConsole()
    if as_json:
        console.json(record)
    else:
        console.fields(record_fields(console, read_record(record)))


LIVE_COLUMNS: Final = (
    "application",
    "environment",
    "release",
    "tag",
    "digest",
    "plan_hash",
    "since",
    "approvals",
    "gate",
    "brought_back",
    "overrides",
    "evidence",
    "supply_chain",
    "run",
    "commit",
)


@click.command("live")
@click.argument("environment")
@click.option("--application", "-a", metavar="NAME", help="Only this application.")
@formed
@connected
def print_live(api: Api, *, environment: str, application: str | None, form: OutputFormat) -> None:
    """The live release in ENVIRONMENT, who approved it, and on what evidence.

    Only votes for exactly the plan that was rolled out are listed, each with its record in the trail.

    \b
    Examples:
      slipway audit live production
      slipway audit live production --application shop --json | jq '.live[].approvals'
    """
    console, rows, after = CliConsole(), list[dict[str, Any]](), None
    live, not_shown = list[LiveInEnvironment](), list[dict[str, Any]]()
    while True:
        content = api.get("environments", environment, "live", application=application, after=after)
        page = read_answer(LiveAnswer, content)
        live += page.live
        rows += content["live"]
        not_shown += content.get("not_shown") or ()
        if page.next is None or page.next == after:
            break
        after = page.next
    if form is OutputFormat.JSON:
        console.json({"environment": environment, "live": rows, "not_shown": not_shown, "next": None})
    elif form is not OutputFormat.TABLE:
        write_lines(console, form, LIVE_COLUMNS, rows)
    elif not rows and not not_shown:
        click.echo(f"nothing is live in {environment}", err=True)
    else:
        for index, item in enumerate(live):
            if index:
                console.line()
            console.fields(_live_fields(console, item))


def _override(console: CliConsole, override: Override) -> str:
    return (
        f"{override.who} {override.action} {console.time(override.at)} (record {override.sequence}): {override.reason}"
    )


def _live_fields(console: CliConsole, item: LiveInEnvironment) -> Iterator[tuple[str, Content]]:
    yield "release", TextCell(item.release, NAME)
    yield "tag", item.tag
    yield "digest", item.digest
    yield "plan", short_digest(item.plan_hash)
    yield "live since", TextCell(console.time(item.since), FAINT)
    for vote in item.approvals:
        reason = f": {vote.reason}" if vote.reason else ""
        yield "approved", TextCell(f"{vote.who} {console.time(vote.at)} (record {vote.sequence}){reason}", GOOD)
    if item.brought_back is not None:
        yield "brought back", TextCell(_override(console, item.brought_back), GOOD)
    for passed in item.overrides:
        yield "overridden", TextCell(_override(console, passed), NOTE)
    yield "gate", item.gate or ("none, as a rollback brought it back" if item.brought_back else "none")
    for evidence in item.evidence:
        mark, style = ("✓", GOOD) if evidence.passed else ("✗", BAD)
        yield (
            f"in {evidence.environment}" if evidence.environment else "evidence",
            TextCell(f"{mark} {evidence.name}: {evidence.summary}", style),
        )
    for rule in item.supply_chain:
        yield "supply chain", TextCell(f"{rule.mark} {rule.name}: {rule.reason}", tone_style(rule.tone))
    yield "run", item.run
    yield "commit", item.commit
