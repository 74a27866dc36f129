"""Brings a proposed change to its end: puts it in force once the weakened gates let it through, or else voids or
expires it.

Before a change is made, the votes are derived again from signed records, and the change is compared again with the
state in force. If it would do anything other than what people read, it is void. Each project and application commits
its own version, with a mark; so if a pass is cut short, the next one finishes it and repeats nothing.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from ..catalogue.stored import StoredDocument
from ..clock import Clock
from ..domain.actions import Action
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft, AuditRecord
from ..domain.changes_on_record import change_on_record, proofs_of, trail_rule
from ..domain.inbox import Received
from ..domain.people import OID
from ..domain.proposing import ChangePhase, ChangePlan, ProposedChange
from ..domain.rules import NotYet, Rule, RuleResult, WaitsFor
from ..domain.signed_head import head_fault
from ..domain.signing import KeysUnavailable
from ..domain.standing_in import stand_ins_rule
from ..domain.statement import CatalogueChange, ChangeVoteStatement
from ..domain.versions import SubjectKind, Version
from ..engine.kept_proofs import KeptProofs
from ..engine.on_record import verified_records
from ..ledger import Conflict, Ledger, LedgerUnavailable
from ..ledger.chain_anchors import ChainAnchors
from ..ledger.inbox import Inbox, UnreadableInboxRow
from ..ledger.keys import INSTALLATION
from ..ledger.proposals import Proposals, StoredProposal
from ..ledger.versions import SubjectVersions
from .as_voted import AsVoted
from .changes import subject_of
from .comparing import Comparing
from .proposing import change_details, ended_as, ending

log = logging.getLogger(__name__)

MANY: Final = 500
"""The most unread rows that are looked at before a change expires."""


@dataclass(frozen=True, kw_only=True)
class Enacting:
    """Brings proposed changes to their end."""

    proposals: Proposals
    as_voted: AsVoted
    comparing: Comparing
    versions: SubjectVersions
    ledger: Ledger
    anchors: ChainAnchors
    inbox: Inbox
    proofs: KeptProofs
    clock: Clock

    def settle_all(self) -> tuple[str, ...]:
        """Do what is due for each change that is not over; returns the problems met."""
        problems = []
        try:
            undecided = self.proposals.undecided()
            problems += [each.why for each in undecided.not_shown]
            for change in undecided.read:
                try:
                    self.settle(change.hash)
                except (Conflict, KeysUnavailable, LedgerUnavailable) as later:
                    problems.append(f"the change {change.hash[7:19]}: {later}")
        except LedgerUnavailable as away:
            problems.append(f"{INSTALLATION}: {away}")
        return tuple(problems)

    def settle(self, hash: str) -> ProposedChange | None:
        """Void the change, let it expire, or put it in force, if that is due. Returns the change afterwards.

        Raises `Conflict`, `KeysUnavailable`, `LedgerUnavailable`: the next pass goes on.
        """
        proposal = self.proposals.current(hash)
        if proposal.change is None or proposal.change.phase.final:
            return proposal.change
        change, now = proposal.change, self.clock()
        plan = self._plan(change)
        made = self._parts_in_force(change)
        if not made and (rule := self.as_voted.moved_on(change, plan)) is not None:
            return self._end(proposal, change, ChangePhase.VOID, rule.reason, now)
        if plan is None:
            raise Conflict(f"the plan {change.plan} cannot be read, and the change is half applied")
        if change.phase is ChangePhase.PASSED:
            return self._enact(proposal, change, plan, made)
        if change.phase is ChangePhase.STOOD_IN:
            return self._stood_in(proposal, change, plan, made)
        if now >= change.deadline and not self._has_unread(change, before=change.deadline):
            return self._end(proposal, change, ChangePhase.EXPIRED, "nobody decided before its deadline", now)
        return change

    def _plan(self, change: ProposedChange) -> ChangePlan | None:
        try:
            return self.proposals.plan(change.plan)
        except ValueError:
            log.exception("the plan of the change %s was changed", change.hash)
            return None

    def _end(
        self, current: StoredProposal, change: ProposedChange, phase: ChangePhase, why: str, now: datetime
    ) -> ProposedChange:
        ended = ended_as(change, phase, why[:2000], now)
        self.proposals.commit(current, ended, [ending(ended, actor=SYSTEM)], now=now)
        return ended

    def _has_unread(self, change: ProposedChange, *, before: datetime | None) -> bool:
        """Whether a vote that came in time may still lie unread."""
        rows = list(self.inbox.of(INSTALLATION, limit=MANY))
        return len(rows) == MANY or any(_is_vote_in_time(row, change, before) for row in rows)

    # ---- taking effect
    def _stood_in(
        self, current: StoredProposal, change: ProposedChange, plan: ChangePlan, made: Sequence[CatalogueChange]
    ) -> ProposedChange:
        """Put the change in force once everybody who is asked was told that others stood in for them, and has had a day
        to object. Only the records count for when they were told, not the row."""
        records, fault = self._records(change)
        shown = change_on_record(change, records) if not fault else None
        if shown is not None:
            rule = stand_ins_rule(plan, shown.stand_ins, shown.notified, self.clock())
            waits = isinstance(rule, NotYet) and rule.waits_for is not WaitsFor.PERSON
            if not made and (waits or (rule.passed and self._has_unread(change, before=None))):
                return change
        return self._enact(current, change, plan, made)

    def _records(self, change: ProposedChange) -> tuple[Sequence[AuditRecord], str]:
        """The records of the change, and the fault of the trail that holds them, if any: somebody could have cut a
        rejection off its end."""
        head = self.ledger.head(INSTALLATION)
        whole = self.anchors.whole_ledger_rule(INSTALLATION, head)
        if not whole.passed:
            return (), whole.reason
        if fault := head_fault(head, self.ledger.public_keys):
            return (), f"the end of the trail of the installation: {fault}"
        return verified_records(self.ledger, head, change.first_sequence)

    def _enact(
        self, current: StoredProposal, change: ProposedChange, plan: ChangePlan, made: Sequence[CatalogueChange]
    ) -> ProposedChange:
        records, fault = self._records(change)
        rule: RuleResult = Rule.TRAIL_VERIFIES.fails(fault) if fault else self._on_record(change, plan, records)
        if not rule.passed:
            return self._end(current, change, ChangePhase.VOID, rule.reason, self.clock())
        documents = {str(each.subject): each for each in self.as_voted.documents(change)}
        for each in sorted(change.changes, key=lambda one: not one.subject.startswith(SubjectKind.PROJECT)):
            if each not in made:
                self._commit(change, plan, each, documents[each.subject])
        now = self.clock()
        ended = ended_as(change, ChangePhase.IN_FORCE, "", now)
        self.proposals.commit(current, ended, [ending(ended, actor=SYSTEM, subjects=sorted(change.subjects))], now=now)
        return ended

    def _on_record(self, change: ProposedChange, plan: ChangePlan, records: Sequence[AuditRecord]) -> RuleResult:
        """Whether signed records let the change through, and the proofs that they name still hold.

        Raises `KeysUnavailable` while the keys that would decide it are unavailable.
        """
        rule = trail_rule(change, plan, records, self.clock())
        if not rule.passed:
            return rule
        for record, fresh in proofs_of(change, plan, records):
            proved = self.proofs.rule([record], fresh=fresh)
            if proved is not None and not proved.passed:
                return proved
        return rule

    def _parts_in_force(self, change: ProposedChange) -> tuple[CatalogueChange, ...]:
        """The parts of the change that were put in force before a pass was interrupted."""
        return tuple(
            each
            for each in change.changes
            if self.versions.version_made_by(subject_of(each), _mark(change)) is not None
        )

    def _commit(self, change: ProposedChange, plan: ChangePlan, each: CatalogueChange, stored: StoredDocument) -> None:
        subject, now = subject_of(each), self.clock()
        current = self.versions.current(subject)
        if current.document != each.before:
            raise Conflict(f"somebody else has changed {each.subject} while the change took effect")
        project = str(stored.value["project"]) if subject.kind is SubjectKind.APPLICATION else None
        shown = next(one for one in plan.compared if one.subject == each.subject)
        version = Version(
            subject=subject,
            number=current.number + 1,
            document=each.after,
            before=each.before,
            project=project,
            project_document=self.versions.project_document(project),
            at=now,
            by=f"{OID}{change.proposed_by}",
            reason=change.reason,
            record=1,
            difference=shown.difference[:50],
        )
        try:
            self.versions.commit(
                current,
                version,
                _draft(change, version, shown.weaker),
                inbox=_mark(change),
                nonce=change.nonce,
                now=now,
            )
        finally:
            self.comparing.catalogue.look_again()


def _mark(change: ProposedChange) -> str:
    return f"{change.hash} {change.opening}"


def _is_vote_in_time(row: Received | UnreadableInboxRow, change: ProposedChange, before: datetime | None) -> bool:
    if isinstance(row, UnreadableInboxRow):
        return False
    statement = row.row.statement
    about = isinstance(statement, ChangeVoteStatement) and statement.change == change.hash
    return about and (before is None or row.received_at < before)


def _draft(change: ProposedChange, version: Version, weaker: Sequence[str]) -> AuditDraft:
    application = version.subject.kind is SubjectKind.APPLICATION
    details = {
        **change_details(change),
        "subject": str(version.subject),
        "number": version.number,
        "from": version.before or "",
        "to": version.document or "",
        "project": version.project or "",
        "difference": list(version.difference[:20]),
        "weaker": list(weaker[:20]),
        "voters": [vote.voter for vote in change.votes],
        "stood_in": [vote.voter for vote in change.stand_ins] if change.phase is ChangePhase.STOOD_IN else [],
        "reason": version.reason,
    }
    return AuditDraft(
        action=Action.APPLICATION_APPLIED if application else Action.PROJECT_APPLIED,
        actor=version.by,
        details={name: value for name, value in details.items() if value},
        inbox=change.inbox,
        proof=change.proof,
    )
