"""Plays the people who propose a change that weakens production gates, and those who vote on it."""

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from slipway.commands.submitting import ToConfirm
from slipway.domain.answers import StatementState
from slipway.domain.audit import AuditRecord
from slipway.domain.identity import TokenPerson
from slipway.domain.inbox import InboxKind, InboxRow, Speaker, Via
from slipway.domain.proposing import ProposedChange
from slipway.domain.release import VoteDecision
from slipway.domain.statement import ChangeVoteStatement
from slipway.domain.versions import Subject, SubjectKind
from slipway.ledger import keys
from slipway.queries.answers import Reply
from slipway.testing import write_application
from slipway.testing.sign_in import person
from tests.confirming import OLGA as SIGNS_IN
from tests.confirming import confirm_pending, proof_of, say_proved
from tests.unit.commands.live import Live

SHOP = Subject(kind=SubjectKind.APPLICATION, name="shop")
ADA, BEN, CLEO = (person(n, name, "shop-approvers") for n, name in ((11, "Ada"), (12, "Ben"), (13, "Cleo")))
EVE = person(14, "Eve", "reader")
SALTS = count(1)
"""Nobody says the same statement twice."""
APPROVE, REJECT = VoteDecision.APPROVE, VoteDecision.REJECT


def guarded(folder: Path, prepare: Callable[[Live], None] = lambda live: None) -> Live:
    """Two people with a role have to approve what goes to production."""
    write_application(folder)
    live = Live(folder)
    live.edit_gate(approvers=["role:shop-approvers"], required=2, level="signed", fresh="5m")
    prepare(live)
    live.apply()
    return live


def ask_to_confirm(live: Live) -> ToConfirm:
    answer = live.say()
    assert isinstance(answer, ToConfirm), answer
    return answer


def propose(live: Live, who: TokenPerson = SIGNS_IN) -> ProposedChange:
    """Somebody applies the folder and confirms it; returns the waiting change."""
    to_confirm = ask_to_confirm(live)
    handle = live.app.saying.keep_pending(
        to_confirm.statement, Via.CLI, content=to_confirm.content, compared=to_confirm.compared
    )
    confirm_pending(live, handle, who)
    live.hear()
    confirmed = live.app.saying.confirmed(handle)
    assert confirmed is not None
    reply = live.app.answers.reply(*confirmed)
    assert reply.answered is not None, reply
    assert reply.state is StatementState.COUNTED, reply.answered.rules
    assert reply.answered.change is not None
    return change_of(live, reply.answered.change)


def weaken(live: Live, **gate: Any) -> ProposedChange:
    live.edit_gate(**(gate or {"required": 1}))
    return propose(live)


def change_of(live: Live, hash: str) -> ProposedChange:
    change = live.app.proposals.current(hash).change
    assert change is not None
    return change


def statement(change: ProposedChange, decision: VoteDecision = APPROVE, **fields: Any) -> ChangeVoteStatement:
    defaults = {
        "installation": "slipway.example.com",
        "salt": f"{next(SALTS):022d}",
        "change": change.hash,
        "opening": change.opening,
        "plan": change.plan,
        "decision": decision,
        "reason": "no" if decision is REJECT else "",
    }
    return ChangeVoteStatement.model_validate(defaults | fields)


def vote(
    live: Live, change: ProposedChange, who: TokenPerson, decision: VoteDecision = APPROVE, **fields: Any
) -> Reply:
    """Cast a proved vote; returns what became of it."""
    claims = {name: fields.pop(name) for name in ("ago",) if name in fields}
    receipt = say_proved(live, proof_of(live, statement(change, decision, **fields), who, **claims))
    live.hear()
    return live.reply(receipt)


def vote_without_proof(live: Live, change: ProposedChange, who: TokenPerson, decision: VoteDecision) -> Reply:
    speaker = Speaker(oid=who.oid, name=who.name, roles=who.roles, via=Via.PAGE)
    row = InboxRow(kind=InboxKind.VOTE, said=statement(change, decision), speaker=speaker)
    receipt = live.app.inbox_writer.say(keys.INSTALLATION, row)
    live.hear()
    return live.reply(receipt)


def broken_rules(reply: Reply) -> list[str]:
    assert reply.state is StatementState.REFUSED, reply
    assert reply.answered is not None
    return [rule.name for rule in reply.answered.rules]


def number(live: Live) -> int:
    return live.app.versions.current(SHOP).number


def trail(live: Live) -> list[AuditRecord]:
    return [record for record in live.app.ledger.audit(keys.INSTALLATION) if isinstance(record, AuditRecord)]


def actions(live: Live) -> list[str]:
    return [record.action for record in trail(live) if record.action.startswith("change.")]


def messages(live: Live, notice: str) -> list[str]:
    return [message.headline for message in live.inbox.messages if message.notice == notice]
