"""Finds what a change weakens, and the gates that this concerns. Compares the change with the guards of the same places
that are in force, or with the last ones.

An application is compared with its own previous version, with every guard of a place that it takes (as in force, and as
the same request changes it), and with removed guards of that place. So no gate gets weaker under another name, in
another application or in another project. A value that cannot be compared counts as weaker.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from ..catalogue import ConfigError
from ..catalogue.live import LiveCatalogue
from ..catalogue.stored import StoredDocument, read_stored
from ..catalogue.validation import validate
from ..domain.application import Application, WrittenApplication
from ..domain.gate import ApprovalGate
from ..domain.governing import breaches, governed
from ..domain.project import Project
from ..domain.proposing import OldGate
from ..domain.strictness import Place, production_of, project_weakenings, weakenings, weaker_beside
from ..domain.versions import Subject, SubjectKind, Version
from ..ledger.versions import Current, SubjectVersions


@dataclass(frozen=True, kw_only=True)
class Weakening:
    """One weakening, with the gates that it concerns; none if nobody can be asked."""

    text: str
    gates: tuple[OldGate, ...]


@dataclass(frozen=True, kw_only=True)
class _EarlierState:
    """An earlier state of an application, with its files and the places for which it is compared; None means all
    places."""

    application: Application
    stored: StoredDocument
    compared_at: frozenset[Place] | None = None


@dataclass(frozen=True, kw_only=True)
class WeakeningFinder:
    """Finds what would become weaker. It writes nothing."""

    versions: SubjectVersions
    catalogue: LiveCatalogue

    # ---- applications
    def of_application(
        self, current: Current, stored: StoredDocument, after: Application, *, together: Iterable[Application] = ()
    ) -> Iterator[Weakening]:
        """`together`: the other applications in the same request. Raises `LedgerUnavailable`."""
        own = frozenset[Place]()
        if current.version is not None:
            before = self._earlier_state(current.version, None)
            if isinstance(before, str):
                yield Weakening(text=before, gates=())
            elif before is not None:
                own = frozenset(production_of(before.application))
                yield from _compared(before, stored, after)
        taken = _places_of(after) - own
        for other in (*(entry.application for entry in self.catalogue), *together):
            if other.application != after.application:
                for each in weaker_beside(other, after, taken):
                    yield Weakening(text=each.text, gates=_old_gates(other, each.environment))
        for removed in self._removed_from(taken, current):
            if isinstance(removed, str):
                yield Weakening(text=removed, gates=())
            else:
                yield from _compared(removed, stored, after)

    def _removed_from(self, places: Collection[Place], current: Current) -> Iterator[_EarlierState | str]:
        """The removed applications that guarded one of the places; for one that cannot be read, the reason."""
        own = current.version.subject if current.version else None
        for listed in self.versions.listed() if places else ():
            if not listed.removed or listed.subject.kind is not SubjectKind.APPLICATION or listed.subject == own:
                continue
            last = self.versions.current(listed.subject).version
            removed = self._earlier_state(last, frozenset(places)) if last is not None else None
            if isinstance(removed, str) or (removed and production_of(removed.application).keys() & set(places)):
                yield removed

    def _earlier_state(self, version: Version, places: frozenset[Place] | None) -> _EarlierState | str | None:
        """The application of a version, or of the one before its removal, inside its project. A reason if that cannot
        be told; None if there never was one."""
        document = version.document or version.before
        if document is None:
            return None
        cannot = f"{version.subject}: what guarded production before cannot be compared"
        try:
            stored = self._read(document)
            written = validate(stored.document, WrittenApplication)
            project = self._project_of(version, written)
        except ConfigError as error:
            return f"{cannot}: {error.problems[0].message or error.problems[0]}"[:400]
        if project is None:
            return f"{cannot}: it no longer fits its project"
        return _EarlierState(application=governed(written, project), stored=stored, compared_at=places)

    def _project_of(self, version: Version, written: WrittenApplication) -> Project | None:
        """The project in force; if the application does not fit it, or was removed, the project that judged it last.
        Raises ConfigError."""
        in_force = self.catalogue.projects.get(written.project)
        if version.document is not None and in_force is not None and not any(breaches(written, in_force.project)):
            return in_force.project
        if version.project_document is None:
            return None
        judged_by = validate(self._read(version.project_document).document, Project)
        return None if any(breaches(written, judged_by)) else judged_by

    # ---- projects
    def of_project(self, subject: Subject, current: Current, after: Project) -> Iterator[Weakening]:
        """The weakenings against the project's version in force, or against its last one if it was removed.

        Raises `LedgerUnavailable`.
        """
        document = (current.document or current.version.before) if current.version else None
        if document is None:
            return
        try:
            before = validate(self._read(document).document, Project)
        except ConfigError as error:
            yield Weakening(
                text=f"{subject}: its earlier version cannot be compared: {error.problems[0]}"[:400], gates=()
            )
            return
        applications = [e.application for e in self.catalogue if e.application.project == subject.name]
        for each in project_weakenings(before, after):
            gates = tuple(gate for one in applications for gate in _old_gates(one, each.environment))
            yield Weakening(text=each.text, gates=gates)

    def _read(self, document: str) -> StoredDocument:
        """Raises ConfigError."""
        return read_stored(self.versions.document(document) or b"")


def weakened_gates(weaker: Iterable[Weakening]) -> tuple[OldGate, ...]:
    """The weakened gates, each once."""
    return tuple({(old.application, old.environment): old for each in weaker for old in each.gates}.values())


def _compared(before: _EarlierState, stored: StoredDocument, after: Application) -> Iterator[Weakening]:
    was, now = before.stored.files, stored.files
    changed = {path for path in {*was, *now} if was.get(path) != now.get(path)}
    for each in weakenings(before.application, after, places=before.compared_at, changed=changed):
        yield Weakening(text=each.text, gates=_old_gates(before.application, each.environment))


def _places_of(application: Application) -> frozenset[Place]:
    """Every place to which the application goes, of any class."""
    return frozenset((environment.cluster, environment.namespace) for environment in application.environments)


def _old_gates(application: Application, environment: str) -> tuple[OldGate, ...]:
    """The gates of class production that ask people: the environment's, or all of them."""
    return tuple(
        OldGate(application=application.application, environment=each.name, notify=application.notify, gate=each.gate)
        for each in production_of(application).values()
        if isinstance(each.gate, ApprovalGate) and environment in ("", each.name)
    )
