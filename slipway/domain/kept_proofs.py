"""What is kept as the proof of a record has to say what the record says, and to be of whom the record names.

The worker compares them again before it opens anything; `slipway audit verify --votes` does the same from outside.
"""

from datetime import timedelta
from typing import Final, assert_never

from .actions import OfChange, OfGate
from .audit import AuditRecord
from .commands import FRESH, Verb
from .identity import IdToken
from .people import OID
from .proof import judge
from .proposing import hash_of
from .release import VoteDecision
from .rules import failed
from .statement import CatalogueStatement, ChangeVoteStatement, CommandStatement, Statement, VoteStatement

_VOTES: Final = (VoteStatement, ChangeVoteStatement)
_VERBS: Final = {OfGate.RETURN_ORDERED: Verb.ROLLBACK, OfGate.WAIVED: Verb.WAIVE}


def kept_proof_fault(record: AuditRecord, statement: Statement, token: IdToken, *, fresh: timedelta | None) -> str:
    """Why the proof does not prove what the record says; empty if it does. `fresh`: how old the sign-in of a vote may
    have been."""
    if record.actor != f"{OID}{token.person.oid}":
        return f"it is of {OID}{token.person.oid}, and the record names {record.actor}"
    if not _says(record, statement):
        return "it says something else than the record"
    lacking = _counted_by(record) - {*token.person.roles, *(token.person.groups or ())}
    if lacking:
        return f"its token does not name {', '.join(sorted(lacking))}, by which the vote was counted"
    if record.received_at is None:
        return "the record does not say when it was received"
    broken = failed(judge(token, record.received_at, fresh if isinstance(statement, _VOTES) else FRESH))
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
        case ChangeVoteStatement():
            return _says_vote_on_change(record, statement)
        case CatalogueStatement():
            proposed = action is not None and action.of_change is OfChange.PROPOSED
            subjects = details.get("subjects", ())
            named = [each for each in statement.changes if each.subject in subjects]
            return proposed and hash_of(named) == details.get("change")
        case unreachable:
            assert_never(unreachable)


def _says_vote_on_change(record: AuditRecord, statement: ChangeVoteStatement) -> bool:
    details, action = record.details, record.known_action
    of_change = action.of_change if action is not None else OfChange.NOTHING
    expected = OfChange.STOOD_IN if statement.stands_in else OfChange.VOTED
    about = (statement.change, statement.opening, statement.plan, str(statement.decision))
    return of_change is expected and about == tuple(
        details.get(name) for name in ("change", "opening", "plan", "decision")
    )


def _counted_by(record: AuditRecord) -> set[str]:
    """The groups and roles by which whoever said it was counted."""
    vote = record.details.get("vote")
    signed_in = vote.get("signed_in") if isinstance(vote, dict) else None
    named = (record.details, signed_in if isinstance(signed_in, dict) else {})
    return {str(name) for each in named for field in ("groups", "roles") for name in each.get(field) or ()}


def _about(statement: VoteStatement | CommandStatement) -> tuple[str | None, str | None]:
    return f"{statement.application}-{statement.release}", statement.environment
