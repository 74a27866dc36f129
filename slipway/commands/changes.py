"""Changes of the catalogue as the worker reads and judges them, and what is recorded and answered of each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from ..catalogue import Problem
from ..catalogue.stored import Stored
from ..domain.actions import Action
from ..domain.attribution import SYSTEM
from ..domain.audit import AuditDraft
from ..domain.changing import Changed, Wrong, line, lines
from ..domain.commands import FRESH
from ..domain.inbox import Received
from ..domain.proof import Proved, judge
from ..domain.rules import Fail, Rule, failed
from ..domain.statement import CatalogueChange, CatalogueStatement
from ..domain.versions import Subject, SubjectKind, Version
from .comparing import Actor, Planned, SubjectChange

RECORDED_LINES: Final = 20
"""Lines of a difference that a record holds."""


@dataclass(frozen=True, kw_only=True)
class JudgedChanges:
    """The changes that are still to be made, or why none of them may be."""

    planned: tuple[Planned, ...] = ()
    problems: tuple[Wrong, ...] = ()
    rules: tuple[Fail, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AskedChanges:
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


def subject_of(change: CatalogueChange) -> Subject:
    kind, _, name = change.subject.partition(":")
    return Subject(kind=SubjectKind(kind), name=name)


def overtaken(change: CatalogueChange, planned: Sequence[Planned]) -> str | None:
    """What is in force instead of what the change was made from; None if it is that."""
    before = next(each.change.before for each in planned if str(each.change.subject) == change.subject)
    return None if before == change.before else before or "nothing"


def stale_text(change: CatalogueChange, now: str) -> Wrong:
    return Wrong(
        file=change.subject,
        field="from",
        expected=f"{now}, which is in force",
        got=change.before or "nothing",
        message="somebody else has changed it meanwhile: compare again, and apply what you still want",
    )


def forbidden_rule(change: SubjectChange) -> Fail:
    return Rule.MAY_CHANGE_IT.fails(line(f"{change.subject}: {change.refused}"))


def proof_rules(asked: AskedChanges, *, opens: bool) -> Iterator[Fail]:
    """Why the proof does not count, or is missing for a change that lets something through."""
    if asked.proved is not None:
        for result in failed(judge(asked.proved, asked.received.received_at, FRESH)):
            yield result.rule.fails(result.reason)
    elif opens:
        yield Rule.PROOF_IS_GIVEN.fails("it weakens what guards production, and no proof of who says it came along")


def in_words(wrong: Wrong) -> str:
    return line(f"{wrong.file}: expected {wrong.expected}, got {wrong.got}; {wrong.message}")


def wrong_of(problem: Problem) -> Wrong:
    return Wrong(
        file=line(problem.file),
        field=line(problem.field),
        expected=line(problem.expected),
        got=line(problem.got),
        message=line(problem.message),
    )


def shown_made(change: CatalogueChange, number: int) -> Changed:
    shown = SubjectChange(subject=subject_of(change), before=change.before, after=change.after)
    return Changed(
        subject=change.subject, outcome=shown.outcome, number=number, before=change.before, after=change.after
    )


def shown_refused(asked: CatalogueChange, change: SubjectChange) -> Changed:
    return shown_made(asked, 0).evolve(
        outcome=change.outcome,
        refused=line(change.refused),
        weaker=lines(change.weaker),
        stands_still=lines(change.stands_still),
    )


def shown_waiting(asked: CatalogueChange, change: SubjectChange) -> Changed:
    return shown_made(asked, 0).evolve(outcome=change.outcome, weaker=lines(change.weaker))


def record_of_version(change: SubjectChange, version: Version, asked: AskedChanges) -> AuditDraft:
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
    return _said(action, asked, details)


def record_of_refusal(asked: AskedChanges, judged: JudgedChanges, made: Mapping[str, int]) -> AuditDraft:
    details = {
        "subjects": [change.subject for change in asked.statement.changes],
        "made_before": sorted(made),
        "rules": sorted({rule.name for rule in judged.rules}),
        "reason": "; ".join(rule.reason for rule in judged.rules)[:2000],
        "why": asked.statement.reason,
    }
    return _said(Action.CHANGE_REFUSED, asked, details)


def _said(action: Action, asked: AskedChanges, details: Mapping[str, object]) -> AuditDraft:
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
