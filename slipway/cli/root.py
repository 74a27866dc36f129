"""The `slipway` command: which commands there are. It imports none of them before it is called."""

import sys
from typing import Any

import click

from slipway import __version__

from .errors import CliError, Exit
from .lazy import Lazy, LazyGroup
from .options import AUDIENCE_HELP, app_options

_COMMANDS = "slipway.cli.commands."

LAZY = {
    "applications": Lazy(_COMMANDS + "applications:applications", "What is delivered, and what runs where."),
    "releases": Lazy(_COMMANDS + "releases:releases", "Releases, newest first."),
    "release": Lazy(_COMMANDS + "releases:release", "One release: what and where it is, and its timeline."),
    "explain": Lazy(_COMMANDS + "releases:explain", "Why a release is where it is, rule by rule."),
    "approvals": Lazy(_COMMANDS + "approvals:approvals", "What waits for people: plan, votes, deadline."),
    "approve": Lazy(_COMMANDS + "approvals:approve", "Approve a release, in your own name."),
    "reject": Lazy(_COMMANDS + "approvals:reject", "Reject a release, in your own name."),
    "withdraw": Lazy(_COMMANDS + "approvals:withdraw", "Take your vote back while the gate is open."),
    "freezes": Lazy(_COMMANDS + "operating:freezes", "What is frozen or held, by whom, why and until when."),
    "freeze": Lazy(_COMMANDS + "operating:freeze", "Roll nothing new out: in one lane, or anywhere."),
    "unfreeze": Lazy(_COMMANDS + "operating:unfreeze", "End a freeze."),
    "cancel": Lazy(_COMMANDS + "operating:cancel", "End a release that has not begun to roll out."),
    "retry": Lazy(_COMMANDS + "operating:retry", "Send a failed release on again, where it failed."),
    "rollback": Lazy(_COMMANDS + "operating:rollback", "Bring an earlier release back, and hold the lane."),
    "resume": Lazy(_COMMANDS + "operating:resume", "End the hold that a roll-back set."),
    "override": Lazy(_COMMANDS + "operating:override", "Let one release pass a freeze or a closed window."),
    "audit": Lazy(_COMMANDS + "audit:audit", "Read the audit trail, verify it, and take it away."),
    "numbers": Lazy(_COMMANDS + "numbers:numbers", "DORA's four and more, out of the trail, by week."),
    "evidence": Lazy(_COMMANDS + "evidence:evidence", "A kept document (a plan, a log) by its hash."),
    "parked": Lazy(_COMMANDS + "parked:parked", "Input that could not be handled: look at it, replay it."),
    "connect": Lazy(_COMMANDS + "connect:connect", "Let Azure DevOps tell this installation of its runs."),
    "doctor": Lazy(_COMMANDS + "doctor:doctor", "What the installation lacks, and the command that grants it."),
    "delivery": Lazy(_COMMANDS + "delivery:delivery", "Check deliveries before they are merged; their schema."),
    "keys": Lazy(_COMMANDS + "keys:keys", "Keys of approval links: list them, rotate them."),
    "completion": Lazy(_COMMANDS + "completion:completion", "The script that completes `slipway` in a shell."),
}


class Root(LazyGroup):
    """What ends any command: Ctrl-C with 130, an answer that nobody can read with 3. Neither is taken for a "no"."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)
        except RecursionError as error:
            raise CliError("the answer is nested too deeply", exit_code=Exit.NO_ANSWER) from error


@click.group(cls=Root, lazy=LAZY, context_settings={"help_option_names": ["-h", "--help"]})
@app_options
@click.option("--audience", metavar="ID", help=AUDIENCE_HELP)
@click.version_option(__version__, prog_name="slipway", message="%(prog)s %(version)s")
def root(url: str | None, key: str | None, audience: str | None) -> None:
    """Look at an installation of Slipway: what is delivered, where it is, and why. Vote on what waits for you.

    The app is found by --url and --key, else by SLIPWAY_URL and SLIPWAY_KEY, else by the file that `make up`
    leaves in .local/stack.json, in this folder or one above it. Where people sign in, --audience (or SLIPWAY_AUDIENCE)
    signs in to Entra as whoever did `az login`, with or without a key.

    Results go to stdout: a table on a terminal, plain columns in a pipe, and with --json one JSON object that
    is the API's own; many lists also come as --jsonl and --csv. Messages go to stderr. NO_COLOR is respected.

    \b
    Exit codes:
      0  the command did what was asked; a chain is intact
      1  the answer is no: a chain is broken, a delivery is wrong, something was not found
      2  the command line is wrong
      3  the app cannot be reached, refuses the key, or does not answer as it should

    \b
    Examples:
      slipway releases
      slipway explain shop-482
      slipway audit verify
      slipway --url https://app.azurewebsites.net release shop-482 --json
      slipway --url https://app.azurewebsites.net --audience 00000000-0000-0000-0000-000000000000 approvals
    """


def main() -> None:
    """The entry point. A terminal that lacks a character gets its escape instead of a traceback."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # both are TextIOWrapper here
    root(prog_name="slipway")
