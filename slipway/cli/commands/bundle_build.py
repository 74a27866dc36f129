"""`slipway bundle build`: makes a bundle from manifests, a kustomization or a chart, with every image looked up."""

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import click

from slipway.bundle import BuildOptions, BundleSource, build, parse_reference
from slipway.bundle.layout import write_layout
from slipway.domain.model import TAG_PATTERN
from slipway.manifests.references import Reference

from .. import registries
from ..bundles import TARGETS_FILE, json_option, open_packed, print_summary, problems_as_errors, read_targets_file
from ..console import GOOD, NAME, NOTE, CliConsole, TextCell
from ..errors import CliError, Exit
from ..programs import Programs
from ..schemas import Schemas, not_compared_line

_AZURE_PIPELINES = {
    "organization": "SYSTEM_COLLECTIONURI",
    "project": "SYSTEM_TEAMPROJECT",
    "run": "BUILD_BUILDID",
    "commit": "BUILD_SOURCEVERSION",
    "repository": "BUILD_REPOSITORY_URI",
}
"""The variables of Azure Pipelines that describe a bundle's source."""


def _reference(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> dict[str, Reference]:
    references: dict[str, Reference] = {}
    for text in values:
        try:
            reference = parse_reference(text)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        if reference.host or not (reference.tag or reference.digest):
            raise click.BadParameter(f"expected repository:tag or repository@digest, got {text!r}")
        references[reference.repository] = reference
    return references


def _version(_: click.Context, __: click.Parameter, value: str) -> str:
    if not re.fullmatch(TAG_PATTERN, value):
        raise click.BadParameter(f"expected at most 128 letters, digits, dots, dashes, underscores, got {value!r}")
    return value


@click.command("build")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--version", required=True, callback=_version, help="Version of the bundle, which becomes its tag.")
@click.option("--registry", required=True, metavar="HOST", help="Registry that the images were pushed to.")
@click.option(
    "--targets",
    "targets_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Description of the environments, written by `slipway export --targets`.  [default: the one in FOLDER]",
)
@click.option(
    "--image",
    "given",
    multiple=True,
    callback=_reference,
    metavar="REPOSITORY:TAG",
    help="Use this tag or digest of an image, instead of the tag in the manifests; can be repeated.",
)
@click.option(
    "--chart",
    type=click.Path(path_type=Path, exists=True),
    help="Chart that environments with a values.yaml are rendered from.  [default: FOLDER/chart]",
)
@click.option(
    "--created",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]),
    help="Creation time to record in the bundle; by default none.",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), default="bundle", show_default=True, help="Folder to write."
)
@json_option
def build_(  # noqa: PLR0917 - click passes them by name
    folder: Path,
    version: str,
    registry: str,
    targets_file: Path | None,
    given: Mapping[str, Reference],
    chart: Path | None,
    created: datetime | None,
    output: Path,
    *,
    as_json: bool,
) -> None:
    """Build a bundle from FOLDER/environments/<environment>/.

    An environment's folder holds plain Kubernetes YAML, a kustomization.yaml that kustomize renders, or a values.yaml
    for the chart in FOLDER/chart. Helm renders the chart with that file, on top of the values.yaml in FOLDER if there
    is one. Kustomize and Helm run twice, without a network, and the build fails if the two results differ.

    Manifests are checked against Kubernetes' own schemas, of the version that targets.json names for the environment.
    Kinds without a schema, such as custom resources, are listed as not checked.

    Every image is looked up in the registry and written by digest, in the registry of each environment. Building twice
    gives the same digest. The time is taken from --created or SOURCE_DATE_EPOCH; in Azure Pipelines, run and commit
    are taken from the agent's variables.

    Exit codes: 0 built, 1 there are problems, 4 the registry cannot be reached.

    \b
    Examples:
      slipway bundle build deploy --version 1.4.0 --registry shop.azurecr.io
      slipway bundle build deploy --version 1.4.0 --registry shop.azurecr.io --image team/shop:1.4.0
    """
    client, schemas = registries.open_registry(registry), Schemas()
    with problems_as_errors():
        targets = read_targets_file(targets_file or folder / TARGETS_FILE)
        build_options = BuildOptions(
            folder=folder,
            chart=chart,
            targets=targets,
            version=version,
            registry=registry,
            references=given,
            created=created or _epoch(os.environ),
            source=BundleSource(**{name: os.environ.get(variable, "") for name, variable in _AZURE_PIPELINES.items()}),
        )
        built = build(build_options, registries.resolver(client), Programs(os.environ), schemas)
        write_layout(output, built.packed, tag=version)
        made = open_packed(built.packed)
    console = CliConsole()
    if as_json:
        more = {"output": str(output), "missing": list(built.missing), "notes": list(built.notes)}
        more["not_compared"] = list(schemas.not_compared)
        console.json(made.summary() | more)
        return
    console.line(TextCell("✓ built", GOOD), f"  {output}: ", TextCell(built.packed.digest, NAME))
    print_summary(console, made)
    for note in (*built.notes, *not_compared_line(schemas.not_compared)):
        console.line(TextCell("note", NOTE), f"  {note}")
    if built.missing:
        console.line(
            TextCell("ends before", NOTE), f"  {built.missing[0]}: the folder has no environments/{built.missing[0]}"
        )


def _epoch(environment: Mapping[str, str]) -> datetime | None:
    """The time that reproducible builds are given: https://reproducible-builds.org/specs/source-date-epoch/."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise CliError("SOURCE_DATE_EPOCH: expected seconds since 1970", exit_code=Exit.USAGE) from None
