"""The `slipway` command and its list of subcommands, each imported only when it is called."""

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from textwrap import wrap
from typing import Any, Final

import click

from slipway import __version__

from .errors import CliError, Exit, print_error
from .lazy import Lazy, LazyGroup
from .options import AUDIENCE_HELP, app_options

_WIDTH: Final = 80
_ALIKE: Final = 0.75
_COMMANDS = "slipway.cli.commands."

LAZY = {
    "applications": Lazy(
        _COMMANDS + "applications:applications", "The applications, and the release live in each environment."
    ),
    "releases": Lazy(_COMMANDS + "releases:releases", "Releases, newest first."),
    "release": Lazy(_COMMANDS + "releases:release", "Show one release, or start a new one of an earlier artifact."),
    "explain": Lazy(_COMMANDS + "releases:explain", "Why a release is in its current state, rule by rule."),
    "watch": Lazy(_COMMANDS + "watch:watch", "Follow a release until it has ended."),
    "approvals": Lazy(_COMMANDS + "approvals:approvals", "Open gates: plan, votes, deadline."),
    "approve": Lazy(_COMMANDS + "approvals:approve", "Approve a release in your own name."),
    "reject": Lazy(_COMMANDS + "approvals:reject", "Reject a release in your own name."),
    "object": Lazy(_COMMANDS + "approvals:object_to_vote", "Say that a vote counted in your name was not yours."),
    "withdraw": Lazy(_COMMANDS + "approvals:withdraw", "Withdraw your vote while the gate is open."),
    "freezes": Lazy(_COMMANDS + "freezes:freezes", "Freezes and holds: by whom, why and until when."),
    "freeze": Lazy(_COMMANDS + "operating:freeze", "Stop new rollouts, in one environment or everywhere."),
    "unfreeze": Lazy(_COMMANDS + "operating:unfreeze", "End a freeze."),
    "cancel": Lazy(_COMMANDS + "operating:cancel", "End a release that has not begun to roll out."),
    "retry": Lazy(_COMMANDS + "operating:retry", "Try a release again that ended without going live."),
    "rollback": Lazy(_COMMANDS + "operating:rollback", "Roll back to an earlier release, and hold newer ones."),
    "resume": Lazy(_COMMANDS + "operating:resume", "End the hold that a rollback left behind."),
    "override": Lazy(_COMMANDS + "operating:override", "Let one release past a freeze, a closed window or drift."),
    "waive": Lazy(_COMMANDS + "operating:waive", "Let one release pass without one proof."),
    "fence": Lazy(_COMMANDS + "operating:fence", "Deliver again after the ledger was restored."),
    "end-sessions": Lazy(_COMMANDS + "operating:end_sessions", "Sign yourself or somebody else out of all pages."),
    "audit": Lazy(_COMMANDS + "audit:audit", "Read, verify and export the audit trail."),
    "numbers": Lazy(_COMMANDS + "numbers:numbers", "The four DORA metrics and more, by week."),
    "evidence": Lazy(_COMMANDS + "evidence:evidence", "A stored document (a plan, a log) by its hash."),
    "parked": Lazy(_COMMANDS + "parked:parked", "Input that could not be handled: inspect and replay it."),
    "connect": Lazy(_COMMANDS + "connect:connect", "Let Azure DevOps notify this installation of its runs."),
    "doctor": Lazy(_COMMANDS + "doctor:doctor", "What the installation lacks, and the commands to fix it."),
    "bundle": Lazy(_COMMANDS + "bundle:bundle", "Build, push and inspect bundles."),
    "new": Lazy(_COMMANDS + "new:new", "Write a starter folder for an application of your own."),
    "drift": Lazy(_COMMANDS + "drift:drift", "Whether the clusters match the live releases."),
    "check": Lazy(_COMMANDS + "check:check", "Check projects and applications before they are applied."),
    "apply": Lazy(_COMMANDS + "catalogue:apply", "Apply projects and applications."),
    "diff": Lazy(_COMMANDS + "catalogue:diff", "What applying would change, and whether it would be refused."),
    "export": Lazy(_COMMANDS + "catalogue:export", "An application or a project as files."),
    "changes": Lazy(_COMMANDS + "changes:changes", "Changes that weaken production gates and wait for votes."),
    "change": Lazy(_COMMANDS + "changes:change", "Show one such change, approve it or reject it."),
    "history": Lazy(_COMMANDS + "catalogue:history", "Versions of an application: who changed what, when and why."),
    "remove": Lazy(_COMMANDS + "catalogue:remove", "Take an application or a project out of the catalogue."),
    "schema": Lazy(_COMMANDS + "check:schema", "JSON Schema of a project or an application, for editors."),
    "keys": Lazy(_COMMANDS + "keys:keys", "Keys that sign records and approval links: list, rotate."),
    "completion": Lazy(_COMMANDS + "completion:completion", "Print the shell completion script for `slipway`."),
}


