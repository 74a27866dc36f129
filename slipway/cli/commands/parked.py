"""`slipway parked`: list and replay input that could not be handled."""

from typing import Any

import click

from slipway.api.inbox import ReceivedAnswer
from slipway.api.parked import Parked, ParkedItems

from ..api import Api, read_answer
from ..console import FAINT, GOOD, NAME, CliConsole, TextCell
from ..errors import CliError, Exit
from ..lazy import Group
from ..options import as_json as json_option
from ..options import connected
from ..waiting import await_outcome


@click.group(cls=Group)
def parked() -> None:
    """Inspect and replay parked input.

    Input that the app cannot handle (an unknown message, a step that keeps failing) is kept with the reason. Once the
    cause is fixed, replay it.
    """


@parked.command("list")
@json_option
@connected
def print_parked(api: Api, *, as_json: bool) -> None:
    """Parked input, at most 200; what has not been replayed comes first.

    \b
    Example:
      slipway parked list
    """
    console, content = CliConsole(), api.get("parked")
    if as_json:
        console.json(content)
        return
    answer = read_answer(ParkedItems, content)
    rows = [
        (
            TextCell(item.id, NAME),
            TextCell(console.time(item.parked_at), FAINT),
            item.source,
            TextCell(console.time(item.replayed_at), GOOD),
            item.reason,
        )
        for item in answer.parked
    ]
    console.table(("id", "parked", "source", "replayed", "reason"), rows, cut=("reason",), none="nothing is parked")
    if answer.more:
        click.echo("there is more parked input than this list shows", err=True)


@parked.command("show")
@click.argument("id")
@json_option
@connected
def print_parked_input(api: Api, *, id: str, as_json: bool) -> None:
    """One parked input: why it was parked, and its body.

    \b
    Examples:
      slipway parked show 3f0c9d0be1a24c7788aa01d2
      slipway parked show 3f0c9d0be1a24c7788aa01d2 --json | jq -r .body
    """
    item = _find(api, id)
    console = CliConsole()
    if as_json:
        console.json(item)
        return
    parked_input = read_answer(Parked, item)
    console.fields(
        [
            ("id", TextCell(parked_input.id, NAME)),
            ("source", parked_input.source),
            ("reason", parked_input.reason),
            ("parked", console.time(parked_input.parked_at)),
            ("replayed", console.time(parked_input.replayed_at)),
            ("message id", parked_input.message_id),
            (
                "body",
                "truncated: it was too long to be kept in full, so it cannot be replayed"
                if parked_input.truncated
                else "",
            ),
        ]
    )
    console.line()
    console.text(parked_input.body)


def _find(api: Api, id: str) -> dict[str, Any]:
    content = api.get("parked")
    for index, item in enumerate(read_answer(ParkedItems, content).parked):
        if item.id == id:
            as_sent: dict[str, Any] = content["parked"][index]
            return as_sent
    raise CliError(f"no parked input has the id {id!r}; `slipway parked list` lists all", exit_code=Exit.NOT_FOUND)


@parked.command("replay")
@click.argument("id")
@json_option
@connected
def replay(api: Api, *, id: str, as_json: bool) -> None:
    """Put parked input back into the queue it came from. The audit trail records the replay.

    \b
    Example:
      slipway parked replay 3f0c9d0be1a24c7788aa01d2
    """
    console, done = CliConsole(), await_outcome(api, read_answer(ReceivedAnswer, api.post("parked", id, "replay")))
    if as_json:
        console.json(done.model_dump(mode="json"))
        return
    console.line(TextCell("✓ replayed", GOOD), f"  {id}")
