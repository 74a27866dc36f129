"""`slipway changes` and `slipway change`: changes of the catalogue that weaken production gates, and votes on them."""

import re
from collections.abc import Iterator
from typing import Literal

import click

from slipway.api.base import body_of
from slipway.api.changes import ChangeVoteRequest, OpenChanges, ProposedChangeShown, ProposedChangeSummary
from slipway.api.inbox import ReceivedAnswer
from slipway.domain.proposing import ChangePhase, approvals_by
from slipway.domain.tones import Tone

from ..api import Api, read_answer
from ..console import BAD, FAINT, GOOD, NAME, NOTE, CliConsole, Content, TextCell, tone_style
from ..errors import CliError, Exit
from ..lazy import DefaultGroup, Lazy
from ..options import Confirming, connected, reason_option, waiting
from ..options import as_json as json_option
from ..output_formats import OutputFormat, formed, write_lines
from ..text import short_digest
from ..waiting import await_confirmation, await_outcome, new_inbox_id

COLUMNS = (
    "change",
    "opening",
    "plan",
    "phase",
    "subjects",
    "proposed_by",
    "reason",
    "at",
    "deadline",
    "weaker",
    "page",
)
"""Columns of the CSV output."""
_DIGITS = 64
_PREFIX = re.compile(r"[0-9a-f]{6,64}")
_FEW = 3


@click.command()
@formed
@connected
def changes(api: Api, *, form: OutputFormat) -> None:
    """Proposed changes that would weaken production gates, and wait for the votes of the approvers there.

    \b
    Examples:
      slipway changes
      slipway changes --json | jq -r '.changes[].page'
    """
    console, content = CliConsole(), api.get("changes")
    if form is OutputFormat.JSON:
        console.json(content)
        return
    waits = read_answer(OpenChanges, content).changes
    if form is not OutputFormat.TABLE:
        write_lines(console, form, COLUMNS, content["changes"])
        return
    columns = ("change", "phase", "about", "gates", "votes", "until", "proposed by")
    rows = (_row(console, each) for each in waits)
    console.table(columns, rows, cut=("about", "gates", "proposed by"), none="no change waits for votes")


def _row(console: CliConsole, change: ProposedChangeSummary) -> tuple[Content, ...]:
    gates = [f"{gate.application} {gate.environment}" for gate in change.gates]
    more = f" and {len(gates) - _FEW} more" if len(gates) > _FEW else ""
    return (
        TextCell(short_digest(change.change), NAME),
        _phase(change),
        ", ".join(change.subjects),
        ", ".join(gates[:_FEW]) + more,
        str(len(change.votes)),
        TextCell(console.time(change.deadline), FAINT),
        change.proposed_by,
    )


def _phase(change: ProposedChangeSummary) -> TextCell:
    member = ChangePhase.of_text(change.phase)
    return TextCell(change.phase.replace("-", " "), tone_style(member.tone if member else Tone.QUIET))


@click.group(
    cls=DefaultGroup,
    default="show",
    lazy={
        "show": Lazy(
            "slipway.cli.commands.changes:print_change", "One change: its effect, the votes, and how it ended."
        ),
        "approve": Lazy("slipway.cli.commands.changes:approve_change", "Approve a change, by signing in."),
        "stand-in": Lazy(
            "slipway.cli.commands.changes:stand_in", "Let a change through in place of approvers who have left."
        ),
        "reject": Lazy("slipway.cli.commands.changes:reject_change", "Reject a change, or take back your own."),
    },
)
def change() -> None:
    """Show a proposed change (`slipway change HASH`), or vote on it (`approve` and `reject`). `stand-in` is for the
    platform's people, when none of a gate's approvers is left.

    `slipway changes` prints the hashes. For a change that is still waiting the first digits are enough.

    \b
    Examples:
      slipway change 91c3e07d55aa
      slipway change approve 91c3e07d55aa --open
      slipway change reject 91c3e07d55aa --reason "too few eyes"
    """


@click.command("show")
@click.argument("hash")
@json_option
@connected
def print_change(api: Api, *, hash: str, as_json: bool) -> None:
    """One proposed change: its effect, what would be weaker, the gates whose approvers vote, the votes, and how it
    ended.

    `show` may be left out.

    \b
    Example:
      slipway change show 91c3e07d55aa --json | jq -r '.weaker[]'
    """
    console, content = CliConsole(), api.get("changes", _whole_hash(api, hash))
    if as_json:
        console.json(content)
        return
    shown = read_answer(ProposedChangeShown, content)
    console.fields(_fields(console, shown))
    for each in shown.compared:
        console.line()
        console.line(TextCell(each.subject, NAME), f" {each.outcome}")
        for line in each.difference:
            console.unwrapped_line(f"    {line}")
        for line in each.weaker:
            console.line(TextCell(f"    weaker: {line}", BAD))
        for line in each.stalled:
            console.unwrapped_line(f"    would be stalled: {line}")
    for gate in shown.gates:
        console.line()
        asks = approvals_by(gate.required, gate.people)
        console.line(TextCell(f"{gate.application} {gate.environment}", NAME), f": {asks}")
        for rule in gate.rules:
            console.line("    ", TextCell(rule.mark, tone_style(rule.tone)), f" {rule.name}: {rule.reason}")


