"""The page of a change that weakens production gates: its effect, the gates that are asked, and the vote on it.

GET shows it. An approval goes through the identity provider, which proves it; a rejection is taken at once.
"""

import secrets
from collections.abc import Mapping
from urllib.parse import quote

from ..domain.blocks import REASON_LIMIT
from ..domain.errors import NotFound
from ..domain.inbox import InboxKind, InboxRow, Via
from ..domain.people import OID, SignedIn
from ..domain.proposing import (
    ChangePhase,
    ChangePlan,
    ProposedChange,
    barred_at,
    freshest,
    gates_of,
    must_explain,
    one_person,
    quorum_at,
)
from ..domain.release import VoteDecision
from ..domain.roles import Permission
from ..domain.standing_in import FRESH
from ..domain.statement import SALT_BYTES, ChangeVoteStatement, salt_of
from ..domain.tones import Tone
from ..http.places import change_place
from ..http.requests import RequestRefused, check_own_page
from ..http.saying import partition_of
from ..http.speaking import speaker
from ..telemetry import carrier
from .answer import Answer, html
from .form import Posted, parse_form
from .messages import message
from .services import FormServices, follow
from .signin import Visitor
from .templating import render
from .words import Badge

_DIGITS = 64
_MARKS = {Tone.GOOD: "✓", Tone.BAD: "✕", Tone.ASKS: "?", Tone.BUSY: "…", Tone.QUIET: "○"}


def show_proposed_change(services: FormServices, hash: str, who: Visitor) -> Answer:
    """Raises `NotFound`, `LedgerUnavailable`."""
    change, plan = _change_and_plan(services, hash)
    moved_on = services.as_voted.moved_on(change, plan) if change.phase.open else None
    gates = gates_of(plan, *_voter(who))
    page = render(
        "proposed.html",
        change=change,
        plan=plan,
        change_badge=badge_of(change),
        void=moved_on.reason if moved_on else "",
        open=change.phase.open and moved_on is None,
        waits=change.phase is ChangePhase.WAITING,
        stand_ins=change.stand_ins,
        may_stand_in=_may_stand_in(change, plan, who),
        gates=[(old, quorum_at(old, change.votes, change.proposed_by)) for old in plan.gates],
        votes=change.votes,
        asked=bool(gates),
        own=change.proposed_by == who.signed_in.object_id,
        barred=barred_at(change.proposed_by, gates, *_voter(who)),
        must_explain=must_explain(gates),
        form_token=services.forms.new(who.sid, change_place(change.hash)),
        new_id=services.writer.new_id,
        reason_limit=REASON_LIMIT,
        reader=who,
        here="catalogue",
    )
    return html(page)


def receive_change_vote(
    services: FormServices, hash: str, who: Visitor, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Cast the vote. Raises `NotFound`, `LedgerUnavailable`."""
    try:
        check_own_page(headers, services.public_url)
        change, plan = _change_and_plan(services, hash)
        posted = _posted(services, change, who, headers, body)
    except RequestRefused as refused:
        back = (change_place(quote(hash, safe="")), "Open the page again")
        return message(refused.status, "Your decision was not recorded", str(refused), tone=Tone.ASKS, link=back)
    statement = _statement(services, change, posted)
    if statement.decision is VoteDecision.APPROVE:
        fresh = FRESH if posted.stands_in else freshest(gates_of(plan, *_voter(who)) or plan.gates)
        return services.prove(who, statement, fresh, headers)
    row = InboxRow(kind=InboxKind.VOTE, said=statement, speaker=speaker(who.caller, Via.PAGE), trace=carrier())
    return follow(services.writer.say(partition_of(statement), row, id=posted.id))


def _posted(
    services: FormServices, change: ProposedChange, who: Visitor, headers: Mapping[str, str], body: bytes
) -> Posted:
    """Raises `RequestRefused`."""
    posted = parse_form(headers, body, of_change=True)
    services.forms.check(posted.form_token, who.sid, change_place(change.hash))
    if posted.decision not in (VoteDecision.APPROVE, VoteDecision.REJECT):
        raise RequestRefused(400, "decision: expected approve or reject.")
    if posted.stands_in and (posted.decision is not VoteDecision.APPROVE or not posted.reason):
        raise RequestRefused(400, "Please say why nobody can vote at the gates any more.")
    if posted.opening != change.opening:
        raise RequestRefused(409, "The change was proposed again since the page was opened.")
    return posted


def _statement(services: FormServices, change: ProposedChange, posted: Posted) -> ChangeVoteStatement:
    """The person's statement about the plan that their page showed."""
    return ChangeVoteStatement.model_validate(
        {
            "installation": services.writer.installation,
            "salt": salt_of(secrets.token_bytes(SALT_BYTES)),
            "reason": posted.reason,
            "change": change.hash,
            "opening": change.opening,
            "plan": change.plan,
            "decision": posted.decision,
            "stands_in": posted.stands_in or None,
        }
    )


def _change_and_plan(services: FormServices, hash: str) -> tuple[ProposedChange, ChangePlan]:
    change = services.proposals.current(f"sha256:{hash}").change if len(hash) == _DIGITS and hash.isalnum() else None
    plan = services.proposals.plan(change.plan) if change is not None else None
    if change is None or plan is None:
        raise NotFound("no such change was proposed")
    return change, plan


def _voter(who: Visitor) -> tuple[str, SignedIn]:
    return f"{OID}{who.signed_in.object_id}", who.signed_in


def _may_stand_in(change: ProposedChange, plan: ChangePlan, who: Visitor) -> bool:
    """Whether the reader is one of the platform's people who could stand in. Their proof decides whether that
    counts."""
    taken_by = (f"{OID}{change.proposed_by}", *(vote.voter for vote in change.stand_ins))
    taken = any(one_person(plan.gates, f"{OID}{who.signed_in.object_id}", each) for each in taken_by)
    return change.phase is ChangePhase.WAITING and who.caller.may(Permission.APPLY) and not taken


def badge_of(change: ProposedChange) -> Badge:
    tone = change.phase.tone
    return Badge(word=change.phase.replace("-", " ").capitalize(), mark=_MARKS[tone], tone=tone)
