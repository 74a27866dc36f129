"""The worker's half of changes of the catalogue: a row of the inbox makes new versions, or is refused.

What the front checked counts for nothing here: everything is judged again, from what is in force now. If one of the
changes is refused, none is made. Then each project and application commits its own version and record, with a mark of
the row; so a row that is handled again finishes what was cut short and repeats nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, assert_never

from ..catalogue import ConfigError, Problem
from ..catalogue.sent import Sent
from ..catalogue.stored import Stored
from ..clock import Clock
from ..domain.actions import Action
from ..domain.answers import Answered
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changing import MOST_PROBLEMS, Changed, Wrong, line, lines
from ..domain.commands import FRESH
from ..domain.errors import NotFound
from ..domain.identity import CannotVerify, IdentityRefused, Verified
from ..domain.inbox import InboxKind, Received
from ..domain.model import sha256
from ..domain.proof import Proved, judge
from ..domain.rules import Fail, Rule, failed
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..domain.versions import Subject, SubjectKind, Version
from ..engine.proving import Prover, on_behalf_of
from ..inbound.reading import BadInput, read_as, read_json
from ..ledger import Conflict
from ..ledger.blobs import INCOMING_LIMIT, IncomingBlobs
from ..ledger.installation import InstallationLedger
from ..ledger.keys import INSTALLATION
from ..ledger.versions import SubjectVersions
from .comparing import Actor, Comparing, Planned, SubjectChange
from .speakers import actor_of, actor_proved
from .taking import CannotCount, RowWaits

ROUNDS: Final = 5
"""Times that a row is judged anew because others changed the catalogue meanwhile."""
_RECORDED_LINES: Final = 20


class _Gone(CannotCount):
    """The documents of the row are not there."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """The changes that are still to be made, or why none of them may be."""

    planned: tuple[Planned, ...] = ()
    problems: tuple[Wrong, ...] = ()
    rules: tuple[Fail, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A row, read."""

    received: Received
    statement: CatalogueStatement
    actor: Actor
    proved: Proved | None = None
    """What its proof tells, if there is one that holds."""
    unproved: str = ""
    """Why its proof does not hold."""
    documents: Mapping[str, Stored] = field(default_factory=dict)
    """By their subject."""


@dataclass(frozen=True, kw_only=True)
class Applying:
    """Makes changes of the catalogue."""

    comparing: Comparing
    prover: Prover
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
            if self._commit(request, judged):
                self._count(request, judged)
                break
        else:
            raise Conflict(f"{received.id}: others changed the catalogue {ROUNDS} times meanwhile")

    # ---- reading
    def _read(self, received: Received) -> _Asked:
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
        return _Asked(
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
    def _made(self, asked: _Asked) -> Mapping[str, int]:
        """The numbers of the versions that this row has made before it was cut short."""
        changes = asked.statement.changes
        numbers = {each.subject: self.versions.made_by(_subject(each), asked.received.id) for each in changes}
        return {subject: number for subject, number in numbers.items() if number is not None}

    def _judged(self, asked: _Asked, made: Mapping[str, int]) -> _Judged:
        left = [change for change in asked.statement.changes if change.subject not in made]
        if not left:
            return _Judged()
        if asked.unproved:  # nobody is known to have said it, so nobody's rights are judged
            return _Judged(rules=(Rule.PROOF_HOLDS.fails(asked.unproved),))
        try:
            planned = self._planned(asked, left)
        except ConfigError as error:
            problems = tuple(map(_wrong, error.problems[:MOST_PROBLEMS]))
            reason = f"{len(error.problems)} problems; the first is {error.problems[0]}"
            return _Judged(problems=problems, rules=(Rule.DOCUMENTS_ARE_IN_ORDER.fails(line(reason)),))
        stale = tuple(_stale(change, now) for change in left if (now := _overtaken(change, planned)) is not None)
        rules = [Rule.STARTS_FROM_WHAT_IS_IN_FORCE.fails(_text(problem)) for problem in stale]
        rules += [_rule(each.change) for each in planned if each.change.refused]
        rules += _proof_rules(asked, opens=any(each.change.opens for each in planned))
        rules += [rule for change in left if (rule := self._counted_before(asked, change)) is not None]
        return _Judged(planned=planned, problems=stale[:MOST_PROBLEMS], rules=tuple(rules))

    def _counted_before(self, asked: _Asked, change: CatalogueChange) -> Fail | None:
        """A statement counts once in each chain; the row of which it was counted goes on where it was cut short."""
        if asked.proved is None:
            return None
        counted = self.versions.said_by(_subject(change), asked.proved.statement.nonce)
        if counted in (None, asked.received.id):
            return None
        return Rule.PROOF_IS_NEW.fails(f"{change.subject}: the statement was counted before")

    def _planned(self, asked: _Asked, left: Sequence[CatalogueChange]) -> tuple[Planned, ...]:
        """Raises ConfigError."""
        documents = [asked.documents[change.subject] for change in left if change.after]
        if documents:
            return self.comparing.plan(documents, asked.actor)
        (removed,) = left
        try:
            return (self.comparing.plan_removal(_subject(removed), asked.actor),)
        except NotFound as gone:
            raise ConfigError([Problem(file=removed.subject, message=str(gone))]) from gone

    # ---- writing
    def _commit(self, asked: _Asked, judged: _Judged) -> bool:
        """False if somebody else has changed one of them meanwhile: the rest has to be judged again."""
        for planned in judged.planned:
            try:
                self._commit_one(asked, planned)
            except Conflict:
                return False
            finally:
                self.comparing.catalogue.look_again()
        return True

    def _commit_one(self, asked: _Asked, planned: Planned) -> None:
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
            at=now,
            by=asked.actor.name,
            reason=asked.statement.reason,
            record=1,
            difference=change.difference,
        )
        self.versions.commit(
            current,
            version,
            _draft(change, version, asked),
            inbox=asked.received.id,
            nonce=asked.proved.statement.nonce if asked.proved else "",
            now=now,
        )

    # ---- answering
    def _count(self, asked: _Asked, judged: _Judged) -> None:
        made = self._made(asked)
        self._mend(asked, made)
        unchanged = {str(each.change.subject): each.current.number for each in judged.planned}
        answered = Answered(
            kind=InboxKind.CATALOGUE,
            changes=tuple(_changed(each, {**unchanged, **made}[each.subject]) for each in asked.statement.changes),
        )
        self.installation.changed(asked.received.id, answered)

    def _mend(self, asked: _Asked, made: Mapping[str, int]) -> None:
        """A process that ended between a commit and its entry in the list of everything left the list behind."""
        for change in asked.statement.changes:
            current = self.versions.current(_subject(change))
            if current.version is not None and made.get(change.subject) == current.number:
                self.versions.publish(current.version)

    def _refuse(self, asked: _Asked, judged: _Judged, made: Mapping[str, int]) -> None:
        refused = {str(each.change.subject): each.change for each in judged.planned if each.change.refused}
        answered = Answered(
            kind=InboxKind.CATALOGUE,
            refused=True,
            rules=judged.rules,
            changes=tuple(
                _refused(each, refused[each.subject])
                if each.subject in refused
                else _changed(each, made.get(each.subject, 0))
                for each in asked.statement.changes
            ),
            problems=judged.problems,
        )
        draft = _refusal(asked, judged, made)
        self.installation.record_answer(asked.received.id, draft, answered, now=self.clock())


