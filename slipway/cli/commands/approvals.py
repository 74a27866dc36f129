"""`slipway approvals`, `approve`, `reject`, `withdraw`, `object`: list open gates, and vote."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

import click

from slipway.api.approvals import OpenGate, OpenGates, VoteRequest
from slipway.api.base import body_of
from slipway.api.inbox import SaidOutcome
from slipway.api.releases import ReleaseAnswer
from slipway.domain.phases import Phase

from ..api import Api, read_answer
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell
from ..errors import CliError, Exit
from ..options import as_json as json_option
from ..options import connectable, connected, reason_option
from ..output_formats import OutputFormat, formed, write_lines
from ..text import neutral, short_digest
from ..vote_tokens import BEARER, LINK, Token, app_and_token, page_of
from ..waiting import new_inbox_id, until_decided

type Decision = Literal["approve", "reject", "withdraw", "object"]
_DONE: dict[Decision, TextCell] = {
    "approve": TextCell("✓ approved", GOOD),
    "reject": TextCell("✓ rejected", BAD),
    "withdraw": TextCell("✓ withdrawn", NOTE),
    "object": TextCell("✓ objected", BAD),
}

_NOBODY = "voter-not-identified"
"""The app's refusal of a caller who is not a person: a function key, or an application with its own token."""

COLUMNS = (
    "release",
    "application",
    "environment",
    "tag",
    "digest",
    "plan_hash",
    "opened_at",
    "deadline",
    "approvals",
    "required",
    "waits_for",
    "outdated",
)
"""Columns of the CSV output."""


@click.command()
@formed
@connected
def approvals(api: Api, *, form: OutputFormat) -> None:
    """The open gates: environment, plan, votes counted and required, who may still vote, and the deadline.

    \b
    Examples:
      slipway approvals
      slipway approvals --json | jq -r '.approvals[].release'
    """
    console, content = CliConsole(), api.get("approvals")
    if form is OutputFormat.JSON:
        console.json(content)
        return
    answer = read_answer(OpenGates, content)
    gates = answer.approvals
    if form is not OutputFormat.TABLE:
        write_lines(console, form, COLUMNS, content["approvals"])
        return
    none = "" if answer.not_shown else "nothing is waiting for approval"
    columns = ("release", "tag", "environment", "votes", "until", "plan", "waits for")
    console.table(columns, (_row(console, gate) for gate in gates), cut=("waits for", "plan", "tag"), none=none)
    for gate in gates:
        if gate.outdated:
            click.echo(
                f"{gate.release} is planned again before anybody can approve it: {neutral(gate.outdated)}", err=True
            )
            continue
        click.echo(f"decide on {gate.release}: {page_of(api.app, gate.release, gate.environment)}", err=True)


def _row(console: CliConsole, gate: OpenGate) -> tuple[Content, ...]:
    return (
        TextCell(gate.release, NAME),
        gate.tag,
        gate.environment,
        f"{gate.approvals} of {gate.required}",
        TextCell(console.time(gate.deadline) or "time stands still", FAINT),
        short_digest(gate.plan_hash),
        ", ".join(gate.waits_for),
    )


@dataclass(frozen=True, kw_only=True)
class _Voter:
    """Who votes, where, and how they are answered. A link contains the app and the voter's token."""

    api: Api
    own_token: Token | None
    bearer: str
    as_json: bool


_bearer_option = click.option(
    "--bearer", metavar="TOKEN", help=f"Your access token, to do it without a link.  [env: {BEARER}]"
)