def _fields(console: CliConsole, change: ProposedChangeShown) -> Iterator[tuple[str, Content]]:
    yield "change", TextCell(change.change, NAME)
    yield "phase", _phase(change)
    yield "why", change.why
    yield "proposed by", f"{change.proposed_by}  {console.time(change.at)}"
    yield "reason", change.reason
    yield "decide until", console.time(change.deadline) if change.ended_at is None else ""
    yield "ended", console.time(change.ended_at)
    yield "opening", str(change.opening)
    yield "plan", change.plan
    yield "page", change.page
    for name, votes in (("vote", change.votes), ("stands in", change.stand_ins)):
        for vote in votes:
            reason = f": {vote.reason}" if vote.reason else ""
            yield name, f"{vote.decision} {console.time(vote.at)}  {vote.who}{reason}"


@click.command("approve")
@click.argument("hash")
@reason_option("Why; some gates require it.")
@waiting
@json_option
@connected
def approve_change(api: Api, *, hash: str, reason: str, confirming: Confirming, as_json: bool) -> None:
    """Approve a proposed change, as an approver of a gate that it would weaken.

    The command prints the address of a page, where you sign in once more to confirm it, and waits until your vote is
    counted.

    Exit codes: 0 counted; 1 refused; 4 the app cannot be reached; 5 a person has to confirm it.

    \b
    Example:
      slipway change approve 91c3e07d55aa --open
    """
    received = _vote(api, hash, "approve", reason)
    _print_outcome(api, await_confirmation(api, received, confirming), TextCell("✓ approved", GOOD), as_json=as_json)


@click.command("stand-in")
@click.argument("hash")
@reason_option("Why nobody can vote there; every approver is told.", required=True)
@waiting
@json_option
@connected
def stand_in(api: Api, *, hash: str, reason: str, confirming: Confirming, as_json: bool) -> None:
    """Let a change through in place of the approvers of its gates, when none of them is left.

    This takes two people with the role `platform` who did not propose the change; each confirms it with a sign-in.
    Every approver is told, and the change takes effect a day later unless one of them objects.

    Exit codes: 0 counted; 1 refused; 4 the app cannot be reached; 5 a person has to confirm it.

    \b
    Example:
      slipway change stand-in 91c3e07d55aa --reason "the team was dissolved" --open
    """
    received = _vote(api, hash, "approve", reason, stands_in=True)
    _print_outcome(api, await_confirmation(api, received, confirming), TextCell("✓ stands in", NOTE), as_json=as_json)


@click.command("reject")
@click.argument("hash")
@reason_option("Why; kept in the audit trail.", required=True)
@json_option
@connected
def reject_change(api: Api, *, hash: str, reason: str, as_json: bool) -> None:
    """Reject a proposed change, as an approver of one of its gates, or take back a change that you proposed.

    You need nothing but your own sign-in (--audience).

    \b
    Example:
      slipway change reject 91c3e07d55aa --reason "too few eyes"
    """
    _print_outcome(api, _vote(api, hash, "reject", reason), TextCell("✓ rejected", BAD), as_json=as_json)


def _vote(
    api: Api, hash: str, decision: Literal["approve", "reject"], reason: str, *, stands_in: bool = False
) -> ReceivedAnswer:
    request = ChangeVoteRequest.model_construct(decision=decision, reason=reason, id=new_inbox_id(), channel="cli")
    if stands_in:
        request = request.model_copy(update={"stands_in": True})
    return read_answer(ReceivedAnswer, api.post("changes", _whole_hash(api, hash), "votes", body=body_of(request)))


def _print_outcome(api: Api, received: ReceivedAnswer, done: TextCell, *, as_json: bool) -> None:
    outcome, console = await_outcome(api, received), CliConsole()
    if as_json:
        console.json(outcome.model_dump(mode="json"))
        return
    console.line(done, f"  {short_digest(outcome.change)}; its phase is {outcome.change_phase.replace('-', ' ')}")
    if (phase := ChangePhase.of_text(outcome.change_phase)) and phase.open:
        click.echo(phase.meaning, err=True)


def _whole_hash(api: Api, given: str) -> str:
    """The whole hash: as given, or that of the only waiting change with these first digits. Raises `CliError`."""
    digits = given.removeprefix("sha256:").lower()
    if _PREFIX.fullmatch(digits) is None:
        raise click.UsageError("HASH: expected that of a change, at least its first 6 digits")
    if len(digits) == _DIGITS:
        return f"sha256:{digits}"
    waits = [each.change for each in read_answer(OpenChanges, api.get("changes")).changes]
    matching = [each for each in waits if each.removeprefix("sha256:").startswith(digits)]
    if len(matching) != 1:
        many = f"{len(matching)} changes that wait begin with {digits}"
        none = f"no change that waits begins with {digits}; of one that is over give the whole hash"
        raise CliError(many if matching else none, exit_code=Exit.NOT_FOUND)
    return matching[0]
