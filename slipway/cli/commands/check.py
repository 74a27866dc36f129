"""`slipway check`: look at projects and applications before anything is applied. It needs no app."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import click

from slipway.catalogue import ConfigError, Problem, check_path
from slipway.catalogue.schema import MODELS, schema_text

from ..bundles import json_option
from ..errors import ProblemsError
from ..screen import GOOD, NOTE, Screen, TextCell


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@json_option
def check(path: Path, *, as_json: bool) -> None:
    """Check the projects and applications in PATH, a file or a folder (default: this one).

    Of a folder, every project.yaml and application.yaml in it counts, at any depth. Every problem is printed as
    `file:line: field: what was expected, what was found`, so that editors and CI systems can link to it. Names of
    registries, clusters and channels are not checked, as only the installation's settings know them, and the limits
    of a project only if the project is in PATH; `slipway diff` asks the installation about both.

    \b
    Exit codes: 0 no problems, 1 there are problems.

    \b
    Examples:
      slipway check
      slipway check deploy/application.yaml
    """
    screen = Screen()
    try:
        checked = check_path(path)
    except ConfigError as error:
        raise problems_in(path, error) from None
    if as_json:
        screen.json(
            {
                "projects": list(checked.projects),
                "applications": list(checked.definitions),
                "advice": [str(advice) for advice in _placed(checked.advice, path)],
                "without_project": list(checked.without_project),
            }
        )
        return
    names = [*(f"project {name}" for name in checked.projects), *checked.definitions]
    screen.line(TextCell("✓", GOOD), f" {', '.join(names)}: no problems")
    for advice in _placed(checked.advice, path):
        screen.whole(f"! {advice}")
    for name in checked.without_project:
        project = checked.definitions[name].application.project
        screen.line(
            TextCell("!", NOTE), f" {name}: its project {project} is not here, so its limits were not looked at"
        )


def problems_in(path: Path, error: ConfigError) -> ProblemsError:
    """What is wrong with the files, with paths relative to the current folder."""
    return ProblemsError(tuple(_placed(error.problems, path)))


def _placed(problems: Iterable[Problem], path: Path) -> Iterator[Problem]:
    """The problems with paths relative to the current folder where it is near."""
    root = path.resolve() if path.is_dir() else path.resolve().parent
    above, cwd = root.parent, Path.cwd()
    near = root.is_relative_to(cwd) or cwd.is_relative_to(root)
    for problem in problems:
        file = above / problem.file
        yield replace(problem, file=os.path.relpath(file) if near else str(file))


@click.command()
@click.argument("kind", type=click.Choice(tuple(MODELS)))
def schema(kind: str) -> None:
    """Print the JSON Schema of a project or an application, for editors.

    \b
    Example:
      slipway schema application > .vscode/application.schema.json
    """
    click.echo(next(schema_text(known) for known in MODELS if known == kind), nl=False)
