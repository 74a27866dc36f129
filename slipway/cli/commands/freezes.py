"""`slipway freezes`: the freezes and holds in force."""

import click

from slipway.api.commands import Freezes, FreezeShown

from ..api import Api, read_answer
from ..options import as_json as json_option
from ..options import connected
from ..screen import FAINT, NAME, NOTE, Content, Screen, TextCell


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
    screen, content = Screen(), api.get("freezes")
    if as_json:
        screen.json(content)
        return
    answer = read_answer(Freezes, content)
    none = "" if answer.not_shown else "nothing is frozen or held"
    columns = ("what", "kind", "owner", "since", "until", "reason")
    screen.table(columns, (_row(screen, freeze) for freeze in answer.freezes), cut=("reason", "owner"), none=none)


def _row(screen: Screen, freeze: FreezeShown) -> tuple[Content, ...]:
    ends = "somebody resumes" if freeze.kind == "hold" else "somebody ends it"
    until = screen.time(freeze.until) if freeze.until else ends
    return (
        TextCell(f"{freeze.application} {freeze.environment}" if freeze.application else "everything", NAME),
        TextCell(freeze.kind, NOTE),
        freeze.who,
        TextCell(screen.time(freeze.at), FAINT),
        until,
        freeze.reason,
    )
