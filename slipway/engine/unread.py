"""Unread statements in the inbox that stop something: a rollout does not begin just after somebody has said no.

The author need not be proved: the statement only stops the step until the worker has read it, and opens nothing. Once
read, the statement has changed the release, or there was nothing to stop.
"""

from dataclasses import dataclass

from ..domain.commands import Verb
from ..domain.inbox import Received
from ..domain.release import VoteDecision
from ..domain.statement import CommandStatement, Statement, VoteStatement
from ..domain.steps import Step, StepKind
from ..ledger.inbox import Inbox
from ..ledger.keys import INSTALLATION

LOOKED_AT = frozenset({StepKind.COPY, StepKind.BEFORE, StepKind.DEPLOY})
"""The steps before which the inbox is looked at; it is also looked at after a copy. From the first object on, a rollout
is finished."""
MANY = 100
"""The most rows that are read: first of all applications, then of this one. If it has more, the unread rest counts as a
stop."""


@dataclass(frozen=True, kw_only=True)
class UnreadStops:
    """Looks for what stops a step."""

    inbox: Inbox

    def stops(self, step: Step) -> str:
        """The unread statement that stops the step; empty if there is none. Raises `LedgerUnavailable`."""
        if step.kind not in LOOKED_AT:
            return ""
        everything = list(self.inbox.unread(limit=MANY))  # one request: nearly always that is all there is
        for partition in (step.application, INSTALLATION):
            rows = [row for row in everything if row.partition == partition]
            if len(everything) == MANY:
                rows = list(self.inbox.of(partition, limit=MANY))
            for row in rows:
                if isinstance(row, Received) and row.row.statement and _stops(row.row.statement, step):
                    return f"{_statement_name(row.row.statement)} lies unread in the inbox ({row.id})"
            if len(rows) == MANY:
                return f"{MANY} rows and more about {partition} lie unread in the inbox"
        return ""


def _stops(statement: Statement, step: Step) -> bool:
    match statement:
        case VoteStatement():
            same_release = (statement.application, statement.release) == (step.application, step.release)
            rejects = statement.decision is VoteDecision.REJECT and statement.environment == step.environment
            return same_release and (rejects or statement.decision is VoteDecision.OBJECT)
        case CommandStatement(verb=Verb.CANCEL):
            return statement.release == step.release
        case CommandStatement(verb=Verb.FREEZE | Verb.ROLLBACK):
            return statement.environment in (None, step.environment)
        case _:
            return False


def _statement_name(statement: Statement) -> str:
    return f"a {statement.verb}" if isinstance(statement, CommandStatement) else "a rejection"
