"""`slipway check`: checks projects and applications before they are applied. It also asks an app, if one is found."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from slipway.catalogue import CheckedDocuments, Problem, Unjudged
from slipway.catalogue.finding import MODELS
from slipway.catalogue.schema import schema_text
from slipway.manifests.problems import in_order

from ..api import Api
from ..console import GOOD, CliConsole, TextCell
from ..documents import LocalDocuments, problems_in_app, read_local
from ..errors import CliError, ProblemsError
from ..options import connectable, one_object
from ..placing import placed
from ..schemas import kubernetes_option


@click.command()
@click.argument("path", type=click.Path(path_type=Path), default=".")
@kubernetes_option
@click.option(
    "--offline",
    is_flag=True,
    help="Do not ask an installation about the names of registries, clusters and channels.",
)
@connectable
@one_object
def check(open_app: Callable[[], Api], path: Path, *, version: str, offline: bool, as_json: bool) -> None:
    """Check the projects and applications in PATH, a file or a folder (default: this one).

    In a folder, every project.yaml and application.yaml is checked, at any depth. Each problem is printed as
    `file:line: field: what was expected, what was found`, sorted by file and line, so that editors and CI systems can
    link to it; the environment is added if the problem is not in all of them. One mistake does not hide others:
    whatever cannot be judged because of it is listed as not checked.

    Manifests are checked against Kubernetes' own schemas. Kinds without a schema there, such as custom resources, are
    listed. If an installation answers (found by --url, SLIPWAY_URL or `make up`), the names of registries, clusters and
    channels are checked too, and so are the limits of a project that is not in PATH.

    Exit codes: 0 no problems, 1 there are problems.

    \b
    Examples:
      slipway check
      slipway check deploy/application.yaml --kubernetes 1.34
    """
    local = read_local(path, version)
    checked, problems = local.checked, list(local.problems)
    unasked = "--offline was given"
    if not offline and checked.good:
        of_the_app, unasked = _problems_of_app(open_app, local)
        problems += of_the_app
    elif not offline:
        unasked = "everything here has a problem of its own"
    not_checked = (
        *placed(checked.not_checked, path),
        *(
            Unjudged(what=f"the fields of {kind}", because="there is no schema of it here")
            for kind in local.not_compared
        ),
        *_names_not_checked(checked, unasked),
    )
    if problems:
        raise ProblemsError(in_order(problems), not_checked)
    _show(CliConsole(), local, not_checked, as_json=as_json)


def _show(console: CliConsole, local: LocalDocuments, not_checked: Sequence[Unjudged], *, as_json: bool) -> None:
    checked, advice = local.checked, tuple(placed(local.checked.advice, local.path))
    if as_json:
        console.json(
            {
                "projects": list(checked.projects),
                "applications": list(checked.definitions),
                "advice": [str(each) for each in advice],
                "not_checked": [str(each) for each in not_checked],
            }
        )
        return
    names = [*(f"project {name}" for name in checked.projects), *checked.definitions]
    console.line(TextCell("✓", GOOD), f" {', '.join(names)}: no problems")
    for each in (*advice, *not_checked):
        console.unwrapped_line(f"! {each}")


def _problems_of_app(open_app: Callable[[], Api], local: LocalDocuments) -> tuple[tuple[Problem, ...], str]:
    """The installation's problems, and the reason why it did not judge the names; empty if it did."""
    try:
        return problems_in_app(open_app(), local), ""
    except CliError as error:
        return (), error.format_message().partition("\n")[0]


def _names_not_checked(checked: CheckedDocuments, unasked: str) -> Iterator[Unjudged]:
    """The names that only an installation can judge and that it did not judge. `unasked` is the reason for all of them;
    if it is empty, only those of documents with a problem remain."""
    sent = {(each.kind, each.name) for each in checked.good}
    left = [name for name in checked.definitions if unasked or ("application", name) not in sent]
    because = unasked or "only what has no problem here is sent to the installation"
    for name in left:
        if project := checked.without_project.get(name):
            yield Unjudged(
                what=f"whether {name} keeps within its project {project}, which is not here", because=because
            )
    projects = [f"project {name}" for name in checked.projects if unasked or ("project", name) not in sent]
    if names := ", ".join((*projects, *left)):
        what = f"whether this installation has the registries, clusters and channels that are named ({names})"
        yield Unjudged(what=what, because=because)


@click.command()
@click.argument("kind", type=click.Choice(tuple(MODELS)))
def schema(kind: str) -> None:
    """Print the JSON Schema of a project or an application, for editors.

    \b
    Example:
      slipway schema application > .vscode/application.schema.json
    """
    click.echo(next(schema_text(model) for model in MODELS if model == kind), nl=False)
