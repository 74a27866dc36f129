"""`slipway new`: a folder to begin with. It needs no app."""

import re
from pathlib import Path

import click

from ..console import FAINT, GOOD, NAME, CliConsole, TextCell
from ..errors import CliError, Exit
from ..options import one_object
from ..starting import NewApplication, PipelineName, starting_files, write_starting_files


def _name(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    from slipway.domain.model import NAME_PATTERN  # noqa: PLC0415 - slow to import; `--help` does without
    from slipway.domain.shapes import in_words  # noqa: PLC0415

    if value is not None and not re.fullmatch(NAME_PATTERN, value):
        raise click.BadParameter(f"expected {in_words(NAME_PATTERN)}, got {value!r}")
    return value


def _repository(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    from slipway.domain.model import REPOSITORY_PATTERN  # noqa: PLC0415
    from slipway.domain.shapes import in_words  # noqa: PLC0415

    if value is not None and not re.fullmatch(REPOSITORY_PATTERN, value):
        raise click.BadParameter(f"expected {in_words(REPOSITORY_PATTERN)}, got {value!r}")
    return value


def _approvers(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    from slipway.domain.gate import APPROVER_PATTERN  # noqa: PLC0415
    from slipway.domain.shapes import in_words  # noqa: PLC0415

    for value in values:
        if not re.fullmatch(APPROVER_PATTERN, value):
            raise click.BadParameter(f"expected {in_words(APPROVER_PATTERN)}, got {value!r}")
        if ":" not in value:
            raise click.BadParameter(
                f"expected an approver whose object id is known, since production counts signed votes, got {value!r}; "
                "name role:<app role> or oid:<object id in Entra>"
            )
    return values


def _pipeline(_: click.Context, __: click.Parameter, value: str | None) -> PipelineName | None:
    if value is None:
        return None
    project, slash, name = value.partition("/")
    if not slash or not project.strip() or not name.strip():
        raise click.BadParameter(f"expected PROJECT/NAME of a pipeline in Azure DevOps, got {value!r}")
    return PipelineName(project=project, name=name)


@click.command()
@click.argument("application", callback=_name)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), help="Folder to write; by default APPLICATION."
)
@click.option("--project", callback=_name, help="Name of its project; by default APPLICATION.")
@click.option(
    "--repository", callback=_repository, help="The repository that CI pushes the image to; by default APPLICATION."
)
@click.option(
    "--chart", is_flag=True, help="Two images and a Helm chart, delivered as a bundle; repositories below --repository."
)
@click.option(
    "--approver",
    "approvers",
    multiple=True,
    default=("role:approvers",),
    show_default=True,
    callback=_approvers,
    help="Who may approve it for production; can be repeated.",
)
@one_object
@click.option(
    "--pipeline",
    callback=_pipeline,
    metavar="PROJECT/NAME",
    help="The pipeline in Azure DevOps that builds it: then its runs are proved, and tell who is behind a change.",
)
def new(
    application: str,
    *,
    output: Path | None,
    project: str | None,
    repository: str | None,
    chart: bool,
    approvers: tuple[str, ...],
    pipeline: PipelineName | None,
    as_json: bool,
) -> None:
    """Write a folder to start from: APPLICATION, with manifests, acceptance tests and a small program (with --chart,
    two of them).

    The result passes `slipway check`. It goes to staging, is tested there, and goes to production after an approval.
    No file is overwritten: if one exists already, nothing is written at all.

    Exit codes: 0 written, 1 a file exists already.

    \b
    Examples:
      slipway new cart
      slipway new cart --chart --pipeline shop/cart-ci
      slipway new cart --pipeline shop/cart-ci --approver role:shop-leads
    """
    folder = output or Path(application)
    choices = NewApplication(
        app=application,
        project=project or application,
        repository=repository or application,
        approvers=approvers,
        pipeline=pipeline,
        chart=chart,
    )
    contents = starting_files(choices)
    try:
        write_starting_files(folder, contents)
    except FileExistsError as error:
        existing = error.args[0] if isinstance(error.args[0], Path) else error.filename
        raise CliError(f"{existing}: is there already; nothing is overwritten") from error
    except OSError as error:
        raise CliError(f"{error.filename}: {error.strerror}", exit_code=Exit.REFUSED) from error
    console = CliConsole()
    if as_json:
        console.json({"folder": str(folder), "files": [str(folder / path) for path in contents]})
        return
    for path in contents:
        console.line(TextCell("+", GOOD), f" {folder / path}")
    console.line(
        "next: ", TextCell(f"slipway check {folder}", NAME), TextCell(f", then slipway apply -f {folder}", FAINT)
    )
