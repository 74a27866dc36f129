"""`slipway releases`, `slipway release`, `slipway explain`: where releases are, and why."""

from collections.abc import Iterator

import click

from slipway.api.releases import Explanation, ReleaseAnswer, Releases, ReleaseWithProgress
from slipway.domain.model import release_id
from slipway.domain.phases import Phase
from slipway.domain.release import STANDS_STILL, Rollout
from slipway.domain.runs import Trust

from ..api import PAGE, Api, read_answer
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell, tone_style
from ..lazy import DefaultGroup, Lazy
from ..options import connected
from ..output_formats import OutputFormat, formed, write_lines
from ..trail import read_record, show_trail

COLUMNS = (
    "id",
    "application",
    "number",
    "phase",
    "environment",
    "tag",
    "digest",
    "registry",
    "repository",
    "created_at",
    "changed_at",
    "plan_hash",
    "due",
    "superseded_by",
    "reason",
)
"""Columns of the CSV output; `--json` and `--jsonl` have all fields."""


@click.command()
@click.option("--application", "-a", metavar="NAME", help="Only releases of this application.")
@click.option(
    "--limit", "-n", type=click.IntRange(1, 200), default=20, show_default=True, help="Maximum number of releases."
)
@formed
@connected
def releases(api: Api, *, application: str | None, limit: int, form: OutputFormat) -> None:
    """Releases, newest first: phase, environment, and why a release ended as it did.

    \b
    Examples:
      slipway releases
      slipway releases --application shop --limit 5
      slipway releases --json | jq -r '.releases[] | select(.phase == "failed") | .id'
      slipway releases --limit 200 --csv > releases.csv
    """
    console, content = CliConsole(), api.get("releases", application=application, limit=limit)
    if form is OutputFormat.JSON:
        console.json(content)
        return
    answer = read_answer(Releases, content)
    items = answer.releases
    if form is not OutputFormat.TABLE:
        write_lines(console, form, COLUMNS, content["releases"])
        return
    none = "" if answer.not_shown else "no releases yet"
    columns = ("release", "tag", "phase", "environment", "changed", "reason")
    console.table(columns, (_row(console, item) for item in items), cut=("reason", "tag"), none=none)


def _row(console: CliConsole, item: ReleaseAnswer) -> tuple[Content, ...]:
    return (
        TextCell(item.id, NAME),
        item.tag,
        _phase(item.phase),
        item.environment or "",
        TextCell(console.time(item.changed_at), FAINT),
        item.reason,
    )


def _phase(phase: Phase) -> TextCell:
    return TextCell(phase.spoken, tone_style(phase.tone))


def _outcome(rollout: Rollout, since: str) -> TextCell:
    """The outcome of a rollout: live, or the phase in which it ended."""
    if not rollout.outcome:
        return TextCell(f"here since {since}", NOTE)
    end = Phase.of_text(rollout.outcome)
    spoken, style = (end.spoken, tone_style(end.tone)) if end else (rollout.outcome, GOOD)
    return TextCell(f"{spoken} since {since}", style)


@click.group(
    cls=DefaultGroup,
    default="show",
    lazy={
        "show": Lazy(
            "slipway.cli.commands.releases:print_release", "One release: what and where it is, and its timeline."
        ),
        "create": Lazy("slipway.cli.commands.operating:create", "Release an earlier artifact again."),
    },
)
def release() -> None:
    """One release: `slipway release ID` shows it, and `slipway release create` starts one.

    \b
    Examples:
      slipway release shop-482
      slipway release create shop --reason "more memory"
    """


@click.command("show")
@click.argument("id")
@formed
@connected
def print_release(api: Api, *, id: str, form: OutputFormat) -> None:
    """One release: its image, its state, the votes, and the timeline of its audit records.

    With --json, --jsonl or --csv only the release is printed; `slipway audit list --release ID --jsonl` prints its
    records.

    `show` may be left out.

    \b
    Examples:
      slipway release show shop-482
      slipway release shop-482 --json | jq -r .digest
    """
    console, content = CliConsole(), api.get("releases", id)
    if form is OutputFormat.JSON:
        console.json(content)
        return
    if form is not OutputFormat.TABLE:
        write_lines(console, form, COLUMNS, [content])
        return
    item = read_answer(ReleaseWithProgress, content)
    console.fields(_fields(console, item))
    page = api.audit_page(item.application, after=0, limit=PAGE, release=item.id)
    console.line()
    show_trail(console, [read_record(record) for record in page.records])
    if page.next is not None:
        click.echo(f"these are the first {PAGE} records; `slipway audit list --release {item.id}` has more", err=True)


