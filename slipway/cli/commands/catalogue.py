"""`slipway apply`, `diff`, `export`, `history` and `remove`: projects and applications of an installation."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from slipway.api.catalogue import Changes, ChangeShown, ExportedFiles, ProblemShown, TargetsShown, VersionHistory
from slipway.api.inbox import ReceivedAnswer, SaidOutcome
from slipway.bundle import read_targets
from slipway.bundle.model import TARGETS_FILE
from slipway.catalogue import ConfigError
from slipway.domain.answers import StatementState
from slipway.domain.inbox import LookKind
from slipway.text import moment

from ..api import Api, read_answer
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, TextCell
from ..documents import LocalDocuments, as_problem, compare, post_documents, read_good
from ..errors import CliError, Exit
from ..options import Confirming, connected, reason_option, waiting
from ..options import as_json as json_option
from ..schemas import kubernetes_option, not_compared_line
from ..text import neutral, short_digest
from ..waiting import await_confirmation, await_decision, await_outcome, new_inbox_id, require_counted, take_look

_MARKS = {
    "created": TextCell("+", GOOD),
    "changed": TextCell("~", NOTE),
    "removed": TextCell("-", BAD),
    "unchanged": TextCell("=", FAINT),
    "proposed": TextCell("?", NOTE),
    "refused": TextCell("✗", BAD),
}
_file = click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path),
    required=True,
    help="A file, or a folder: then every project.yaml and application.yaml in it.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_reason = reason_option("Why; kept with the version and in the audit trail.")


@click.command()
@_file
@_yes
@_reason
@kubernetes_option
@waiting
@json_option
@connected
def apply(api: Api, *, path: Path, yes: bool, reason: str, version: str, confirming: Confirming, as_json: bool) -> None:
    """Apply the projects and applications in PATH, each on its own merits.

    The command prints what would change, asks you, and waits for the outcome. Applying the same documents again changes
    nothing. A document is refused if it is wrong, if you may not change it, or if somebody else has changed it since
    the comparison; the others are still applied. Manifests are checked against Kubernetes' own schemas, as
    `slipway check` does.

    If a document weakens what protects production, a person first confirms all of them on a page whose address the
    command prints. Then the approvers of each gate that would become weaker vote on the change, under the rules now in
    force.

    Exit codes: 0 applied, or there was nothing to change; 1 a document was refused, whatever became of the others; 4
    the app cannot be reached, or does not decide; 5 nothing was refused, but a person has to confirm the change or vote
    on it. --json prints the outcome of each document.

    \b
    Examples:
      slipway apply -f deploy/application.yaml --reason "two replicas"
      slipway apply -f deploy --yes --json
    """
    console, local = CliConsole(), read_good(path, version)
    compared = compare(api, local)
    if not as_json:
        _show(console, compared.changes)
    left = [change for change in compared.changes if not change.refused]
    if all(change.outcome == "unchanged" for change in left):
        if not as_json and not compared.refused:
            click.echo("nothing to change", err=True)
        _end_command(console, local, compared, as_json=as_json)
        return
    if not yes:
        _confirm("Apply this?" if not compared.refused else "Apply the rest?")
    request = {**local.body(without=compared), "reason": reason, "id": new_inbox_id(), "channel": "cli"}
    received = read_answer(ReceivedAnswer, post_documents(api, local, body=request))
    refused = received.refused
    if received.open:
        received = await_confirmation(api, received, confirming)
    outcome = await_decision(api, received)
    if outcome.state not in (StatementState.COUNTED, StatementState.REFUSED):
        require_counted(outcome)
    made = _changes_of_outcome(
        outcome, compared, refused=(*(each for each in compared.changes if each.refused), *refused)
    )
    if not as_json:
        _show_changes(console, made)
    _end_command(console, local, made, as_json=as_json)


@click.command()
@_file
@kubernetes_option
@json_option
@connected
def diff(api: Api, *, path: Path, version: str, as_json: bool) -> None:
    """Show what `slipway apply` would change, and whether it would be refused. This changes nothing.

    Manifests are checked against Kubernetes' own schemas, as `slipway check` does.

    Exit codes: 0 everything could be applied, 1 a document would be refused, 4 the app cannot be reached.

    \b
    Example:
      slipway diff -f deploy
    """
    console, local = CliConsole(), read_good(path, version)
    changes = compare(api, local)
    if not as_json:
        _show(console, changes.changes)
    _end_command(console, local, changes, as_json=as_json)


@click.command()
@click.argument("name")
@click.option("--project", "is_project", is_flag=True, help="NAME is a project.")
@click.option("--document", metavar="HASH", help="An earlier version, by its hash; by default the one in force.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the files into this folder.")
@click.option(
    "--targets",
    "kubernetes",
    metavar="VERSION",
    help="Write targets.json instead, for bundles rendered for this minor version of Kubernetes, such as 1.34.",
)
@json_option
@connected
def export(
    api: Api,
    *,
    name: str,
    is_project: bool,
    document: str | None,
    output: Path | None,
    kubernetes: str | None,
    as_json: bool,
) -> None:
    """Export an application, or a project, as the files that `slipway apply` would take.

    With --targets the command writes targets.json instead: the description of its environments that
    `slipway bundle build` reads. You name the version of Kubernetes, because the part of Slipway that answers here
    reaches no cluster.

    \b
    Examples:
      slipway export shop -o deploy
      slipway export shop --project
      slipway export shop --targets 1.34 -o deploy
    """
    console = CliConsole()
    if kubernetes is not None:
        _export_targets(
            console,
            read_answer(TargetsShown, take_look(api, LookKind.TARGETS, name)),
            kubernetes,
            output,
            as_json=as_json,
        )
        return
    content = api.get("catalogue", _kind(is_project), name, "files", document=document)
    files = read_answer(ExportedFiles, content).files
    if output is not None:
        _write(output, files)
        click.echo(f"{len(files)} file{'' if len(files) == 1 else 's'} in {output}", err=True)
    if as_json:
        console.json(content)
    elif output is None:
        for path, text in files.items():
            console.line(TextCell(f"# {path}", FAINT))
            console.text(text.rstrip("\n"))


@click.command()
@click.argument("name")
@click.option("--project", "is_project", is_flag=True, help="NAME is a project.")
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="Versions to show.")
@json_option
@connected
def history(api: Api, *, name: str, is_project: bool, limit: int, as_json: bool) -> None:
    """The versions of an application or a project, newest first: who changed what, when and why.

    \b
    Example:
      slipway history shop
    """
    console = CliConsole()
    content = api.get("catalogue", _kind(is_project), name, limit=limit)
    if as_json:
        console.json(content)
        return
    for version in read_answer(VersionHistory, content).versions:
        number, when = f"{version.number}{'' if version.document else ' removed'}", moment(version.at)
        console.line(TextCell(number, NAME), f"  {when}  {version.by}  {version.reason}")
        console.line(TextCell(f"    {version.document or 'nothing in force'}", FAINT))
        for line in version.difference:
            console.unwrapped_line(f"    {line}")


@click.command()
@click.argument("name")
@click.option("--project", "is_project", is_flag=True, help="NAME is a project.")
@_yes
@_reason
@json_option
@connected
def remove(api: Api, *, name: str, is_project: bool, yes: bool, reason: str, as_json: bool) -> None:
    """Take an application or a project out of the catalogue. Its releases, records and versions stay.

    Nothing in a cluster changes. If the application is applied again later, it is compared with its last version, so
    that its production gate cannot come back weaker without a vote.

    \b
    Example:
      slipway remove shop --reason "moved to another installation"
    """
    console = CliConsole()
    if not yes:
        _confirm(f"Remove {_kind(is_project)} {name}?")
    request = {"reason": reason, "id": new_inbox_id(), "channel": "cli"}
    received = read_answer(ReceivedAnswer, api.post("catalogue", _kind(is_project), name, "removal", body=request))
    outcome = await_outcome(api, received)
    if as_json:
        console.json(_changes_of_outcome(outcome, None).model_dump(mode="json"))
    else:
        console.line(TextCell("✓", GOOD), f" {name} is removed")


def _kind(is_project: bool) -> str:
    return "project" if is_project else "application"


def _end_command(console: CliConsole, local: LocalDocuments, changes: Changes, *, as_json: bool) -> None:
    """Print the documents that are refused and those that wait, and end with the matching exit code."""
    if as_json:
        problems = [ProblemShown.of(each).model_dump(mode="json") for each in local.problems]
        more = {"problems": problems, "not_compared": list(local.not_compared)}
        console.json({**changes.model_dump(mode="json"), **more})
    else:
        for problem in local.problems:
            console.unwrapped_line(str(problem))
        for line in not_compared_line(local.not_compared):
            console.unwrapped_line(f"! {line}")
    if changes.page and not as_json:
        click.echo(
            f"people vote on it: {neutral(changes.page)}; see `slipway change {short_digest(changes.change)}`", err=True
        )
    if changes.refused or local.problems:
        raise SystemExit(Exit.REFUSED)
    if changes.change:
        raise SystemExit(Exit.WAITING)


def _changes_of_outcome(
    outcome: SaidOutcome, compared: Changes | None, *, refused: Iterable[ChangeShown] = ()
) -> Changes:
    """The outcome of the changes, with the lines of the earlier comparison, for which the answer has no room."""
    differences = {change.subject: change.difference for change in (compared.changes if compared else ())}
    problems = {
        f"{kind}:{name}": tuple(each for each in outcome.problems if each.file == f"{name}/{kind}.yaml")
        for kind, _, name in (change.subject.partition(":") for change in outcome.changes)
    }
    shown = [
        change.model_copy(
            update={"difference": differences.get(change.subject, ()), "problems": problems[change.subject]}
        )
        for change in outcome.changes
    ]
    subjects = {change.subject for change in shown}
    shown += [change for change in refused if change.subject not in subjects]
    return Changes(
        changes=tuple(shown),
        refused=any(change.refused for change in shown),
        committed=any(change.number and change.outcome not in ("unchanged", "refused") for change in shown),
        change=outcome.change,
        page=outcome.page,
    )


def _show_changes(console: CliConsole, made: Changes) -> None:
    for change in made.changes:
        if change.refused:
            _show_refused(console, change, f"{_name(change.subject)} ")
        elif change.outcome == "proposed":
            console.line(TextCell("?", NOTE), f" {_name(change.subject)}: waits for votes")
        elif change.number and change.outcome != "unchanged":
            console.line(TextCell("✓", GOOD), f" {_name(change.subject)}: version {change.number} is in force")


def _show(console: CliConsole, changes: Iterable[ChangeShown]) -> None:
    for change in changes:
        mark = _MARKS.get(change.outcome, TextCell("?", NOTE))
        would = "" if change.refused or change.outcome == "unchanged" else "would be "
        console.line(mark, " ", TextCell(_name(change.subject), NAME), f" {would}{change.outcome}")
        for line in change.difference:
            console.unwrapped_line(f"    {line}")
        for line in change.stalled:
            console.unwrapped_line(f"    would be stalled: {line}")
        if change.opens and not change.refused:
            for line in change.weaker:
                console.unwrapped_line(f"    weaker, which a person has to confirm: {line}")
            for line in change.asks:
                console.unwrapped_line(f"    is voted on by {line}")
        if change.refused:
            _show_refused(console, change, "    ")


def _show_refused(console: CliConsole, change: ChangeShown, before: str) -> None:
    """Print each problem on its own line, which editors can link to."""
    if not change.problems:
        console.unwrapped_line(f"{before}refused: {change.refused}")
    for problem in change.problems:
        console.unwrapped_line(str(as_problem(problem)))


def _name(subject: str) -> str:
    kind, _, name = subject.partition(":")
    return name if kind == "application" else f"{kind} {name}"


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CliError("there is no terminal to ask at: use --yes", exit_code=Exit.USAGE)
    if not click.confirm(question, default=False, err=True):
        raise CliError("nothing was changed")


def _export_targets(
    console: CliConsole, shown: TargetsShown, kubernetes: str, output: Path | None, *, as_json: bool
) -> None:
    environments = {
        name: {"registry": each.registry, "namespace": each.namespace, "kubernetes": kubernetes, "apis": []}
        for name, each in shown.environments.items()
    }
    content: dict[str, Any] = {
        "v": 1,
        "application": shown.application,
        "environments": environments,
        "image_paths": shown.image_paths,
        "foreign_images": shown.foreign_images,
        "unpinned": shown.unpinned,
    }
    text = json.dumps(content, indent=2) + "\n"
    try:
        read_targets(text.encode())
    except ConfigError as error:
        raise CliError(f"--targets: {error}", exit_code=Exit.USAGE) from None
    if output is None:
        console.json(content)
        return
    _write(output, {TARGETS_FILE: text})
    click.echo(f"{TARGETS_FILE} in {output}", err=True)
    if as_json:
        console.json(content)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    root = folder.resolve()
    for path, text in files.items():
        target = (root / path).resolve()
        if not target.is_relative_to(root):
            raise CliError(f"the app named a file outside of the folder: {path[:200]}", exit_code=Exit.UNREACHABLE)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
