"""The worker's half of changes of the catalogue: makes new versions from a row of the inbox, or refuses it.

The worker does not rely on the front's checks: it judges each change again, by itself, against what is in force now. It
records refused changes, proposes those that weaken production gates, and puts the rest in force. Each project and
application commits its own version and record, marked with the row's id. So if a row was cut short, handling it again
finishes it and repeats nothing.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from ..catalogue import ConfigError, Problem
from ..catalogue.sent import SentDocuments
from ..catalogue.stored import StoredDocument
from ..clock import Clock
from ..domain.answers import RowOutcome
from ..domain.changing import MOST_PROBLEMS, line
from ..domain.errors import NotFound, present
from ..domain.identity import CannotVerify, IdentityRefused, VerifiedToken
from ..domain.inbox import Received
from ..domain.model import sha256
from ..domain.people import OID
from ..domain.proof import ProofFacts
from ..domain.rules import Rule
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..domain.versions import Version
from ..engine.proving import Prover, on_behalf_of
from ..inbound.reading import BadInput, read_as, read_json
from ..ledger import Conflict, keys
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.installation import InstallationLedger
from ..ledger.keys import INSTALLATION
from ..ledger.table import Value
from ..ledger.versions import SubjectVersions
from .changes import (
    ChangeRequest,
    JudgedChanges,
    RefusedChange,
    answer_of,
    overtaken,
    record_of_refusal,
    record_of_version,
    refused_by_sorting,
    refused_whole,
    stale_proof,
    subject_of,
)
from .comparing import Actor, PlannedChange, wrong_of
from .proposing import ProposalInput, Proposing
from .sorting import RefusedDocument, Sorting
from .speakers import actor_of, actor_proved
from .taking import CannotCount, RowWaits

log = logging.getLogger(__name__)

ROUNDS: Final = 5
"""The number of times that a row is judged again because others changed the catalogue meanwhile."""


class _DocumentsGone(CannotCount):
    """The documents that the row names are no longer stored."""


@dataclass(frozen=True, kw_only=True)
class Applying:
    """Makes changes of the catalogue."""

    sorting: Sorting
    prover: Prover
    proposing: Proposing
    tell: Callable[[str], object]
    """Tells people of a proposed change; what cannot be sent now is sent later."""
    versions: SubjectVersions
    installation: InstallationLedger
    incoming: Callable[[], IncomingBlobs]
    name: str
    """The installation's name, which statements are addressed to."""
    clock: Clock

    def take(self, received: Received) -> None:
        """Make, propose or refuse each of the changes; every outcome is recorded and answered.

        Raises `RowWaits` while its proof cannot be verified; `BadInput` and `CannotCount` for a row that cannot be
        handled; `Conflict`, `LedgerUnavailable`: try again.
        """
        try:
            request = self._read(received)
        except _DocumentsGone:
            if self.installation.answered(received.id):
                return  # by somebody else, at the same time
            raise
        for _ in range(ROUNDS):
            try:
                if self._round(request):
                    return
            except Conflict as busy:
                log.info("%s is judged again: %s", received.id, busy)
        raise Conflict(f"{received.id}: others changed the catalogue {ROUNDS} times meanwhile")

    def _round(self, request: ChangeRequest) -> bool:
        """Judge the changes that are left, and make those that take effect at once. Returns whether the row is
        answered.

        Raises `Conflict` if somebody else has changed something meanwhile.
        """
        judged = self._judged(request, self._versions_made(request))
        for planned in judged.now:
            self._commit_one(request, planned)
        if judged.makes and judged.waits:
            return False  # people vote on a comparison with what is in force after this
        return self._answer(request, judged)

    # ---- reading
    def _read(self, received: Received) -> ChangeRequest:
        statement = received.row.statement
        if not isinstance(statement, CatalogueStatement):
            raise BadInput("said", "a change of the catalogue", received.row.kind)
        if received.partition != INSTALLATION:
            raise BadInput("partition", INSTALLATION, received.partition)
        if statement.installation != self.name:
            raise BadInput("installation", self.name, statement.installation)
        if len(statement.changes) > 1 and not all(change.after for change in statement.changes):
            raise BadInput("changes", "a removal by itself", f"{len(statement.changes)} changes")
        actor, proved, unproved = self._author(received)
        return ChangeRequest(
            received=received,
            statement=statement,
            actor=actor,
            proved=proved,
            unproved=unproved,
            documents=self._documents(received, statement),
        )

    def _author(self, received: Received) -> tuple[Actor, ProofFacts | None, str]:
        """The speaker, with the roles that the proof's own token names or, without a proof, those that the front
        named."""
        if received.row.proof is None:
            return actor_of(received.row.speaker), None, ""
        match self.prover.person(received):
            case VerifiedToken(value=(token, proved)):
                return actor_proved(token.person.oid, token.person.roles), proved, ""
            case IdentityRefused(why=why):
                nobody = Actor(name=on_behalf_of(received.row.speaker), claims=frozenset(), platform=False)
                return nobody, None, why[:500]
            case CannotVerify(why=why):
                raise RowWaits(f"the change cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _documents(self, received: Received, statement: CatalogueStatement) -> Mapping[str, StoredDocument]:
        changed_to = {change.subject: change.after for change in statement.changes if change.after}
        content = received.row.content
        if len(content) != (1 if changed_to else 0):
            raise BadInput("content", "one blob with the documents, and none for a removal", f"{len(content)} blobs")
        if not changed_to:
            return {}
        sent = self._sent(content[0])
        try:
            documents = {str(each.subject): each for each in sent.documents}
            hashes = {subject: sha256(each.content) for subject, each in documents.items()}
        except (ValueError, RecursionError) as error:
            raise CannotCount(f"the documents in {content[0]} cannot be read: {error}"[:500]) from error
        if hashes != changed_to or len(documents) != len(sent.documents):
            raise CannotCount(f"the documents in {content[0]} are not those that the change names")
        return documents

    def _sent(self, digest: str) -> SentDocuments:
        try:
            content = self.incoming().get(digest)
        except ValueError as changed:
            raise CannotCount(str(changed)) from changed
        if content is None:
            raise _DocumentsGone(f"the documents in {digest} are gone: apply them again")
        return read_as(SentDocuments, read_json(content, limit=INCOMING_LIMIT))

    # ---- judging
    def _versions_made(self, request: ChangeRequest) -> Mapping[str, int]:
        """The numbers of the versions that earlier handling of this row has made."""
        changes = request.statement.changes
        numbers = {
            each.subject: self.versions.version_made_by(subject_of(each), request.received.id) for each in changes
        }
        return {subject: number for subject, number in numbers.items() if number is not None}

    def _judged(self, request: ChangeRequest, made: Mapping[str, int]) -> JudgedChanges:
        """Raises `Conflict` if somebody else changes one of them at the same time."""
        left = [change for change in request.statement.changes if change.subject not in made]
        # If the proof does not hold the author is unknown, so nobody's rights are judged.
        whole = Rule.PROOF_HOLDS.fails(request.unproved) if request.unproved else stale_proof(request)
        if whole is not None:
            return JudgedChanges(refused=refused_whole(left, whole))
        refused = [each for change in left if (each := self._stale(request, change)) is not None]
        gone = {each.subject for each in refused}
        rest = [change for change in left if change.subject not in gone]
        if not rest:
            return JudgedChanges(refused=tuple(refused))
        try:
            judged = self._sorted(request, rest)
        except ConfigError as error:
            judged = JudgedChanges(refused=_unreadable(rest, error))
        return replace(judged, refused=(*refused, *judged.refused))

    def _stale(self, request: ChangeRequest, change: CatalogueChange) -> RefusedChange | None:
        """The refusal of a change that was overtaken, or whose statement was already counted from another row: a
        statement counts once in each chain. The row that it was counted from may be handled again, to finish what was
        cut short."""
        in_force = self.versions.current(subject_of(change)).document
        # The removal of what is gone is refused later, as a removal of nothing.
        gone = change.after is None and in_force is None
        if not gone and (late := overtaken(change, in_force)) is not None:
            return late
        if request.proved is None:
            return None
        nonce = request.proved.statement.nonce
        counted = self.versions.row_of_statement(
            subject_of(change), nonce
        ) or self.proposing.proposals.row_of_statement(nonce)
        if counted in (None, request.received.id):
            return None
        rule = Rule.PROOF_IS_NEW.fails(f"{change.subject}: the statement was already counted")
        return RefusedChange(subject=change.subject, rule=rule)

    def _sorted(self, request: ChangeRequest, rest: Sequence[CatalogueChange]) -> JudgedChanges:
        """Raises ConfigError, `Conflict`."""
        documents = [request.documents[change.subject] for change in rest if change.after]
        if not documents:
            return self._removal(request, rest[0])
        sorted_changes = self.sorting.sort(documents, request.actor, proved=request.proved is not None)
        before = {change.subject: change.before for change in rest}
        for planned in sorted_changes.goes:
            if planned.change.before != before[str(planned.change.subject)]:
                raise Conflict(f"somebody else has changed {planned.change.subject} meanwhile")
        refused = tuple(map(refused_by_sorting, sorted_changes.refused))
        return JudgedChanges(now=sorted_changes.now, waits=sorted_changes.waits, refused=refused)

    def _removal(self, request: ChangeRequest, change: CatalogueChange) -> JudgedChanges:
        """Raises ConfigError."""
        try:
            planned = self.sorting.comparing.plan_removal(subject_of(change), request.actor)
        except NotFound as gone:
            raise ConfigError([Problem(file=change.subject, message=str(gone))]) from gone
        if planned.change.refused:
            refusal = RefusedDocument(change=planned.change, rule=Rule.MAY_CHANGE_IT)
            return JudgedChanges(refused=(refused_by_sorting(refusal),))
        return JudgedChanges(now=(planned,))

    # ---- proposing
    def _propose(self, request: ChangeRequest, judged: JudgedChanges, answered: RowOutcome) -> None:
        """Open the vote on the changes that weaken production gates, and on those that are valid only together with
        them."""
        proved = present(request.proved, "the proof of a change that weakens gates")
        proposed = ProposalInput(
            received=request.received,
            statement=request.statement,
            oid=request.actor.name.removeprefix(OID),
            proved=proved,
            planned=judged.waits,
        )
        self.tell(self.proposing.propose(proposed, answered).hash)

    # ---- writing
    def _commit_one(self, request: ChangeRequest, planned: PlannedChange) -> None:
        """Raises `Conflict` if somebody else has changed it meanwhile."""
        change, current, now = planned.change, planned.current, self.clock()
        if not change.changes:
            if current.version is not None:
                # The process that committed it may have ended before publishing it.
                self.versions.publish(current.version)
            return
        if planned.stored is not None:
            self.versions.store(planned.stored.content)
        version = Version(
            subject=change.subject,
            number=current.number + 1,
            document=change.after,
            before=change.before,
            project=planned.project,
            project_document=self.versions.project_document(planned.project),
            at=now,
            by=request.actor.name,
            reason=request.statement.reason,
            record=1,
            difference=change.difference,
        )
        try:
            self.versions.commit(
                current,
                version,
                record_of_version(change, version, request),
                inbox=request.received.id,
                nonce=request.proved.statement.nonce if request.proved else "",
                now=now,
            )
        finally:
            self.sorting.comparing.catalogue.look_again()

    # ---- answering
    def _answer(self, request: ChangeRequest, judged: JudgedChanges) -> bool:
        """Answer the row, with a record of the refused changes. False if somebody else has handled the same row."""
        made = self._versions_made(request)
        if any(each.subject in made for each in judged.refused):
            return False
        self._publish_committed(request, made)
        answered = answer_of(request, judged, made)
        if judged.waits:
            if judged.refused:
                self._note_refusal(request, judged, made)
            self._propose(request, judged, answered)
        elif judged.refused:
            draft = record_of_refusal(request, judged, made)
            self.installation.record_answer(request.received.id, draft, answered, now=self.clock())
        else:
            self.installation.answer_changes(request.received.id, answered)
        return True

    def _publish_committed(self, request: ChangeRequest, made: Mapping[str, int]) -> None:
        """Publish the versions that this row committed: a process may have ended between commit and publishing."""
        for change in request.statement.changes:
            current = self.versions.current(subject_of(change))
            if current.version is not None and made.get(change.subject) == current.number:
                self.versions.publish(current.version)

    def _note_refusal(self, request: ChangeRequest, judged: JudgedChanges, made: Mapping[str, int]) -> None:
        """Record the refused changes once. It is needed if the answer is written together with the proposal."""
        now, row = self.clock(), request.received.id
        key = keys.seen(sha256(f"refused in part {row}".encode())[7:])
        values: dict[str, Value] = {"Kind": "refusal", "At": now.isoformat(), "Refused": True, "Inbox": row}
        self.installation.note(record_of_refusal(request, judged, made), key=key, values=values, now=now)


def _unreadable(rest: Sequence[CatalogueChange], error: ConfigError) -> tuple[RefusedChange, ...]:
    """The refusal of all changes because their documents cannot be read; the first refusal lists the problems."""
    reason = f"{len(error.problems)} problems; the first is {error.problems[0]}"
    rule = Rule.DOCUMENTS_ARE_IN_ORDER.fails(line(reason))
    first, *others = refused_whole(rest, rule)
    return (replace(first, problems=tuple(map(wrong_of, error.problems[:MOST_PROBLEMS]))), *others)