def _fields(console: CliConsole, item: ReleaseWithProgress) -> Iterator[tuple[str, Content]]:
    yield "release", TextCell(item.id, NAME)
    yield "phase", _phase(item.phase)
    yield "reason", item.reason
    yield "environment", item.environment or ""
    if item.waits_for:
        yield "waits for", TextCell(item.waits_for, NOTE)
    if item.progress:
        yield "progress", TextCell(item.progress.text, NOTE)
    yield "superseded by", release_id(item.application, item.superseded_by) if item.superseded_by else ""
    yield "bundle" if item.bundle else "image", f"{item.registry}/{item.repository}:{item.tag}"
    yield "digest", item.digest or ""
    if item.push:
        yield "pushed", _time_and_person(console.time(item.push.at), item.push.actor)
    if item.manual_start:
        of = f", of {release_id(item.application, item.manual_start.of)}" if item.manual_start.of else ""
        yield "started by", f"{item.manual_start.who}{of}"
    if item.run:
        yield "run", f"{item.run.project}/{item.run.pipeline} {item.run.number} {item.run.result} {item.run.branch}"
        yield "run at", item.run.url
        for name, fact in (("", item.run.proof), ("built by it", item.run.built), ("people", item.run.behind)):
            yield name, TextCell(f"{fact.trust.mark} {fact.trust.spoken}: {fact.why}", tone_style(fact.trust.tone))
        for person in item.run.people:
            unsure = "" if person.trust is Trust.PROVED else f" ({person.trust.spoken})"
            yield person.part.label.lower(), f"{person.shown}{unsure}"
    yield "plan", item.plan_hash or ""
    yield "due", STANDS_STILL if item.stands_still else console.time(item.due)
    for rollout in item.rollouts:
        since = console.time(rollout.left_at or rollout.arrived_at)
        yield f"in {rollout.environment}", _outcome(rollout, since)
        for evidence in (*rollout.evidence, *((rollout.failure,) if rollout.failure else ())):
            log = f"  (log: slipway evidence {evidence.log})" if evidence.log else ""
            mark = "✓" if evidence.passed else "✗"
            yield "", TextCell(f"{mark} {evidence.name}: {evidence.summary}{log}", GOOD if evidence.passed else BAD)
    for vote in item.gate.votes if item.gate else ():
        reason = f": {vote.reason}" if vote.reason else ""
        yield "vote", _time_and_person(f"{vote.decision} {console.time(vote.at)}", vote.who) + reason


def _time_and_person(time: str, person: str) -> str:
    return f"{time} by {person}" if person else time


@click.command()
@click.argument("release")
@formed
@connected
def explain(api: Api, *, release: str, form: OutputFormat) -> None:
    """Why a release is in its current state: every rule in every environment, and what has to happen next.

    These are the rules by which the app decides; pages, cards and the audit trail use the same names. With --jsonl and
    --csv each rule is one line.

    \b
    Examples:
      slipway explain shop-482
      slipway explain shop-482 | grep -v ✓
    """
    console, content = CliConsole(), api.get("releases", release, "explain")
    if form is OutputFormat.JSON:
        console.json(content)
        return
    explanation = read_answer(Explanation, content)
    if form is not OutputFormat.TABLE:
        rules = [
            {"environment": group.environment, **rule.model_dump(mode="json")}
            for group in explanation.rules
            for rule in group.rules
        ]
        write_lines(console, form, ("environment", "rule", "subject", "verdict", "reason"), rules)
        return
    console.line(TextCell(explanation.release, NAME), "  ", _phase(explanation.phase))
    console.line(explanation.headline)
    console.line()
    _show_rules(console, explanation)
    console.line()
    if explanation.later_reports:
        console.line("reported meanwhile, and ignored:")
        rows = [(console.time(each.at), each.what, each.why) for each in explanation.later_reports]
        console.table(("time", "what", "why it was ignored"), rows, fold=("why it was ignored",))
        console.line()
    console.line(TextCell("next: ", "bold"), explanation.next)
    console.line(TextCell("page: ", "bold"), f"{api.app.url.rstrip('/')}/releases/{explanation.release}")


def _show_rules(console: CliConsole, explanation: Explanation) -> None:
    """The rules of each environment: on a terminal under its name, in a pipe with its name on each line."""
    groups = [
        (
            group.environment,
            [(TextCell(rule.mark, tone_style(rule.tone)), rule.name, rule.reason) for rule in group.rules],
        )
        for group in explanation.rules
    ]
    if not console.terminal:
        rows = [(environment, *rule) for environment, rules in groups for rule in rules]
        console.table(("environment", "holds", "rule", "reason"), rows)
        return
    for at, (environment, rules) in enumerate(groups):
        if at:
            console.line()
        console.table(("", environment, "reason"), rules, fold=("reason",))
