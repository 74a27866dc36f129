"""The worker's half of a change that weakens production gates: it proposes the change to the approvers of those gates.

The proposer has proved their statement and their permission. The document that people vote on is stored by its hash
before the record that names it is written.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changing import within_room
from ..domain.errors import present
from ..domain.inbox import Received
from ..domain.people import OID
from ..domain.proof import ProofFacts
from ..domain.proposing import ChangePhase, ChangePlan, ProposedChange, hash_of_changes
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..ledger import Conflict, Ledger
from ..ledger.keys import INSTALLATION
from ..ledger.proposals import MOST, Proposals, StoredProposal
from ..ledger.rows import answer_writes
from ..ledger.versions import SubjectVersions
from .comparing import PlannedChange
from .submitting import compared_subject
from .taking import CannotCount

log = logging.getLogger(__name__)

SHOWN = 50
"""The most lines about weakenings that a record holds; the plan has all of them."""


@dataclass(frozen=True, kw_only=True)
class ProposalInput:
    """The proposed changes, and their author."""

    received: Received
    statement: CatalogueStatement
    oid: str
    proved: ProofFacts
    planned: Sequence[PlannedChange]

    @property
    def changes(self) -> tuple[CatalogueChange, ...]:
        return tuple(
            CatalogueChange(subject=str(each.change.subject), before=each.change.before, after=each.change.after)
            for each in self.planned
            if each.change.changes
        )


@dataclass(frozen=True, kw_only=True)
class Proposing:
    """Opens the vote on a change."""

    proposals: Proposals
    versions: SubjectVersions
    ledger: Ledger
    clock: Clock

    def propose(self, proposed: ProposalInput, answered: RowOutcome) -> ProposedChange:
        """Open the vote, or name the one that is open already; `answered` is completed with it.

        Raises `CannotCount` if too many changes wait; `Conflict`, `LedgerUnavailable`: try again.
        """
        plan, now = self._plan(proposed), self.clock()
        proposal = self.proposals.current(hash_of_changes(plan.changes))
        if proposal.change is not None and not proposal.change.phase.final:
            if self._is_same_change(proposal.change, plan):
                return self._name_the_open_one(proposed, answered, proposal.change)
            self._void(proposal, proposal.change, now)
            proposal = self.proposals.current(proposal.change.hash)
        digest = self.proposals.store(plan)
        waiting = self.proposals.undecided()
        if len(waiting.read) + len(waiting.not_shown) >= MOST:
            raise CannotCount(f"{MOST} changes wait for votes already")
        for planned in proposed.planned:
            if planned.stored is not None and planned.change.changes:
                self.versions.store(planned.stored.content)
        change = ProposedChange(
            hash=hash_of_changes(plan.changes),
            opening=proposal.change.opening + 1 if proposal.change else 1,
            plan=digest,
            changes=plan.changes,
            proposed_by=plan.proposed_by,
            reason=plan.reason,
            at=now,
            deadline=now + plan.deadline,
            inbox=proposed.received.id,
            proof=proposed.proved.proof,
            nonce=proposed.proved.statement.nonce,
            first_sequence=self.ledger.head(INSTALLATION).sequence + 1,
        )
        answer = answer_writes(proposed.received.id, _about(answered, change))
        submission = (change.nonce, change.inbox)
        self.proposals.commit(proposal, change, [_record(change, plan, proposed)], *answer, counted=submission, now=now)
        self._supersede(change, waiting.read, now)
        return change

    def _plan(self, proposal: ProposalInput) -> ChangePlan:
        changed = [each.change for each in proposal.planned if each.change.changes]
        gates = {(old.application, old.environment): old for change in changed for old in change.gates}
        return ChangePlan(
            changes=proposal.changes,
            compared=within_room(tuple(map(compared_subject, changed))),
            gates=tuple(gates.values()),
            proposed_by=proposal.oid,
            reason=proposal.statement.reason,
        )

    def _name_the_open_one(
        self, proposal: ProposalInput, answered: RowOutcome, change: ProposedChange
    ) -> ProposedChange:
        """Answer that the same change is waiting already."""
        answer = answer_writes(proposal.received.id, _about(answered, change))
        try:
            self.proposals.installation.table.transact(INSTALLATION, answer)
        except Conflict:
            log.info("%s was answered by somebody else", proposal.received.id)
        return change

    def _is_same_change(self, change: ProposedChange, plan: ChangePlan) -> bool:
        """Whether people are already voting on the same change, whoever proposed it."""
        waiting = self.proposals.plan(change.plan)
        return waiting is not None and (waiting.compared, waiting.gates) == (plan.compared, plan.gates)

    def _void(self, current: StoredProposal, change: ProposedChange, now: datetime) -> None:
        """Void a change whose documents would now do something other than what people were asked about.

        Raises `Conflict` for a change that is about to take effect."""
        if change.phase is ChangePhase.PASSED:
            raise Conflict(f"the change {change.hash} is about to take effect")
        ended = ended_as(change, ChangePhase.VOID, "what it would do has changed, and it was proposed again", now)
        self.proposals.commit(current, ended, [ending(ended, actor=SYSTEM)], now=now)

    def _supersede(self, newer: ProposedChange, waiting: Sequence[ProposedChange], now: datetime) -> None:
        """Void the older of two changes of the same subjects: both cannot take effect, and the newer one is meant."""
        for older in waiting:
            if older.hash == newer.hash or not older.subjects & newer.subjects:
                continue
            proposal = self.proposals.current(older.hash)
            if proposal.change is not None and proposal.change.phase.open:
                why = f"{OID}{newer.proposed_by} proposed another change of {', '.join(sorted(newer.subjects))}"
                ended = ended_as(proposal.change, ChangePhase.SUPERSEDED, why[:2000], now)
                draft = ending(ended, actor=f"{OID}{newer.proposed_by}", superseded_by=newer.hash)
                self.proposals.commit(proposal, ended, [draft], now=now)


def _about(answered: RowOutcome, change: ProposedChange) -> RowOutcome:
    return answered.evolve(change=change.hash, change_phase=str(change.phase))


def ended_as(change: ProposedChange, phase: ChangePhase, why: str, now: datetime) -> ProposedChange:
    return change.evolve(phase=phase, ended_at=now, why=why)


def ending(change: ProposedChange, *, actor: str, **details: object) -> AuditDraft:
    """The record of how a change ended."""
    voters = [vote.voter for vote in change.votes]
    stood_in = [vote.voter for vote in change.stand_ins]
    recorded = {**change_details(change), "reason": change.why, "voters": voters, "stood_in": stood_in, **details}
    return AuditDraft(
        action=present(change.phase.ended_by, f"the end of the change {change.hash}"),
        actor=actor,
        details={name: value for name, value in recorded.items() if value},
    )


def change_details(change: ProposedChange) -> dict[str, object]:
    """The details in every record about a change."""
    return {"change": change.hash, "opening": change.opening, "plan": change.plan}


def _record(change: ProposedChange, plan: ChangePlan, proposal: ProposalInput) -> AuditDraft:
    weaker = plan.weaker()
    details = {
        **change_details(change),
        "subjects": sorted(change.subjects),
        "weaker": list(weaker[:SHOWN]),
        "weaker_lines": len(weaker),
        "gates": [old.title for old in plan.gates],
        "deadline": change.deadline.isoformat(),
        "channel": str(proposal.received.row.speaker.via),
        "reason": change.reason,
    }
    return AuditDraft(
        action=Action.CHANGE_PROPOSED,
        actor=f"{OID}{proposal.oid}",
        details={name: value for name, value in details.items() if value},
        inbox=proposal.received.id,
        proof=proposal.proved.proof,
        received_at=proposal.received.received_at,
    )
