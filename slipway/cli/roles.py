"""The Roles that clusters need besides the role of Azure, as YAML for `kubectl apply`."""

from collections.abc import Sequence

import click
import yaml

from slipway.domain.inbox import LookKind
from slipway.domain.reports import OtherRole

from .api import Api, read_answer
from .console import CliConsole
from .errors import Exit
from .text import neutral
from .waiting import take_look

MOST_KINDS = 8
"""The most kinds in the options of one look."""


def write_roles(api: Api, only: Sequence[str], kinds: Sequence[str], *, as_json: bool) -> None:
    """Print the Roles for each environment's cluster; on the error stream, print those that could not be found out."""
    if len(kinds) > MOST_KINDS:
        raise click.UsageError(f"--kind: expected at most {MOST_KINDS}, got {len(kinds)}")
    names = [str(name) for name in take_look(api, LookKind.DOCTOR, "list")["checks"]]
    chosen = [n for n in names if n.startswith("cluster:") and (not only or n.startswith(tuple(only)))]
    if not chosen:
        raise click.UsageError("--only: expected the beginning of a check of a cluster, such as cluster:production")
    options = {f"kind{number}": kind for number, kind in enumerate(kinds, start=1)}
    roles = {
        name: read_answer(OtherRole, take_look(api, LookKind.DOCTOR, f"rbac:{name}", **options)) for name in chosen
    }
    if as_json:
        CliConsole().json({"roles": [{"check": name, **role.model_dump(mode="json")} for name, role in roles.items()]})
    else:
        _print(roles)
    if any(role.problem for role in roles.values()):
        click.get_current_context().exit(Exit.REFUSED)


def _print(roles: dict[str, OtherRole]) -> None:
    """YAML on standard output, which goes straight to kubectl; everything else on the error stream."""
    for name, role in roles.items():
        if role.problem:
            click.echo(neutral(f"{name}: {role.problem}"), err=True)
        elif not role.documents:
            click.echo(neutral(f"{name}: nothing beyond Azure's role"), err=True)
        else:
            click.echo(
                f"# {name}\n" + yaml.safe_dump_all(role.documents, explicit_start=True, sort_keys=False), nl=False
            )
