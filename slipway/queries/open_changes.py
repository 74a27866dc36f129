"""Proposed changes of the catalogue, for board, API and command line: which votes each waits for, and how one ended."""

import logging
from dataclasses import dataclass

from ..domain.errors import NotFound
from ..domain.people import OID, SignedIn
from ..domain.proposing import ChangePlan, ProposedChange, barred_at, earlier_vote, gates_of
from ..ledger.proposals import Proposals
from ..ledger.table import ReadOfEach

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    """A proposed change, with what people read before they vote."""

    change: ProposedChange
    plan: ChangePlan | None
    """None if it is gone, or was changed: then nobody can vote on it, and the next reconcile run ends the change."""

    @property
    def applications(self) -> frozenset[str]:
        """The applications that it concerns: those that it changes, and those whose gates it would weaken."""
        gates = self.plan.gates if self.plan else ()
        changed = (subject.partition(":") for subject in self.change.subjects)
        return frozenset(old.application for old in gates) | {
            name for kind, _, name in changed if kind == "application"
        }

    def waits_for(self, who: SignedIn) -> bool:
        """Whether a gate asks this person, by what their sign-in says, and they have not voted. Whether a vote counts
        is decided when it is cast, by its own proof."""
        if self.plan is None or not self.change.phase.open:
            return False
        voter = f"{OID}{who.object_id}"
        gates = gates_of(self.plan, voter, who)
        if not gates or barred_at(self.change.proposed_by, gates, voter, who):
            return False
        return earlier_vote(self.plan.gates, self.change.votes, voter) is None


def open_changes(proposals: Proposals) -> ReadOfEach[ShownChange]:
    """The changes that are not over, oldest first. Raises `LedgerUnavailable`."""
    undecided = proposals.undecided()
    waiting = sorted(undecided.read, key=lambda change: change.at)
    shown = tuple(_shown(proposals, change) for change in waiting if not change.phase.final)
    return ReadOfEach(read=shown, not_shown=undecided.not_shown)


def proposed_change(proposals: Proposals, hash: str) -> ShownChange:
    """One change, in any phase. Raises `NotFound`, `LedgerUnavailable`."""
    change = proposals.current(hash).change
    if change is None:
        raise NotFound("no such change was proposed")
    return _shown(proposals, change)


def _shown(proposals: Proposals, change: ProposedChange) -> ShownChange:
    try:
        plan = proposals.plan(change.plan)
    except ValueError:
        log.exception("the plan of the change %s was changed", change.hash)
        plan = None
    return ShownChange(change=change, plan=plan)
