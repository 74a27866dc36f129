"""`slipway check`: look at projects and applications before anything is applied. An app is asked where one is found."""

from pathlib import Path

import click

from slipway.catalogue import CheckedDocuments, ConfigError, check_path
from slipway.catalogue.schema import MODELS, schema_text
from slipway.manifests.problems import Findings

from ..documents import compared_there
from ..errors import CliError, ProblemsError
from ..options import app_options, one_object, open_api
from ..placing import placed, problems_in
from ..schemas import Schemas, kubernetes_option, told
from ..screen import GOOD, NOTE, Screen, TextCell


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@kubernetes_option
@click.option(
    "--offline",
    is_flag=True,
    help="Do not ask an installation whether it knows the registries, clusters and channels by their names.",
)
@app_options
@one_object
@click.pass_context
def check(
    context: click.Context,
    path: Path,
    *,
    version: str,
    offline: bool,
    url: str | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Check the projects and applications in PATH, a file or a folder (default: this one).

    Of a folder, every project.yaml and application.yaml in it counts, at any depth. Every problem is printed as
    `file:line: field: what was expected, what was found`, so that editors and CI systems can link to it, with the
    environment where it is not wrong in all of them. Manifests are compared with Kubernetes' own schemas; kinds that
    have none there, such as custom resources, are named as not compared. Names of registries, clusters and channels,
    and the limits of a project that is not in PATH, are checked where an installation is found (by --url, SLIPWAY_URL,
    or `make up`) and answers.

    \b
    Exit codes: 0 no problems, 1 there are problems.

    \b
    Examples:
      slipway check
      slipway check deploy/application.yaml --kubernetes 1.34
    """
    screen, schemas = Screen(), Schemas()
    try:
        checked = check_path(path)
        _compare_with_schemas(checked, schemas, version)
    except ConfigError as error:
        raise problems_in(path, error) from None
    unasked = "it was not asked for" if offline else _ask_the_installation(context, path, version, url=url, key=key)
    if as_json:
        screen.json(
            {
                "projects": list(checked.projects),
                "applications": list(checked.definitions),
                "advice": [str(advice) for advice in placed(checked.advice, path)],
                "without_project": list(checked.without_project),
                "not_compared": list(schemas.not_compared),
                "names_not_checked": unasked,
            }
        )
        return
    names = [*(f"project {name}" for name in checked.projects), *checked.definitions]
    screen.line(TextCell("✓", GOOD), f" {', '.join(names)}: no problems")
    for advice in placed(checked.advice, path):
        screen.whole(f"! {advice}")
    for line in told(schemas.not_compared):
        screen.whole(f"! {line}")
    for name in checked.without_project:
        project = checked.definitions[name].application.project
        if unasked:
            screen.line(
                TextCell("!", NOTE), f" {name}: its project {project} is not here, so its limits were not checked"
            )
    if unasked and not offline:
        click.echo(f"names of registries, clusters and channels were not checked: {unasked}", err=True)


def _compare_with_schemas(checked: CheckedDocuments, schemas: Schemas, version: str) -> None:
    """Raises ConfigError with what the schemas of Kubernetes refuse."""
    findings = Findings()
    for environments in checked.rendered.values():
        findings.extend(schemas.of_environments(environments, version))
    findings.raise_any()


def _ask_the_installation(context: click.Context, path: Path, version: str, *, url: str | None, key: str | None) -> str:
    """Why the installation said nothing about the names; empty if it did. Raises `ProblemsError`."""
    try:
        compared_there(open_api(context, url=url, key=key), path, version)
    except ProblemsError:
        raise
    except CliError as error:
        return error.format_message().partition("\n")[0]
    return ""


@click.command()
@click.argument("kind", type=click.Choice(tuple(MODELS)))
def schema(kind: str) -> None:
    """Print the JSON Schema of a project or an application, for editors.

    \b
    Example:
      slipway schema application > .vscode/application.schema.json
    """
    click.echo(next(schema_text(known) for known in MODELS if known == kind), nl=False)
