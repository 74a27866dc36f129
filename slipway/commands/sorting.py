"""Sorts several documents into those that take effect at once, those that wait for votes, and those that are refused.
Each is judged by itself.

Documents may need each other: an application may need a project that comes with it, or a place that another application
leaves. So refused and waiting documents are taken out, and the rest is judged again without them. A document that is
only valid together with a waiting one waits with it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..catalogue.stored import StoredDocument
from ..domain.changing import MOST_PROBLEMS, DocumentProblem
from ..domain.model import sha256
from ..domain.rules import Rule
from ..domain.versions import Subject
from .comparing import Actor, Comparing, PlannedChange, SubjectChange, check_request, projects_first, wrong_of

ROUNDS: Final = 4
"""The number of times that the rest is judged again. A document that depends on a longer chain of others is refused, or
waits, with them."""


@dataclass(frozen=True, kw_only=True)
class RefusedDocument:
    """A document that is not applied."""

    change: SubjectChange
    rule: Rule

    @property
    def reason(self) -> str:
        return self.change.refused


@dataclass(frozen=True, kw_only=True)
class SortedDocuments:
    """Documents, sorted by their outcome."""

    now: tuple[PlannedChange, ...]
    """They take effect at once, or are in force already."""
    waits: tuple[PlannedChange, ...]
    """They weaken gates whose approvers are asked, or are valid only together with a document that does."""
    refused: tuple[RefusedDocument, ...]

    @property
    def changes(self) -> tuple[SubjectChange, ...]:
        """All changes, projects first."""
        changes = [*(each.change for each in (*self.now, *self.waits)), *(each.change for each in self.refused)]
        return tuple(sorted(changes, key=lambda each: (str(each.subject.kind) != "project", each.subject.name)))

    @property
    def goes(self) -> tuple[PlannedChange, ...]:
        """The documents that are not refused, projects first."""
        both = (*self.now, *self.waits)
        return tuple(sorted(both, key=lambda each: str(each.change.subject.kind) != "project"))


@dataclass(frozen=True, kw_only=True)
class Sorting:
    """Sorts documents. It writes nothing."""

    comparing: Comparing

    def sort(self, documents: Sequence[StoredDocument], actor: Actor, *, proved: bool = True) -> SortedDocuments:
        """`proved`: whether the person who applies them has proved it, or will.

        Raises ConfigError for a request that cannot be a change, `LedgerUnavailable`.
        """
        check_request(documents)
        self.comparing.catalogue.look_again()
        left, refused, planned = projects_first(documents), list[RefusedDocument](), tuple[PlannedChange, ...]()
        for _ in range(ROUNDS):
            planned, more = self._judged(left, actor, proved=proved) if left else ((), ())
            refused += more
            left = _without(left, (each.change.subject for each in more))
            if not more:
                break
        else:
            planned = ()
            refused += [_refused_with_others(each) for each in left]
        now, waits = self._parted(planned, actor, proved=proved)
        return SortedDocuments(now=now, waits=waits, refused=tuple(refused))

    def _judged(
        self, documents: Sequence[StoredDocument], actor: Actor, *, proved: bool
    ) -> tuple[tuple[PlannedChange, ...], tuple[RefusedDocument, ...]]:
        """The combined effect of the documents, and any that are refused."""
        checked = self.comparing.checked(documents)
        if checked.problems:
            wrong = [each for each in documents if each.subject in checked.problems]
            return (), tuple(self._wrong(each, map(wrong_of, checked.problems[each.subject])) for each in wrong)
        planned = tuple(self.comparing.planned(each, checked, actor) for each in documents)
        return planned, tuple(filter(None, (_refusal(each.change, proved=proved) for each in planned)))

    def _wrong(self, stored: StoredDocument, problems: Iterable[DocumentProblem]) -> RefusedDocument:
        before = self.comparing.versions.current(stored.subject).document
        change = SubjectChange(
            subject=stored.subject,
            before=before,
            after=sha256(stored.content),
            problems=tuple(problems)[:MOST_PROBLEMS],
        )
        return RefusedDocument(change=change, rule=Rule.DOCUMENTS_ARE_IN_ORDER)

    def _parted(
        self, planned: Sequence[PlannedChange], actor: Actor, *, proved: bool
    ) -> tuple[tuple[PlannedChange, ...], tuple[PlannedChange, ...]]:
        """The documents that take effect at once, and those that wait. The former have to be valid while the latter are
        not in force."""
        same = tuple(each for each in planned if not each.change.changes)
        waits = [each for each in planned if each.change.changes and each.change.gates]
        rest = [each for each in planned if each.change.changes and not each.change.gates]
        if not waits:
            return tuple(planned), ()
        for _ in range(ROUNDS):
            alone, refused = self._judged([_stored(each) for each in rest], actor, proved=proved) if rest else ((), ())
            needs = {each.change.subject for each in refused}
            needs |= {each.change.subject for each in alone if each.change.changes and each.change.gates}
            needs |= _that_would_stop(alone, waits)
            if not needs:
                return (*same, *alone), tuple(waits)
            waits += [each for each in rest if each.change.subject in needs]
            rest = [each for each in rest if each.change.subject not in needs]
        return same, (*waits, *rest)


def _that_would_stop(alone: Sequence[PlannedChange], waits: Sequence[PlannedChange]) -> set[Subject]:
    """Projects under which the version in force of a waiting application would be stalled: they wait with it."""
    names = {each.change.subject.name for each in waits if each.project is not None}
    return {
        each.change.subject for each in alone if any(line.partition(":")[0] in names for line in each.change.stalled)
    }


def _refusal(change: SubjectChange, *, proved: bool) -> RefusedDocument | None:
    if change.refused:
        return RefusedDocument(change=change, rule=Rule.MAY_CHANGE_IT)
    if change.opens and not proved:
        why = "it weakens what protects production, and it came without a proof of who ordered it"
        return RefusedDocument(change=change.evolve(forbidden=why), rule=Rule.PROOF_IS_GIVEN)
    return None


def _refused_with_others(stored: StoredDocument) -> RefusedDocument:
    why = "too many of the documents that it needs are refused: apply it again once they are in order"
    change = SubjectChange(subject=stored.subject, after=sha256(stored.content), forbidden=why)
    return RefusedDocument(change=change, rule=Rule.DOCUMENTS_ARE_IN_ORDER)


def _without(documents: Sequence[StoredDocument], subjects: Iterable[Subject]) -> list[StoredDocument]:
    gone = set(subjects)
    return [each for each in documents if each.subject not in gone]


def _stored(planned: PlannedChange) -> StoredDocument:
    if planned.stored is None:
        raise ValueError(f"{planned.change.subject}: a removal is not a document")
    return planned.stored
