"""`slipway bundle`: build what travels, push it, look into it. It needs no app, only registries."""

from pathlib import Path
from typing import Any

import click

from slipway.bundle import Targets
from slipway.bundle.layout import is_layout, write_files
from slipway.catalogue import ConfigError, Problem
from slipway.domain.model import canonical

from .. import registries
from ..bundles import (
    TARGETS_FILE,
    OpenedBundle,
    json_option,
    open_bundle,
    print_summary,
    problems_as_errors,
    read_targets_file,
    remote,
)
from ..console import GOOD, CliConsole, TextCell
from ..errors import CliError, Exit
from ..lazy import Group
from .bundle_build import build_


@click.group(cls=Group)
def bundle() -> None:
    """Build, push and inspect bundles: one artifact with the manifests of each environment, every image by digest.

    The commands use the credentials of `docker login` or `az acr login`; for a registry in Azure also the identity that
    you signed in to Entra with. SLIPWAY_REGISTRY_USER and SLIPWAY_REGISTRY_PASSWORD take precedence over both. A name
    and a password are sent only to the registry's own host and to the hosts in SLIPWAY_REGISTRY_HOSTS. For the
    registries of `make up` you have the rights of its CI.
    """


bundle.add_command(build_)


@bundle.command("push")
@click.argument("layout", type=click.Path(path_type=Path, file_okay=False))
@click.argument("to", metavar="REGISTRY/REPOSITORY")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write what was pushed into this file, for the run to publish.",
)
@json_option
def push(layout: Path, to: str, record: Path | None, *, as_json: bool) -> None:
    """Push the bundle that `build` wrote into LAYOUT, tagged with its version. This starts a release.

    Pushing the same bundle again changes nothing. If the tag names something else, it is not moved and the command
    fails.

    \b
    Example:
      slipway bundle push bundle shop.azurecr.io/team/shop-bundle
    """
    target = remote(to)
    if not is_layout(layout):
        expected = "expected a folder that `slipway bundle build` wrote"
        raise CliError(f"{layout}: {expected}, got {'another' if layout.exists() else 'none'}", exit_code=Exit.USAGE)
    with problems_as_errors():
        made = open_bundle(str(layout))
        tag = made.config.version
        if target.reference not in ("", tag):
            raise CliError(f"{to}: expected the bundle's version {tag} as the tag, or none", exit_code=Exit.USAGE)
        registries.push_bundle(registries.open_registry(target.registry), target.repository, tag, made.packed)
    if record:
        record.write_bytes(canonical(_published(made, target.registry, target.repository)) + b"\n")
    console = CliConsole()
    pushed = f"{target.name}:{tag}@{made.packed.digest}"
    if as_json:
        console.json({"pushed": pushed, "digest": made.packed.digest, "tag": tag})
    else:
        console.line(TextCell("✓ pushed", GOOD), f"  {pushed}")


def _published(made: OpenedBundle, registry: str, repository: str) -> dict[str, Any]:
    """The document in which a run says what it published, to be compared with the registry."""
    return {
        "v": 1,
        "kind": "bundle",
        "registry": registry,
        "repository": repository,
        "digest": made.packed.digest,
        "images": [{"repository": image.repository, "digest": image.digest} for image in made.config.images],
        "tool": f"slipway {made.config.tools.slipway}",
    }


@bundle.command("show")
@click.argument("where", metavar="LAYOUT|REFERENCE")
@json_option
def print_bundle(where: str, *, as_json: bool) -> None:
    """The content of a bundle: images, environments, files.

    \b
    Examples:
      slipway bundle show bundle
      slipway bundle show shop.azurecr.io/team/shop-bundle:1.4.0
    """
    with problems_as_errors():
        made = open_bundle(where)
    console = CliConsole()
    if as_json:
        console.json(made.summary())
    else:
        print_summary(console, made)


@bundle.command("verify")
@click.argument("where", metavar="LAYOUT|REFERENCE")
@click.option(
    "--targets",
    "targets_file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=TARGETS_FILE,
    show_default=True,
    help="Description of the environments, written by `slipway export --targets`.",
)
@json_option
def verify_bundle(where: str, targets_file: Path, *, as_json: bool) -> None:
    """Read a bundle as strictly as Slipway does, and compare it with targets.json.

    Exit codes: 0 nothing is wrong, 1 there are problems, 4 the registry cannot be reached.

    \b
    Example:
      slipway bundle verify shop.azurecr.io/team/shop-bundle:1.4.0
    """
    with problems_as_errors():
        made, targets = open_bundle(where), read_targets_file(targets_file)
        if problems := _differences(made, targets):
            raise ConfigError(problems)
    console = CliConsole()
    if as_json:
        console.json(made.summary() | {"verified": True})
    else:
        console.line(TextCell("✓", GOOD), f" {made.config.application} {made.config.version}: {made.packed.digest}")


@bundle.command("pull")
@click.argument("where", metavar="LAYOUT|REFERENCE")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="New or empty folder to write into."
)
@json_option
def pull(where: str, output: Path, *, as_json: bool) -> None:
    """Write a bundle's files into a folder, exactly as they would be applied.

    \b
    Example:
      slipway bundle pull shop.azurecr.io/team/shop-bundle:1.4.0 --output live
    """
    with problems_as_errors():
        made = open_bundle(where)
        write_files(output, made.files)
    console = CliConsole()
    if as_json:
        console.json(made.summary() | {"output": str(output)})
    else:
        console.line(TextCell("✓ pulled", GOOD), f"  {len(made.files)} files of {made.packed.digest} into {output}")


def _differences(made: OpenedBundle, targets: Targets) -> list[Problem]:
    """How the targets that a bundle was rendered for differ from those in targets.json."""
    config = made.config
    if config.targets == targets.hash:
        return []
    problems = []
    if config.application != targets.application:
        got = repr(config.application)
        problems.append(_problem("application", expected=repr(targets.application), got=got))
    for name, entry in config.environments.items():
        target = targets.environments.get(name)
        if target is None:
            problems.append(_problem(f"environments.{name}", expected="an environment of targets.json", got="none"))
            continue
        for field in ("registry", "namespace", "kubernetes"):
            expected, got = getattr(target, field), getattr(entry, field)
            if expected != got:
                problems.append(_problem(f"environments.{name}.{field}", expected=repr(expected), got=repr(got)))
    return problems or [_problem("targets", expected=targets.hash, got=config.targets)]


def _problem(field: str, *, expected: str, got: str) -> Problem:
    return Problem(file="bundle.json", field=field, expected=expected, got=got, message="build the bundle again")