class Root(LazyGroup):
    """The end that all commands share: with --json an error is one JSON object too, and every error has its own exit
    code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        words = sys.argv[1:] if args is None else args
        with_json = standalone_mode and "--json" in words
        try:
            ended = super().main(args, prog_name, complete_var, standalone_mode and not with_json, **extra)
        except click.Abort:
            if not with_json:
                raise
            ended = _report_error(CliError("nothing was changed"))
        except click.ClickException as error:
            if not with_json:
                raise
            ended = _report_error(error)
        if with_json:
            sys.exit(ended if isinstance(ended, int) else Exit.DONE)
        return ended

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.NoSuchOption as error:
            raise _with_suggestion(error) from None
        except KeyboardInterrupt:
            ctx.exit(Exit.INTERRUPTED)
        except RecursionError as error:
            raise CliError("the answer is nested too deeply", exit_code=Exit.UNREACHABLE) from error


def _with_suggestion(error: click.NoSuchOption) -> click.NoSuchOption:
    """The error, with the option that was meant: the one with this meaning here (`--since` is `--from`), or one with
    nearly the same spelling. Click's own suggestions are too loose: for `--since` it names `--json`."""
    parameters = [each for each in error.ctx.command.params if isinstance(each, click.Option)] if error.ctx else []
    word = error.option_name.lstrip("-").replace("-", "_")
    options = [max(each.opts, key=len) for each in parameters if each.name == word]
    every = [option for each in parameters for option in each.opts]
    alike = options or get_close_matches(error.option_name, every, n=1, cutoff=_ALIKE)
    did_you_mean = f" Did you mean {alike[0]!r}?" if alike else ""
    return click.NoSuchOption(error.option_name, f"{error.message}{did_you_mean}", ctx=error.ctx)


def _report_error(error: click.ClickException) -> int:
    print_error(error)
    return error.exit_code


@click.group(cls=Root, lazy=LAZY, context_settings={"help_option_names": ["-h", "--help"]})
@app_options
@click.option("--audience", metavar="ID", help=AUDIENCE_HELP)
@click.version_option(__version__, prog_name="slipway", message="%(prog)s %(version)s")
def root(url: str | None, key: str | None, audience: str | None) -> None:
    """See where releases are and why, vote on them, and operate an installation of Slipway.

    The app is found by --url and --key, else by SLIPWAY_URL and SLIPWAY_KEY, else by the .local/stack.json that
    `make up` writes, in this folder or a parent. If the app requires a sign-in, --audience (or SLIPWAY_AUDIENCE) uses
    your `az login` or `azd auth login`, with or without a key. With AZURE_TOKEN_CREDENTIALS set to
    InteractiveBrowserCredential and your tenant's id in AZURE_TENANT_ID, each command signs you in in a browser.

    Results go to stdout: a table on a terminal, plain columns in a pipe, one JSON object with --json. Many lists also
    support --jsonl and --csv. Messages go to stderr. NO_COLOR is respected.

    With --json an error is a JSON object on stdout, too: {"v", "error": {"code", "message"}}. If known, "error" also
    has "field", "expected", "got" and "cure", and for files "problems". The code is one of the words below, or the
    app's own word for why it refused. Every JSON object has its version in `v`.

    \b
    Exit codes:
      {exit_codes}

    \b
    Examples:
      slipway releases
      slipway explain shop-482
      slipway audit verify
      slipway --url https://app.azurewebsites.net release shop-482 --json
      slipway --url https://app.azurewebsites.net --audience 00000000-0000-0000-0000-000000000000 approvals
    """


def _exit_codes() -> Iterator[str]:
    """The table of exit codes, fitted to the narrowest terminal that help is written for."""
    for code in Exit:
        lines = wrap(code.meaning, _WIDTH - 22)
        yield f"  {code:<3}  {code.word:<11}  {lines[0]}"
        yield from (f"{'':20}{line}" for line in lines[1:])


root.help = str(root.help).replace("  {exit_codes}", "\n".join(_exit_codes()))


def main() -> None:
    """The entry point. Characters that the terminal's encoding lacks are escaped instead of raising an error."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr] # both are TextIOWrapper here
    root(prog_name="slipway")
