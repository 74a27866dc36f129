"""Whether a proposed change still does what its voters read: compares it again with what is in force. It writes
nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from ..catalogue import ConfigError
from ..catalogue.stored import StoredDocument, read_stored
from ..domain.attribution import SYSTEM
from ..domain.proposing import ChangePlan, ProposedChange
from ..domain.rules import Fail, Rule
from ..ledger.versions import SubjectVersions
from .changes import subject_of
from .comparing import Actor, Comparing, PlannedChange
from .submitting import compared_subject

_ANYBODY: Final = Actor(name=SYSTEM, claims=frozenset(), platform=True)
"""The proposer's permission was checked when they proposed; now the change rests on the voters' word."""


@dataclass(frozen=True, kw_only=True)
class AsVoted:
    """Compares proposed changes with what is in force."""

    comparing: Comparing
    versions: SubjectVersions

    def moved_on(self, change: ProposedChange, plan: ChangePlan | None) -> Fail | None:
        """Why the change would now do something other than what was voted on; None if it would do the same."""
        rule = Rule.CHANGE_IS_AS_VOTED
        if plan is None:
            return rule.fails("what people read is gone, or was changed")
        for each in change.changes:
            if self.versions.current(subject_of(each)).document != each.before:
                return rule.fails(f"somebody else has changed {each.subject} meanwhile")
        try:
            planned = self.comparing.plan(self.documents(change), _ANYBODY)
        except ConfigError as error:
            return rule.fails(f"it no longer fits the state in force: {error.problems[0]}"[:2000])
        if difference := _difference(plan, planned):
            return rule.fails(difference)
        return None

    def documents(self, change: ProposedChange) -> list[StoredDocument]:
        """Raises ConfigError."""
        documents = []
        for each in change.changes:
            content = self.versions.document(each.after) if each.after else None
            documents.append(read_stored(content or b""))
        return documents


def _difference(plan: ChangePlan, planned: Sequence[PlannedChange]) -> str:
    """How the plan differs from the one that people read; empty if it is the same."""
    now = {str(each.change.subject): compared_subject(each.change) for each in planned}
    for shown in plan.compared:
        if now[shown.subject].weaker != shown.weaker:
            return f"something else of {shown.subject} would become weaker now"
    gates = {(old.application, old.environment): old for each in planned for old in each.change.gates}
    planned_gates = {(old.application, old.environment): old for old in plan.gates}
    if gates != planned_gates:
        return "the gates that it weakens have changed meanwhile"
    return ""
