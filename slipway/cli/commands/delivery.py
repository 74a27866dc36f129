"""`slipway delivery`: check deliveries before they are merged. It needs no app."""

import os
from dataclasses import replace
from pathlib import Path

import click

from slipway.catalogue import ConfigError, load_deliveries, load_delivery
from slipway.catalogue.delivery import DELIVERY_FILE
from slipway.catalogue.schema import schema_text

from ..errors import CliError, Exit
from ..screen import GOOD, Cell, Screen


@click.group()
def delivery() -> None:
    """Check deliveries before they are merged, and print their schema."""


@delivery.command()
@click.argument("folder", type=click.Path(path_type=Path), default="deliveries")
def check(folder: Path) -> None:
    """Check every delivery.yaml in FOLDER with its manifests (default: deliveries), or that of one application.

    Every problem is printed as `file:line: field: what was expected, what was found`, so that editors and CI systems
    can link to it. Names of registries, clusters and channels are not checked: only the installation's settings know
    them.

    \b
    Exit codes: 0 no problems, 1 there are problems, 2 usage.

    \b
    Examples:
      slipway delivery check
      slipway delivery check deliveries/shop
    """
    root = folder.resolve()
    root = root.parent if root.name == DELIVERY_FILE else root
    alone = (root / DELIVERY_FILE).is_file()
    screen = Screen()
    try:
        names = [load_delivery(root).application.application] if alone else sorted(load_deliveries(root))
    except ConfigError as error:
        above = (root.parent if alone else root).parent
        _show(screen, error, above)
        raise SystemExit(Exit.NO) from error
    if not names:
        raise CliError(f"{folder}: expected folders that each hold a {DELIVERY_FILE}, got none")
    screen.line(Cell("✓", GOOD), f" {', '.join(names)}: no problems")


def _show(screen: Screen, error: ConfigError, above: Path) -> None:
    """Print the problems, with paths relative to the current folder."""
    cwd = Path.cwd()
    prefix = Path(os.path.relpath(above)) if above.is_relative_to(cwd) or cwd.is_relative_to(above) else above
    for problem in error.problems:
        screen.whole(str(replace(problem, file=(prefix / problem.file).as_posix())))
    count = len(error.problems)
    click.echo(f"{count} problem{'' if count == 1 else 's'}", err=True)


@delivery.command()
def schema() -> None:
    """Print the JSON Schema of delivery.yaml, for editors.

    \b
    Example:
      slipway delivery schema > .vscode/delivery.schema.json
    """
    click.echo(schema_text(), nl=False)
