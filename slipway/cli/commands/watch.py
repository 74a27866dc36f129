"""`slipway watch`: follows a release, with a line for each change, until it has ended."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import click

from slipway.api.releases import Explanation
from slipway.domain.phases import Phase
from slipway.domain.rules import Rule

from ..api import Api, read_answer
from ..console import FAINT, NAME, CliConsole, TextCell, tone_style
from ..errors import CliError, Exit
from ..options import as_json as json_option
from ..options import connected

EVERY: Final = 2.0
"""Seconds between two requests."""
AWAY: Final = 120.0
"""Seconds for which an app may be away before the command ends."""


@click.command()
@click.argument("release")
@click.option("--environment", "-e", metavar="NAME", help="Stop once it is live in this environment.")
@click.option("--no-wait", is_flag=True, help="Exit with code 5 when people are asked, instead of waiting for them.")
@json_option
@connected
def watch(api: Api, *, release: str, environment: str | None, no_wait: bool, as_json: bool) -> None:
    """Follow a release until it ends: one line for each change, with the reason why it waits.

    Exits with 0 once the release is live in its last environment, or in that of --environment, and with 1 if it ended
    in any other way. Ctrl-C stops the command and changes nothing. With --json each change is one object on a line.

    \b
    Examples:
      slipway watch shop-482
      slipway watch shop-482 --environment staging
      slipway watch shop-482 --no-wait --json | jq -r .headline
    """
    console = CliConsole()
    for explanation in _explanations(api, release):
        if as_json:
            shown = explanation.model_dump(mode="json", exclude={"rules"})
            console.json_line({**shown, "at": datetime.now(UTC).isoformat()})
        else:
            now = TextCell(console.time(datetime.now(UTC)), FAINT)
            phase = TextCell(explanation.phase.spoken, tone_style(explanation.phase.tone))
            console.line(now, "  ", phase, "  ", explanation.headline)
        console.flush()
        if (code := _exit_code(explanation, environment, no_wait=no_wait)) is None:
            continue
        if not as_json and code is not Exit.DONE:
            console.line(TextCell("next: ", NAME), explanation.next)
            console.line(TextCell("page: ", NAME), f"{api.app.url.rstrip('/')}/releases/{explanation.release}")
        raise SystemExit(code)


def _explanations(api: Api, release: str) -> Iterator[Explanation]:
    """The release's present state, and its state after each change. Raises `CliError`; for an app that is away, only
    after a while."""
    before, answered = None, None
    while True:
        try:
            explanation = read_answer(Explanation, api.get("releases", release, "explain"))
        except CliError as error:
            if error.exit_code != Exit.UNREACHABLE or answered is None or time.monotonic() - answered > AWAY:
                raise
        else:
            answered = time.monotonic()
            if (explanation.phase, explanation.headline) != before:
                before = explanation.phase, explanation.headline
                yield explanation
        time.sleep(EVERY)


def _exit_code(explanation: Explanation, environment: str | None, *, no_wait: bool) -> Exit | None:
    """The exit code if the watch is over; None if it goes on.

    Raises `UsageError` for an environment that the release does not pass."""
    if environment is not None:
        rules = {group.environment: group.rules for group in explanation.rules}
        if environment not in rules:
            raise click.UsageError(f"--environment: expected one of {', '.join(rules)}, got {environment[:64]!r}")
        if any(result.rule is Rule.IS_LIVE and result.passed for result in rules[environment]):
            return Exit.DONE
    if explanation.phase is Phase.COMPLETED:
        return Exit.DONE
    if explanation.phase.final:
        return Exit.REFUSED
    return Exit.WAITING if no_wait and explanation.phase is Phase.AWAITING_APPROVAL else None
