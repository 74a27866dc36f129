"""`slipway audit export`: export the trail to a file that can be verified offline, incrementally."""

import sys
from functools import partial
from pathlib import Path

import click

from slipway.domain.audit import ChainFault
from slipway.domain.export import ExportFormat

from ..api import Api
from ..console import BAD, GOOD, CliConsole, TextCell, progress_bar
from ..errors import Exit, no_trail
from ..exporting import Disk, Export, StandardOutput
from ..options import connected
from .audit_verify import INSTALLATION


@click.command("export")
@click.argument("applications", nargs=-1, metavar="[APPLICATION]...")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file, gzipped if it ends with .gz; by default standard output.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([str(form) for form in ExportFormat]),
    help="By default csv if the file name says so, else jsonl.",
)
@click.option(
    "--after", type=click.IntRange(min=0), default=0, metavar="SEQUENCE", help="Start after this record of the trail."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as one JSON object.")
@connected
def export_trail(
    api: Api, *, applications: tuple[str, ...], output: Path | None, form: str | None, after: int, as_json: bool
) -> None:
    """Export the trail in a form that can be verified offline.

    Run the same command again to add new records, or to resume an interrupted run. FILE.proof records how far the
    export has come, and FILE.anchors holds the anchors. Keep the three files together:
    `slipway audit verify --file FILE` needs all of them. Without APPLICATION every trail is exported, including the
    installation's own.

    \b
    Formats:
      jsonl        the records as they are hashed, one per line
      csv          for spreadsheets; a cell that could be a formula begins with '
      cloudevents  CloudEvents 1.0 in JSON, one per line

    Exit codes: 0 done, 7 a record is invalid (those before it were exported); all others as for every command.

    \b
    Examples:
      slipway audit export --output trail.jsonl.gz
      slipway audit export shop --output shop.csv
      slipway audit export shop --after 1200 --output since-1200.jsonl
      slipway audit export --format cloudevents | your-collector
    """
    if after and len(applications) != 1:
        raise click.UsageError("--after: expected exactly one APPLICATION: each trail has its own numbering")
    if output is None and as_json:
        raise click.UsageError("--json: expected --output as well, because the records go to standard output")
    chosen = ExportFormat(form) if form else _form_of(output)
    if output is None:
        _export(api, Export(api, StandardOutput(sys.stdout.buffer), chosen), applications, after)
        return
    with Disk(output) as disk:
        export = Export(api, disk, chosen)
        faults = _export(api, export, applications, after, stop=False)
    _answer(CliConsole(), output, export, faults, as_json=as_json)


def _form_of(output: Path | None) -> ExportFormat:
    name = output.name.removesuffix(".gz") if output else ""
    return ExportFormat.CSV if name.endswith(".csv") else ExportFormat.JSONL


def _export(
    api: Api, export: Export, applications: tuple[str, ...], after: int, *, stop: bool = True
) -> list[ChainFault]:
    chains = dict.fromkeys([*api.applications(), INSTALLATION, *api.anchored_chains()])  # those that were removed, too
    for name in applications:
        if name not in chains:
            raise no_trail(name, chains)
    names = dict.fromkeys(applications or chains)
    faults = list[ChainFault]()
    with progress_bar() as steps:
        for name in names:
            if fault := export.chain(name, after=after, progress=partial(steps.update, name)):
                faults.append(fault)
    export.anchors()
    if stop:
        for fault in faults:
            click.echo(f"{fault.application}: record {fault.sequence}: {fault.reason}", err=True)
        if faults:
            raise SystemExit(Exit.BROKEN)
    return faults


def _answer(console: CliConsole, output: Path, export: Export, faults: list[ChainFault], *, as_json: bool) -> None:
    proof = export.proof
    if as_json:
        summary = {"file": str(output), "added": export.records, **proof.model_dump(mode="json")}
        console.json(summary | {"faults": [fault.model_dump(mode="json") for fault in faults]})
    else:
        total = sum(part.last - part.first + 1 for part in proof.chains.values())
        console.line(TextCell("✓ exported", GOOD), f"  {output}: {export.records} new, {total} records in all")
        for fault in faults:
            console.line(TextCell("✗ broken", BAD), f"  {fault.application}: record {fault.sequence}: {fault.reason}")
    if faults:
        raise SystemExit(Exit.BROKEN)
