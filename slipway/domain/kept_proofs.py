"""What is kept as the proof of a record has to say what the record says, and to be of whom the record names.

The worker compares them again before it opens anything; `slipway audit verify --votes` does the same from outside.
"""

from datetime import timedelta
from typing import Final

from .actions import OfGate
from .audit import AuditRecord
from .commands import FRESH, Verb
from .identity import IdToken
from .people import OID
from .proof import judge
from .release import VoteDecision
from .rules import failed
from .statement import CommandStatement, Statement, VoteStatement

_VERBS: Final = {OfGate.RETURN_ORDERED: Verb.ROLLBACK, OfGate.WAIVED: Verb.WAIVE}


def kept_proof_fault(record: AuditRecord, statement: Statement, token: IdToken, *, fresh: timedelta | None) -> str:
    """Why the proof does not prove what the record says; empty if it does. `fresh`: how old the sign-in of a vote may
    have been."""
    if record.actor != f"{OID}{token.person.oid}":
        return f"it is of {OID}{token.person.oid}, and the record names {record.actor}"
    if not _says(record, statement):
        return "it says something else than the record"
    counted_by = {*record.details.get("groups", ()), *record.details.get("roles", ())}
    lacking = counted_by - {*token.person.roles, *(token.person.groups or ())}
    if lacking:
        return f"its token does not name {', '.join(sorted(lacking))}, by which the vote was counted"
    if record.received_at is None:
        return "the record does not say when it was received"
    broken = failed(judge(token, record.received_at, fresh if isinstance(statement, VoteStatement) else FRESH))
    return broken[0].reason if broken else ""


def _says(record: AuditRecord, statement: Statement) -> bool:
    details, action = record.details, record.known_action
    of_gate = action.of_gate if action is not None else OfGate.NOTHING
    match statement:
        case VoteStatement():
            approves = statement.decision is VoteDecision.APPROVE and of_gate is OfGate.APPROVED
            here = _about(statement) == (record.release, record.environment)
            for_it = (statement.plan, statement.opening) == (details.get("plan_hash"), details.get("opening"))
            return approves and here and for_it
        case CommandStatement():
            about = details.get("to") if of_gate is OfGate.RETURN_ORDERED else record.release
            here = _about(statement) == (about, record.environment)
            same_rule = of_gate is not OfGate.WAIVED or statement.arguments.get("rule") == details.get("rule")
            return statement.verb is _VERBS.get(of_gate) and here and same_rule
        case _:
            return False


def _about(statement: VoteStatement | CommandStatement) -> tuple[str | None, str | None]:
    return f"{statement.application}-{statement.release}", statement.environment
