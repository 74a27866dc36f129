"""Changes of the catalogue as the worker reads and judges them, with the records and answers about them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..catalogue.stored import StoredDocument
from ..domain.actions import Action
from ..domain.answers import RowOutcome
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changing import MOST_PROBLEMS, Changed, DocumentProblem, line, lines
from ..domain.commands import FRESH
from ..domain.inbox import InboxKind, Received
from ..domain.proof import ProofFacts, judge_times
from ..domain.rules import Fail, Rule, not_passed
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..domain.versions import Subject, SubjectKind, Version
from .comparing import Actor, PlannedChange, SubjectChange, wrong_in_words
from .sorting import RefusedDocument

RECORDED_LINES: Final = 20
"""The most lines of a difference that a record holds."""


@dataclass(frozen=True, kw_only=True)
class RefusedChange:
    """A change that is not made, and the rule that it breaks."""

    subject: str
    rule: Fail
    problems: tuple[DocumentProblem, ...] = ()
    change: SubjectChange | None = None
    """The change as it was compared; None if it was refused before that."""


@dataclass(frozen=True, kw_only=True)
class JudgedChanges:
    """The changes that are to be made now, those that people vote on first, and those that are refused."""

    now: tuple[PlannedChange, ...] = ()
    waits: tuple[PlannedChange, ...] = ()
    refused: tuple[RefusedChange, ...] = ()

    @property
    def makes(self) -> bool:
        """Whether a change takes effect at once."""
        return any(each.change.changes for each in self.now)


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """A row, read."""

    received: Received
    statement: CatalogueStatement
    actor: Actor
    proved: ProofFacts | None = None
    """The facts from its proof; None without a proof that holds."""
    unproved: str = ""
    """Why its proof does not hold."""
    documents: Mapping[str, StoredDocument] = field(default_factory=dict)
    """The documents by their subject."""


def subject_of(change: CatalogueChange) -> Subject:
    kind, _, name = change.subject.partition(":")
    return Subject(kind=SubjectKind(kind), name=name)


def overtaken(change: CatalogueChange, in_force: str | None) -> RefusedChange | None:
    """The refusal of a change that does not start from what is in force."""
    if in_force == change.before:
        return None
    wrong = DocumentProblem(
        file=change.subject,
        field="from",
        expected=f"{in_force or 'nothing'}, which is in force",
        got=change.before or "nothing",
        message="somebody else has changed it meanwhile: compare again, and apply what you still want",
    )
    rule = Rule.STARTS_FROM_WHAT_IS_IN_FORCE.fails(wrong_in_words(wrong))
    return RefusedChange(subject=change.subject, rule=rule, problems=(wrong,))


def refused_by_sorting(refusal: RefusedDocument) -> RefusedChange:
    change = refusal.change
    return RefusedChange(
        subject=str(change.subject),
        rule=refusal.rule.fails(line(f"{change.subject}: {change.refused}")),
        problems=change.problems,
        change=change,
    )


def refused_whole(left: Sequence[CatalogueChange], rule: Fail) -> tuple[RefusedChange, ...]:
    """The refusal of all changes, because the statement itself breaks a rule."""
    return tuple(RefusedChange(subject=each.subject, rule=rule) for each in left)


def stale_proof(request: ChangeRequest) -> Fail | None:
    """Why the proof is too old; None if it is not, or if there is none."""
    if request.proved is None:
        return None
    broken = not_passed(judge_times(request.proved, request.received.received_at, FRESH))
    return broken[0].rule.fails(broken[0].reason) if broken else None


def shown_made(change: CatalogueChange, number: int) -> Changed:
    shown = SubjectChange(subject=subject_of(change), before=change.before, after=change.after)
    return Changed(
        subject=change.subject, outcome=shown.outcome, number=number, before=change.before, after=change.after
    )


def shown_refused(document_change: CatalogueChange, refused: RefusedChange) -> Changed:
    change = refused.change
    return shown_made(document_change, 0).evolve(
        outcome="refused",
        refused=line(change.refused if change else refused.rule.reason),
        weaker=lines(change.weaker) if change else (),
        stalled=lines(change.stalled) if change else (),
    )


def shown_waiting(document_change: CatalogueChange, change: SubjectChange) -> Changed:
    return shown_made(document_change, 0).evolve(outcome="proposed", weaker=lines(change.weaker))


def answer_of(request: ChangeRequest, judged: JudgedChanges, made: Mapping[str, int]) -> RowOutcome:
    """The outcome of each change: made, proposed, refused, or unchanged."""
    numbers = {str(each.change.subject): each.current.number for each in judged.now} | dict(made)
    waits = {str(each.change.subject): each.change for each in judged.waits}
    refused = {each.subject: each for each in judged.refused}

    def shown(each: CatalogueChange) -> Changed:
        if each.subject in refused:
            return shown_refused(each, refused[each.subject])
        if each.subject in waits:
            return shown_waiting(each, waits[each.subject])
        return shown_made(each, numbers.get(each.subject, 0))

    problems = [problem for each in judged.refused for problem in each.problems]
    rules = dict.fromkeys((each.rule.rule, each.rule.reason) for each in judged.refused)
    return RowOutcome(
        kind=InboxKind.CATALOGUE,
        refused=bool(judged.refused),
        rules=tuple(rule.fails(reason) for rule, reason in rules),
        changes=tuple(map(shown, request.statement.changes)),
        problems=tuple(problems[:MOST_PROBLEMS]),
    )


def record_of_version(change: SubjectChange, version: Version, request: ChangeRequest) -> AuditDraft:
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
        "weaker": list(change.weaker[:RECORDED_LINES]),
        "difference": list(change.difference[:RECORDED_LINES]),
        "reason": version.reason,
    }
    return _audit_draft(action, request, details)


def record_of_refusal(request: ChangeRequest, judged: JudgedChanges, made: Mapping[str, int]) -> AuditDraft:
    details = {
        "subjects": [each.subject for each in judged.refused],
        "made": sorted(made),
        "rules": sorted({each.rule.name for each in judged.refused}),
        "reason": "; ".join(dict.fromkeys(each.rule.reason for each in judged.refused))[:2000],
        "why": request.statement.reason,
    }
    return _audit_draft(Action.CHANGE_REFUSED, request, details)


def _audit_draft(action: Action, request: ChangeRequest, details: Mapping[str, object]) -> AuditDraft:
    details_told = {"channel": str(request.received.row.speaker.via), **details}
    if request.unproved:
        details_told["on_behalf_of"] = request.actor.name
    return AuditDraft(
        action=action,
        actor=SYSTEM if request.unproved else request.actor.name,
        details={name: value for name, value in details_told.items() if value},
        inbox=request.received.id,
        proof=request.proved.proof if request.proved else None,
        received_at=request.received.received_at,
    )