def _voting(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the command a `_Voter`, and add the options that these commands share: who votes, on which release and
    plan."""

    @connectable
    @wraps(command)
    def vote(
        open_app: Callable[[], Api], /, *, link: str | None, bearer: str | None = None, as_json: bool, **options: Any
    ) -> None:
        if link or (link := os.environ.get(LINK)):
            app, own_token = app_and_token(link)
            api = Api(app)
        else:
            api, own_token = open_app(), None
        bearer = bearer or os.environ.get(BEARER, "")
        command(_Voter(api=api, own_token=own_token, bearer=bearer, as_json=as_json), **options)

    with_options: Callable[..., None] = vote
    for option in (
        click.option(
            "--link", metavar="URL", help=f"The link from your approval message. Needs no key.  [env: {LINK}]"
        ),
        click.option("--plan", metavar="HASH", help="Only if the plan has this hash; its first 12 digits are enough."),
        json_option,
        click.argument("release", required=False),
    ):
        with_options = option(with_options)
    return with_options


@click.command()
@reason_option("Why; some environments require it.")
@_voting
def approve(voter: _Voter, /, **options: Any) -> None:
    """Approve a release in your own name, for the current plan.

    With the link from your approval message the vote is cast at once, if the gate accepts votes by link. Otherwise you
    approve on a page, by signing in: the command prints its address and exits with code 5.

    \b
    Examples:
      slipway approve shop-482
      slipway approve --link "https://…/approvals/…"
      SLIPWAY_LINK=… slipway approve shop-482 --plan 91c3e07d55aa
    """
    _vote(voter, "approve", **options)


@click.command()
@reason_option("Why; kept in the audit trail.", required=True)
@_bearer_option
@_voting
def reject(voter: _Voter, /, **options: Any) -> None:
    """Reject a release in your own name. The release ends, and the reason is kept in the audit trail.

    You can still reject it after its gate has passed, until its rollout writes the first object to the cluster.

    \b
    Examples:
      slipway reject shop-482 --reason "the prices are wrong" --link "https://…/approvals/…"
      SLIPWAY_BEARER=$(az account get-access-token --resource CLIENT-ID --query accessToken -o tsv) \\
        slipway reject shop-482 --reason "the prices are wrong"
    """
    _vote(voter, "reject", **options)


@click.command()
@reason_option("Why; kept in the audit trail.")
@_bearer_option
@_voting
def withdraw(voter: _Voter, /, **options: Any) -> None:
    """Withdraw your vote while the gate is open: you may vote again, and the release goes on waiting.

    With the link from your approval message, or your own access token, the vote is withdrawn at once. Otherwise you
    withdraw it on a page, by signing in: the command prints its address and exits with code 5.

    \b
    Examples:
      slipway withdraw --link "https://…/approvals/…"
      slipway withdraw shop-482 --reason "not before the sale is over"
    """
    _vote(voter, "withdraw", **options)


@click.command("object")
@reason_option("What you know about it; kept in the audit trail.")
@click.option(
    "--environment",
    metavar="NAME",
    help="The environment whose gate counted the vote; by default the one that the release is in.",
)
@_bearer_option
@_voting
def object_to_vote(voter: _Voter, /, **options: Any) -> None:
    """Say that a vote counted in your name was not yours.

    The vote no longer counts, and the release stops. At its gate, or while it is being copied, it ends as rejected; a
    rollout that has begun is rolled back. A release that is already live stays live until somebody rolls it back.
    Everybody who may vote at the gate is told.

    \b
    Example:
      SLIPWAY_BEARER=$(az account get-access-token --resource CLIENT-ID --query accessToken -o tsv) \\
        slipway object shop-482 --reason "I was on a plane"
    """
    _vote(voter, "object", **options)


def _vote(
    voter: _Voter,
    decision: Decision,
    *,
    environment: str | None = None,
    release: str | None,
    reason: str,
    plan: str | None,
) -> None:
    console, api, own_token = CliConsole(), voter.api, voter.own_token
    release_id, plan_hash, gate_in = _subject(api, own_token, release, decision=decision)
    if plan and not plan_hash.removeprefix("sha256:").startswith(plan.removeprefix("sha256:")):
        raise CliError(f"the plan of {release_id} is {short_digest(plan_hash)}, not {plan}: no vote was cast")
    if decision == "approve" and own_token is None:
        raise _on_page(decision, page_of(api.app, release_id, gate_in))
    request = VoteRequest.model_construct(
        decision=decision, reason=reason, plan_hash=plan_hash or None, channel="cli", id=new_inbox_id()
    )
    if environment:
        request = request.model_copy(update={"environment": environment})
    if own_token:
        request = request.model_copy(update={"token": own_token.text})
    try:
        content = until_decided(lambda: api.post("approvals", release_id, body=body_of(request), bearer=voter.bearer))
    except CliError as error:
        if error.code != _NOBODY or own_token is not None:
            raise
        raise _on_page(decision, _page(api, decision, release_id, environment or gate_in)) from error
    if voter.as_json:
        console.json(content)
        return
    counted = read_answer(SaidOutcome, content)
    now = f"; it is {counted.phase.replace('_', ' ')}" if counted.phase else ""
    plan_shown = f", plan {short_digest(plan_hash)}" if plan_hash else ""
    console.line(_DONE[decision], f"  {counted.release} for {counted.environment}{plan_shown}{now}")


def _subject(api: Api, own_token: Token | None, release: str | None, *, decision: Decision) -> tuple[str, str, str]:
    """The release, the plan and the environment. The plan is the token's or the current one, or empty if the vote needs
    no open gate. The environment is the one whose gate is open, or empty if none has to be."""
    if own_token is not None:
        if release is not None and release != own_token.release:
            raise CliError(f"your link is for {own_token.release}, not for {release}: no vote was cast")
        return own_token.release, own_token.plan_hash, ""
    if release is None:
        raise click.UsageError("RELEASE: missing (or use --link)")
    if decision == "object":
        return release, "", ""
    open_gates = read_answer(OpenGates, api.get("approvals"))
    gate = next((gate for gate in open_gates.approvals if gate.release == release), None)
    # A rejection also counts after the gate, up to the first object of the rollout.
    if gate is None and decision == "reject":
        return release, "", ""
    if gate is None:
        if any(release.startswith(f"{each.application}-") for each in open_gates.not_shown):
            raise CliError(f"it is not known whether {release} waits for approval", exit_code=Exit.UNREACHABLE)
        answer = read_answer(ReleaseAnswer, api.get("releases", release))
        phase = Phase.of_text(answer.phase)
        if phase is Phase.AWAITING_APPROVAL:
            raise CliError(f"the gate of {release} opened only just now: try again")
        spoken = phase.spoken if phase else answer.phase
        raise CliError(f"{release} is not waiting for approval, but {spoken}; `slipway approvals` lists those that are")
    return release, gate.plan_hash, gate.environment


def _on_page(decision: Decision, page: str) -> CliError:
    otherwise = f", or name yourself by --bearer (or {BEARER}) or --link (or {LINK})"
    cure = f"open {page}{'' if decision == 'approve' else otherwise}"
    return CliError(f"{decision} on its page, with a sign-in", exit_code=Exit.WAITING, cure=cure)


def _page(api: Api, decision: Decision, release: str, environment: str) -> str:
    """The page on which people vote on the release in that environment, or else in the one where it is."""
    answer = read_answer(ReleaseAnswer, api.get("releases", release))
    phase = Phase.of_text(answer.phase)
    if decision == "reject" and phase is not None and phase.final:
        raise CliError(f"{answer.id} is {phase.spoken}, and has ended: nobody can reject it any more")
    known = list(dict.fromkeys(rollout.environment for rollout in answer.rollouts))
    if environment and environment not in known:
        raise CliError(f"{answer.id} was never in {environment}, only in {', '.join(known) or 'none'}")
    if not (where := environment or answer.environment):
        raise CliError(f"{answer.id} is {answer.phase.replace('_', ' ')}, in no environment: nobody votes on it")
    return page_of(api.app, answer.id, where)
