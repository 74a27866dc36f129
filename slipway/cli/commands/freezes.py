"""`slipway freezes`: the freezes and holds in force."""

import click

from slipway.api.commands import Freezes, FreezeShown

from ..api import Api, read_answer
from ..console import FAINT, NAME, NOTE, CliConsole, Content, TextCell
from ..options import as_json as json_option
from ..options import connected


@click.command()
@json_option
@connected
def freezes(api: Api, *, as_json: bool) -> None:
    """Freezes and holds in force: by whom, why, until when.

    \b
    Examples:
      slipway freezes
      slipway freezes --json | jq -r '.freezes[].reason'
    """
    console, content = CliConsole(), api.get("freezes")
    if as_json:
        console.json(content)
        return
    answer = read_answer(Freezes, content)
    none = "" if answer.not_shown else "nothing is frozen or held"
    columns = ("what", "kind", "owner", "since", "until", "reason")
    console.table(columns, (_row(console, freeze) for freeze in answer.freezes), cut=("reason", "owner"), none=none)


def _row(console: CliConsole, freeze: FreezeShown) -> tuple[Content, ...]:
    ends = "somebody resumes" if freeze.kind == "hold" else "somebody ends it"
    until = console.time(freeze.until) if freeze.until else ends
    return (
        TextCell(f"{freeze.application} {freeze.environment}" if freeze.application else "everything", NAME),
        TextCell(freeze.kind, NOTE),
        freeze.who,
        TextCell(console.time(freeze.at), FAINT),
        until,
        freeze.reason,
    )
