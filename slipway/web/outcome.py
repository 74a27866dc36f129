"""The page that follows a statement until it is counted: received, then counted, refused or parked."""

import re
from urllib.parse import quote

from ..domain.answers import StatementState
from ..domain.inbox import InboxKind
from ..domain.model import NAME_PATTERN
from ..domain.phases import Phase
from ..domain.proposing import ChangePhase
from ..domain.rules import Rule
from ..http.places import change_place
from ..queries.answers import Answers, Reply
from .answer import Answer, html
from .signin import Visitor
from .templating import render

AGAIN, WAITS_LONG = 1, 10
"""Seconds after which the browser asks again, while the statement is not decided, and while it cannot be."""
TITLES = {
    StatementState.RECEIVED: "Received",
    StatementState.COUNTED: "Done",
    StatementState.REFUSED: "Refused",
    StatementState.PARKED: "It could not be handled",
}


def show_outcome(answers: Answers, partition: str, id: str, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    reply = answers.reply(partition, id)
    return reply_page(
        reply, path=f"/said/{quote(partition, safe='')}/{quote(id, safe='')}", back=_next_link(reply), who=who
    )


def reply_page(reply: Reply, *, path: str, back: tuple[str, str], who: Visitor | None) -> Answer:
    """The page of one reply at `path`; `back` is the link to go on with, and its text."""
    answered = reply.answered
    changes = answered.changes if answered else ()
    made = tuple(change for change in changes if change.number and change.outcome != "unchanged")
    change_phase = ChangePhase.of_text(answered.change_phase) if answered else None
    voted_on = change_phase if answered and answered.kind is InboxKind.VOTE else None
    waits = change_phase is ChangePhase.WAITING and voted_on is None
    gate_open = (
        reply.state is StatementState.COUNTED
        and answered is not None
        and (answered.kind, answered.phase) == (InboxKind.VOTE, Phase.AWAITING_APPROVAL)
    )
    outdated = answered is not None and {result.rule for result in answered.rules} == {Rule.PLAN_IS_CURRENT}
    page = render(
        "outcome.html",
        reply=reply,
        made=made,
        waits=waits,
        voted_on=voted_on,
        gate_open=gate_open,
        outdated=outdated,
        title=_title(reply, gate_open=gate_open, outdated=outdated, waits=waits, voted_on=voted_on),
        to_do=_advice(reply),
        back=back,
        reader=who,
    )
    # With its address: a browser that came here with a fragment, such as `#decide`, would otherwise only scroll to it.
    pause = WAITS_LONG if reply.waits_for else AGAIN
    return html(page, headers={} if reply.state.final else {"Refresh": f"{pause}; url={path}"})


def _title(reply: Reply, *, gate_open: bool, outdated: bool, waits: bool, voted_on: ChangePhase | None) -> str:
    if outdated:
        return "A new plan is being made"
    if reply.state is StatementState.COUNTED and (gate_open or waits or voted_on):
        return "Waits for votes" if waits else "Counted"
    return "Received, not decided yet" if reply.waits_for else TITLES[reply.state]


def _advice(reply: Reply) -> tuple[str, ...]:
    """What the person can do about a refusal, each advice once."""
    refused = reply.answered.rules if reply.answered else ()
    return tuple(dict.fromkeys(result.rule.to_do for result in refused if result.rule.to_do))


def _next_link(reply: Reply) -> tuple[str, str]:
    """The link to go on with: a path of this app, and its text."""
    answered = reply.answered
    if answered is not None and answered.release:
        return f"/releases/{answered.release}?follow=1", f"Follow {answered.release}"
    if answered is not None and answered.change:
        return change_place(answered.change), "Open the change"
    if answered is not None and answered.kind is InboxKind.CATALOGUE:
        return "/catalogue", "Open the applications"
    if re.fullmatch(NAME_PATTERN, reply.partition):
        return f"/?application={reply.partition}", f"Open {reply.partition}"
    return "/operate", "Freezes and holds"
