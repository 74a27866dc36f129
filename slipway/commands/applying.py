"""The worker's half of changes of the catalogue: a row of the inbox makes new versions, or is refused.

What the front checked counts for nothing here: everything is judged again, from what is in force now. If one of the
changes is refused, none is made. Then each project and application commits its own version and record, with a mark of
the row; so a row that is handled again finishes what was cut short and repeats nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from ..catalogue import ConfigError, Problem
from ..catalogue.sent import Sent
from ..catalogue.stored import Stored
from ..clock import Clock
from ..domain.answers import Answered
from ..domain.changing import MOST_PROBLEMS, line
from ..domain.errors import NotFound, present
from ..domain.identity import CannotVerify, IdentityRefused, Verified
from ..domain.inbox import InboxKind, Received
from ..domain.model import sha256
from ..domain.people import OID
from ..domain.proof import Proved
from ..domain.rules import Fail, Rule
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..domain.versions import Version
from ..engine.proving import Prover, on_behalf_of
from ..inbound.reading import BadInput, read_as, read_json
from ..ledger import Conflict
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.installation import InstallationLedger
from ..ledger.keys import INSTALLATION
from ..ledger.versions import SubjectVersions
from .changes import (
    AskedChanges,
    JudgedChanges,
    forbidden_rule,
    in_words,
    overtaken,
    proof_rules,
    record_of_refusal,
    record_of_version,
    shown_made,
    shown_refused,
    shown_waiting,
    stale_text,
    subject_of,
    wrong_of,
)
from .comparing import Actor, Comparing, Planned
from .proposing import Proposed, Proposing
from .speakers import actor_of, actor_proved
from .taking import CannotCount, RowWaits

ROUNDS: Final = 5
"""Times that a row is judged anew because others changed the catalogue meanwhile."""


class _Gone(CannotCount):
    """The documents of the row are not there."""


@dataclass(frozen=True, kw_only=True)
class Applying:
    """Makes changes of the catalogue."""

    comparing: Comparing
    prover: Prover
    proposing: Proposing
    tell: Callable[[str], object]
    """Tells people of a proposed change; what fails is told later."""
    versions: SubjectVersions
    installation: InstallationLedger
    incoming: Callable[[], IncomingBlobs]
    name: str
    """The installation's name, which statements are addressed to."""
    clock: Clock

    def take(self, received: Received) -> None:
        """Make the changes, or refuse them by their rules; either is recorded and answered.

        Raises `RowWaits` as long as its proof cannot be verified; `BadInput` and `CannotCount` for what cannot be
        handled; `Conflict`, `LedgerUnavailable`: try again.
        """
        try:
            request = self._read(received)
        except _Gone:
            if self.installation.answered(received.id):
                return  # by somebody else, at the same time
            raise
        for _ in range(ROUNDS):
            made = self._made(request)
            judged = self._judged(request, made)
            if judged.rules:
                if self._made(request) != made:
                    continue  # the same row, handled at the same time by somebody else
                self._refuse(request, judged, made)
                break
            if any(each.change.gates for each in judged.planned):
                self._propose(request, judged)
                break
            if self._commit(request, judged):
                self._count(request, judged)
                break
        else:
            raise Conflict(f"{received.id}: others changed the catalogue {ROUNDS} times meanwhile")

    # ---- reading
    def _read(self, received: Received) -> AskedChanges:
        statement = received.row.statement
        if not isinstance(statement, CatalogueStatement):
            raise BadInput("said", "a change of the catalogue", received.row.kind)
        if received.partition != INSTALLATION:
            raise BadInput("partition", INSTALLATION, received.partition)
        if statement.installation != self.name:
            raise BadInput("installation", self.name, statement.installation)
        if len(statement.changes) > 1 and not all(change.after for change in statement.changes):
            raise BadInput("changes", "a removal by itself", f"{len(statement.changes)} changes")
        actor, proved, unproved = self._who(received)
        return AskedChanges(
            received=received,
            statement=statement,
            actor=actor,
            proved=proved,
            unproved=unproved,
            documents=self._documents(received, statement),
        )

    def _who(self, received: Received) -> tuple[Actor, Proved | None, str]:
        """Who says it: by the roles in the proof's own token, and without a proof in the front's words."""
        if received.row.proof is None:
            return actor_of(received.row.speaker), None, ""
        match self.prover.person(received):
            case Verified(value=(token, proved)):
                return actor_proved(token.person.oid, token.person.roles), proved, ""
            case IdentityRefused(why=why):
                nobody = Actor(name=on_behalf_of(received.row.speaker), claims=frozenset(), platform=False)
                return nobody, None, why[:500]
            case CannotVerify(why=why):
                raise RowWaits(f"the change cannot be verified yet: {why}")
            case unreachable:
                assert_never(unreachable)

    def _documents(self, received: Received, statement: CatalogueStatement) -> Mapping[str, Stored]:
        named = {change.subject: change.after for change in statement.changes if change.after}
        content = received.row.content
        if len(content) != (1 if named else 0):
            raise BadInput("content", "one blob with the documents, and none for a removal", f"{len(content)} blobs")
        if not named:
            return {}
        sent = self._sent(content[0])
        try:
            documents = {str(each.subject): each for each in sent.documents}
            hashes = {subject: sha256(each.content) for subject, each in documents.items()}
        except (ValueError, RecursionError) as error:
            raise CannotCount(f"the documents in {content[0]} cannot be read: {error}"[:500]) from error
        if hashes != named or len(documents) != len(sent.documents):
            raise CannotCount(f"the documents in {content[0]} are not those that the change names")
        return documents

    def _sent(self, digest: str) -> Sent:
        try:
            content = self.incoming().get(digest)
        except ValueError as changed:
            raise CannotCount(str(changed)) from changed
        if content is None:
            raise _Gone(f"the documents in {digest} are gone: apply them again")
        return read_as(Sent, read_json(content, limit=INCOMING_LIMIT))

    # ---- judging
    def _made(self, asked: AskedChanges) -> Mapping[str, int]:
        """The numbers of the versions that this row has made before it was cut short."""
        changes = asked.statement.changes
        numbers = {each.subject: self.versions.made_by(subject_of(each), asked.received.id) for each in changes}
        return {subject: number for subject, number in numbers.items() if number is not None}

    def _judged(self, asked: AskedChanges, made: Mapping[str, int]) -> JudgedChanges:
        left = [change for change in asked.statement.changes if change.subject not in made]
        if not left:
            return JudgedChanges()
        if asked.unproved:  # nobody is known to have said it, so nobody's rights are judged
            return JudgedChanges(rules=(Rule.PROOF_HOLDS.fails(asked.unproved),))
        try:
            planned = self._planned(asked, left)
        except ConfigError as error:
            problems = tuple(map(wrong_of, error.problems[:MOST_PROBLEMS]))
            reason = f"{len(error.problems)} problems; the first is {error.problems[0]}"
            return JudgedChanges(problems=problems, rules=(Rule.DOCUMENTS_ARE_IN_ORDER.fails(line(reason)),))
        stale = tuple(stale_text(change, now) for change in left if (now := overtaken(change, planned)) is not None)
        rules = [Rule.STARTS_FROM_WHAT_IS_IN_FORCE.fails(in_words(problem)) for problem in stale]
        rules += [forbidden_rule(each.change) for each in planned if each.change.refused]
        rules += proof_rules(asked, opens=any(each.change.opens for each in planned))
        rules += [rule for change in left if (rule := self._counted_before(asked, change)) is not None]
        return JudgedChanges(planned=planned, problems=stale[:MOST_PROBLEMS], rules=tuple(rules))

    def _counted_before(self, asked: AskedChanges, change: CatalogueChange) -> Fail | None:
        """A statement counts once in each chain; the row of which it was counted goes on where it was cut short."""
        if asked.proved is None:
            return None
        nonce = asked.proved.statement.nonce
        counted = self.versions.said_by(subject_of(change), nonce) or self.proposing.proposals.counted_by(nonce)
        if counted in (None, asked.received.id):
            return None
        return Rule.PROOF_IS_NEW.fails(f"{change.subject}: the statement was counted before")

    def _planned(self, asked: AskedChanges, left: Sequence[CatalogueChange]) -> tuple[Planned, ...]:
        """Raises ConfigError."""
        documents = [asked.documents[change.subject] for change in left if change.after]
        if documents:
            return self.comparing.plan(documents, asked.actor)
        (removed,) = left
        try:
            return (self.comparing.plan_removal(subject_of(removed), asked.actor),)
        except NotFound as gone:
            raise ConfigError([Problem(file=removed.subject, message=str(gone))]) from gone

    # ---- proposing
    def _propose(self, asked: AskedChanges, judged: JudgedChanges) -> None:
        """Open the vote on what weakens production gates; the rest of the statement takes force with it, or not at
        all."""
        proved = present(asked.proved, "the proof of a change that weakens gates")
        proposed = Proposed(
            received=asked.received,
            statement=asked.statement,
            oid=asked.actor.name.removeprefix(OID),
            proved=proved,
            planned=judged.planned,
        )
        waits = {str(each.change.subject): each.change for each in judged.planned if each.change.changes}
        answered = Answered(
            kind=InboxKind.CATALOGUE,
            changes=tuple(
                shown_waiting(each, waits[each.subject]) if each.subject in waits else shown_made(each, 0)
                for each in asked.statement.changes
            ),
        )
        change = self.proposing.propose(proposed, answered)
        self.tell(change.hash)

    # ---- writing
    def _commit(self, asked: AskedChanges, judged: JudgedChanges) -> bool:
        """False if somebody else has changed one of them meanwhile: the rest has to be judged again."""
        for planned in judged.planned:
            try:
                self._commit_one(asked, planned)
            except Conflict:
                return False
            finally:
                self.comparing.catalogue.look_again()
        return True

    def _commit_one(self, asked: AskedChanges, planned: Planned) -> None:
        change, current, now = planned.change, planned.current, self.clock()
        if not change.changes:
            if current.version is not None:
                self.versions.publish(current.version)  # mends a list that lacks it; the same list else
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
            by=asked.actor.name,
            reason=asked.statement.reason,
            record=1,
            difference=change.difference,
        )
        self.versions.commit(
            current,
            version,
            record_of_version(change, version, asked),
            inbox=asked.received.id,
            nonce=asked.proved.statement.nonce if asked.proved else "",
            now=now,
        )

    # ---- answering
    def _count(self, asked: AskedChanges, judged: JudgedChanges) -> None:
        made = self._made(asked)
        self._mend(asked, made)
        unchanged = {str(each.change.subject): each.current.number for each in judged.planned}
        answered = Answered(
            kind=InboxKind.CATALOGUE,
            changes=tuple(shown_made(each, {**unchanged, **made}[each.subject]) for each in asked.statement.changes),
        )
        self.installation.changed(asked.received.id, answered)

    def _mend(self, asked: AskedChanges, made: Mapping[str, int]) -> None:
        """A process that ended between a commit and its entry in the list of everything left the list behind."""
        for change in asked.statement.changes:
            current = self.versions.current(subject_of(change))
            if current.version is not None and made.get(change.subject) == current.number:
                self.versions.publish(current.version)

    def _refuse(self, asked: AskedChanges, judged: JudgedChanges, made: Mapping[str, int]) -> None:
        refused = {str(each.change.subject): each.change for each in judged.planned if each.change.refused}
        answered = Answered(
            kind=InboxKind.CATALOGUE,
            refused=True,
            rules=judged.rules,
            changes=tuple(
                shown_refused(each, refused[each.subject])
                if each.subject in refused
                else shown_made(each, made.get(each.subject, 0))
                for each in asked.statement.changes
            ),
            problems=judged.problems,
        )
        draft = record_of_refusal(asked, judged, made)
        self.installation.record_answer(asked.received.id, draft, answered, now=self.clock())