def _subject(change: CatalogueChange) -> Subject:
    kind, _, name = change.subject.partition(":")
    return Subject(kind=SubjectKind(kind), name=name)


def _overtaken(change: CatalogueChange, planned: Sequence[Planned]) -> str | None:
    """What is in force instead of what the change was made from; None if it is that."""
    before = next(each.change.before for each in planned if str(each.change.subject) == change.subject)
    return None if before == change.before else before or "nothing"


def _stale(change: CatalogueChange, now: str) -> Wrong:
    return Wrong(
        file=change.subject,
        field="from",
        expected=f"{now}, which is in force",
        got=change.before or "nothing",
        message="somebody else has changed it meanwhile: compare again, and apply what you still want",
    )


def _rule(change: SubjectChange) -> Fail:
    rule = Rule.MAY_CHANGE_IT if change.forbidden else Rule.GATE_GETS_NO_WEAKER
    return rule.fails(line(f"{change.subject}: {change.refused}"))


def _proof_rules(asked: _Asked, *, opens: bool) -> Iterator[Fail]:
    """Why the proof does not count, or is missing for a change that lets something through."""
    if asked.proved is not None:
        for result in failed(judge(asked.proved, asked.received.received_at, FRESH)):
            yield result.rule.fails(result.reason)
    elif opens:
        yield Rule.PROOF_IS_GIVEN.fails("it weakens what guards production, and no proof of who says it came along")


def _text(wrong: Wrong) -> str:
    return line(f"{wrong.file}: expected {wrong.expected}, got {wrong.got}; {wrong.message}")


def _wrong(problem: Problem) -> Wrong:
    return Wrong(
        file=line(problem.file),
        field=line(problem.field),
        expected=line(problem.expected),
        got=line(problem.got),
        message=line(problem.message),
    )


def _changed(change: CatalogueChange, number: int) -> Changed:
    shown = SubjectChange(subject=_subject(change), before=change.before, after=change.after)
    return Changed(
        subject=change.subject, outcome=shown.outcome, number=number, before=change.before, after=change.after
    )


def _refused(asked: CatalogueChange, change: SubjectChange) -> Changed:
    return _changed(asked, 0).evolve(
        outcome=change.outcome,
        refused=line(change.refused),
        weaker=lines(change.weaker),
        stands_still=lines(change.stands_still),
    )


def _draft(change: SubjectChange, version: Version, asked: _Asked) -> AuditDraft:
    removed, application = change.after is None, change.subject.kind is SubjectKind.APPLICATION
    if application:
        action = Action.APPLICATION_REMOVED if removed else Action.APPLICATION_APPLIED
    else:
        action = Action.PROJECT_REMOVED if removed else Action.PROJECT_APPLIED
    details = {
        "subject": str(change.subject),
        "number": version.number,
        "from": change.before or "",
        "to": change.after or "",
        "project": version.project or "",
        "weaker": list(change.weaker[:_RECORDED_LINES]),
        "difference": list(change.difference[:_RECORDED_LINES]),
        "reason": version.reason,
    }
    return _said(action, asked, details)


def _refusal(asked: _Asked, judged: _Judged, made: Mapping[str, int]) -> AuditDraft:
    details = {
        "subjects": [change.subject for change in asked.statement.changes],
        "made_before": sorted(made),
        "rules": sorted({rule.name for rule in judged.rules}),
        "reason": "; ".join(rule.reason for rule in judged.rules)[:2000],
        "why": asked.statement.reason,
    }
    return _said(Action.CHANGE_REFUSED, asked, details)


def _said(action: Action, asked: _Asked, details: Mapping[str, object]) -> AuditDraft:
    details_told = {"channel": str(asked.received.row.speaker.via), **details}
    if asked.unproved:
        details_told["on_behalf_of"] = asked.actor.name
    return AuditDraft(
        action=action,
        actor=SYSTEM if asked.unproved else asked.actor.name,
        details={name: value for name, value in details_told.items() if value},
        inbox=asked.received.id,
        proof=asked.proved.proof if asked.proved else None,
        received_at=asked.received.received_at,
    )
