"""`slipway audit export`: the trail into a file that proves itself, bit by bit."""

import sys
from functools import partial
from pathlib import Path

import click

from slipway.domain.audit import ChainFault
from slipway.domain.export import Form

from ..api import Api
from ..errors import Exit
from ..exporting import Disk, Export, Stream, read_anchors
from ..options import connected
from ..screen import BAD, GOOD, Cell, Screen, progress
from .audit_verify import INSTALLATION


@click.command("export")
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file; gzip where it ends with .gz. Without it, standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in Form]),
    help="By default csv where the file's name says so, else jsonl.",
)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="SEQUENCE", help="Begin behind this record of the trail."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
@connected
def export_trail(
    api: Api, *, applications: tuple[str, ...], output: Path | None, form: str | None, after: int, as_json: bool
) -> None:
    """Take the trail away, in a form that can be verified with no app.

    The same command again adds what is new, and goes on where a run was cut off: how far it has come is kept beside
    the file, in FILE.proof, and the anchors are in FILE.anchors. Keep the three together: they are what
    `slipway audit verify --file FILE` looks at. Without APPLICATION every trail is exported, the installation's
    own too.

    \b
    Formats:
      jsonl        the records as they are hashed, a line each
      csv          for spreadsheets: no cell is taken for a formula (a mark ' stands in front of what could be one)
      cloudevents  CloudEvents 1.0 in JSON, a line each

    \b
    Exit codes: 0 done, 1 a record is wrong (what comes before it was exported), 2 usage, 3 no answer.

    \b
    Examples:
      slipway audit export --output trail.jsonl.gz
      slipway audit export shop --output shop.csv
      slipway audit export shop --after 1200 --output since-1200.jsonl
      slipway audit export --format cloudevents | your-collector
    """
    if after and len(applications) != 1:
        raise click.UsageError("--after: expected one APPLICATION with it: each trail has numbers of its own")
    if output is None and as_json:
        raise click.UsageError("--json: expected --output with it: the records go to standard output")
    chosen = Form(form) if form else _form_of(output)
    if output is None:
        _export(api, Export(api, Stream(sys.stdout.buffer), chosen), applications, after)
        return
    with Disk(output) as disk:
        export = Export(api, disk, chosen)
        faults = _export(api, export, applications, after, stop=False)
    _answer(Screen(), output, export, faults, as_json=as_json)


def _form_of(output: Path | None) -> Form:
    name = output.name.removesuffix(".gz") if output else ""
    return Form.CSV if name.endswith(".csv") else Form.JSONL


def _export(
    api: Api, export: Export, applications: tuple[str, ...], after: int, *, stop: bool = True
) -> list[ChainFault]:
    anchors = read_anchors(api.anchors())
    known = api.applications()
    unknown = [name for name in applications if name not in (*known, INSTALLATION)]
    if unknown:
        raise click.UsageError(f"there is no trail of {unknown[0]!r}; applications: {', '.join(known) or '(none)'}")
    ended = [name for anchor in anchors[-1:] for name in anchor.heads]
    names = dict.fromkeys(applications or [*known, INSTALLATION, *ended])
    faults = list[ChainFault]()
    with progress() as steps:
        for name in names:
            if fault := export.chain(name, after=after, progress=partial(steps.at, name)):
                faults.append(fault)
    export.anchors(anchors)
    if stop:
        for fault in faults:
            click.echo(f"{fault.application}: record {fault.sequence}: {fault.reason}", err=True)
        if faults:
            raise SystemExit(Exit.NO)
    return faults


def _answer(screen: Screen, output: Path, export: Export, faults: list[ChainFault], *, as_json: bool) -> None:
    proof = export.proof
    if as_json:
        summary = {"file": str(output), "added": export.records, **proof.model_dump(mode="json")}
        screen.json(summary | {"faults": [fault.model_dump(mode="json") for fault in faults]})
    else:
        total = sum(part.last - part.first + 1 for part in proof.chains.values())
        screen.line(Cell("✓ exported", GOOD), f"  {output}: {export.records} new, {total} records in all")
        for fault in faults:
            screen.line(Cell("✗ broken", BAD), f"  {fault.application}: record {fault.sequence}: {fault.reason}")
    if faults:
        raise SystemExit(Exit.NO)
