"""Changes of the catalogue: check the documents, compare them with what is in force, and make them the new versions.

One function for every door. Documents that belong together are checked together, and if one of them is wrong nothing is
changed. Then each project and application commits its own version and record, so a repeat finishes what was cut short.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..catalogue import ConfigError, Definition, Known, Problem, check_application, check_project
from ..catalogue.conflicts import Claims, conflicts
from ..catalogue.difference import difference
from ..catalogue.live import LiveCatalogue
from ..catalogue.stored import Stored, read_stored
from ..catalogue.validation import validate
from ..clock import Clock
from ..domain.actions import Action
from ..domain.application import Application, WrittenApplication
from ..domain.audit import AuditDraft
from ..domain.errors import NotFound
from ..domain.governing import breaches, governed
from ..domain.model import Digest, Record, sha256
from ..domain.project import Project, overlap
from ..domain.strictness import production_of, project_weakenings, weakenings
from ..domain.versions import Subject, SubjectKind, Version
from ..ledger.versions import Current, Versions
from ..manifests.documents import Document
from ..manifests.problems import Findings

DOCUMENTS_AT_ONCE = 100
NEEDS_A_VOTE = (
    "this weakens a production gate, which the people of that gate have to vote on; such a vote cannot be asked for yet"
)
_RECORDED_LINES = 20


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who changes the catalogue, as a channel identified them."""

    name: str
    claims: frozenset[str]
    """What a project's owners may be named by: `role:…`, `app:…`."""
    platform: bool
    """Whether they may change every project and application."""


class Change(Record):
    """What is, or would be, changed of one application or project."""

    subject: Subject
    before: Digest | None = None
    after: Digest | None = None
    """None: it is removed."""
    number: int = 0
    """The version's number after the change; 0 where nothing was committed."""
    difference: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()
    """What would weaken a production gate; then the change is refused."""
    forbidden: str = ""
    """Why the actor may not do it; empty if they may."""
    stands_still: tuple[str, ...] = ()
    """Applications that the project would no longer allow, with the reason. They would stand still until they fit."""

    @property
    def changes(self) -> bool:
        return self.before != self.after

    @property
    def refused(self) -> str:
        """Why the change is refused; empty if it is not."""
        if not self.changes:
            return ""
        return self.forbidden or (f"{NEEDS_A_VOTE}: {'; '.join(self.weaker)}" if self.weaker else "")


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """One change, with what it takes to commit it."""

    change: Change
    current: Current
    stored: Stored | None
    project: str | None


@dataclass(frozen=True, kw_only=True)
class Applying:
    """Applies and removes projects and applications."""

    versions: Versions
    catalogue: LiveCatalogue
    known: Known
    clock: Clock

    def compare(self, documents: Sequence[Stored], actor: Actor) -> tuple[Change, ...]:
        """What applying the documents would change. Raises ConfigError, `LedgerUnavailable`."""
        return tuple(planned.change for planned in self._plan(documents, actor))

    def apply(self, documents: Sequence[Stored], actor: Actor, *, reason: str) -> tuple[Change, ...]:
        """Apply the documents, unless one of the changes is refused: then nothing is changed.

        Raises ConfigError, `Conflict` if somebody else applied something meanwhile, `LedgerUnavailable`.
        """
        planned = self._plan(documents, actor)
        if any(each.change.refused for each in planned):
            return tuple(each.change for each in planned)
        return tuple(self._commit(each, actor, reason) for each in planned)

    def remove(self, subject: Subject, actor: Actor, *, reason: str) -> Change:
        """Take something out of the catalogue. Its versions and records stay.

        Raises `NotFound`, `Conflict`, `LedgerUnavailable`, and ConfigError for a project that has applications.
        """
        current = self.versions.current(subject)
        if current.document is None or current.version is None:
            raise NotFound(f"there is no {subject.kind} {subject.name!r}")
        self.catalogue.look_again()
        if subject.kind is SubjectKind.PROJECT:
            self._refuse_with_applications(subject)
        change = Change(
            subject=subject,
            before=current.document,
            after=None,
            forbidden=self._forbidden(subject, current.version.project, actor),
            difference=("removed",),
        )
        planned = _Planned(change=change, current=current, stored=None, project=current.version.project)
        return change if change.refused else self._commit(planned, actor, reason)

    def _refuse_with_applications(self, subject: Subject) -> None:
        held = [e.application.application for e in self.catalogue if e.application.project == subject.name]
        if held:
            expected, got = "a project without applications", f"{', '.join(sorted(held))}: remove them first"
            raise ConfigError([Problem(file=str(subject), expected=expected, got=got)])

    # ---- looking
    def _plan(self, documents: Sequence[Stored], actor: Actor) -> tuple[_Planned, ...]:
        self.catalogue.look_again()
        ordered = sorted(documents, key=lambda each: each.kind is not SubjectKind.PROJECT)
        checked = self._checked(ordered)
        return tuple(self._planned(each, checked, actor) for each in ordered)

    def _checked(self, documents: Sequence[Stored]) -> "_Checked":
        """Raises a ConfigError with every problem of every document."""
        findings = Findings()
        if not 1 <= len(documents) <= DOCUMENTS_AT_ONCE:
            expected, got = f"1 to {DOCUMENTS_AT_ONCE} documents", str(len(documents))
            raise ConfigError([Problem(file="documents", expected=expected, got=got)])
        projects = {name: each.project for name, each in self.catalogue.projects.items()}
        claims = dict[str, Claims]()
        for each in documents:
            if each.kind is SubjectKind.PROJECT:
                with findings.collecting():
                    project = check_project(_named(each), known=self.known)
                    findings.extend(_overlaps(each, project, projects))
                    projects[project.project] = project
        for each in documents:
            if each.kind is SubjectKind.APPLICATION:
                with findings.collecting():
                    claim = self._claim(each, projects)
                    claims[claim.definition.application.application] = claim
        findings.extend(conflicts([*self._claims_in_force(claims), *claims.values()]))
        findings.raise_any()
        return _Checked(projects=projects, definitions={name: claim.definition for name, claim in claims.items()})

    def _claim(self, stored: Stored, projects: Mapping[str, Project]) -> Claims:
        document, name = _named(stored), stored.value.get("project")
        project = projects.get(str(name))
        if name is not None and project is None:
            known = ", ".join(sorted(projects)) or "none"
            expected = f"a project of this installation (known: {known})"
            raise ConfigError([document.problem(("project",), expected=expected, got=repr(name))])
        files = replace(stored.beside, document=document.file)
        return check_application(document, files, project, known=self.known)

    def _claims_in_force(self, replaced: Mapping[str, Claims]) -> Iterator[Claims]:
        """What the other applications claim; the images and objects of one that stands still stay its own."""
        for entry in self.catalogue:
            name = entry.application.application
            if name not in replaced and entry.versions is not None:
                stored = self._read(entry.versions.application)
                files = replace(stored.beside, document=_named(stored).file)
                try:
                    yield check_application(_named(stored), files, None)
                except ConfigError:
                    yield Claims(definition=entry.definition, document=_named(stored), objects={})

    def _planned(self, stored: Stored, checked: "_Checked", actor: Actor) -> _Planned:
        subject, after = stored.subject, sha256(stored.content)
        current = self.versions.current(subject)
        before = self._read(current.document) if current.document else None
        project = str(stored.value["project"]) if subject.kind is SubjectKind.APPLICATION else None
        change = Change(subject=subject, before=current.document, after=after)
        if change.changes:
            change = change.evolve(
                difference=difference(before, stored),
                forbidden=self._forbidden(subject, project, actor, current),
                weaker=tuple(self._weaker(subject, current, checked)),
                stands_still=tuple(self._left_out(subject, checked)),
            )
        return _Planned(change=change, current=current, stored=stored, project=project)

    def _forbidden(self, subject: Subject, project: str | None, actor: Actor, current: Current | None = None) -> str:
        """Why the actor may not change it: applications belong to their project's owners, projects to the platform."""
        if actor.platform:
            return ""
        if subject.kind is SubjectKind.PROJECT:
            return "projects are applied by the platform's people"
        for name in {project, current.version.project if current and current.version else project}:
            held = self.catalogue.projects.get(str(name))
            owners = held.project.owners.apply if held else ()
            if not actor.claims & set(owners):
                may = ", ".join(owners) or "nobody but the platform's people"
                return f"applications of the project {name} are applied by {may}"
        return ""

    def _weaker(self, subject: Subject, current: Current, checked: "_Checked") -> Iterator[str]:
        if subject.kind is SubjectKind.PROJECT:
            in_force = self.catalogue.projects.get(subject.name)
            if in_force is not None:
                yield from project_weakenings(in_force.project, checked.projects[subject.name])
            return
        after = checked.definitions[subject.name].application
        for before in self._earlier(current, after):
            yield from weakenings(before, after)

    def _earlier(self, current: Current, after: Application) -> Iterator[Application]:
        """What the application is compared with: its last version, also after a removal.

        For a new one it is the last version of whatever was removed and guarded the same places: otherwise an
        application could come back under another name with a weaker gate.
        """
        if current.version is not None:
            document = current.document or current.version.before
            if document and (application := self._as_it_was(document)):
                yield application
            return
        for listed in self.versions.listed():
            if listed.removed and listed.subject.kind is SubjectKind.APPLICATION:
                last = self.versions.current(listed.subject).version
                removed = self._as_it_was(last.before) if last and last.before else None
                if removed is not None and production_of(removed).keys() & production_of(after).keys():
                    yield removed

    def _as_it_was(self, document: str) -> Application | None:
        """The application of an earlier version inside its project as it is in force."""
        try:
            written = self._written(document)
        except ConfigError:
            return None
        in_force = self.catalogue.projects.get(written.project)
        if in_force is None or any(breaches(written, in_force.project)):
            return None
        return governed(written, in_force.project)

    def _left_out(self, subject: Subject, checked: "_Checked") -> Iterator[str]:
        """Applications in force that the project would no longer allow."""
        if subject.kind is not SubjectKind.PROJECT:
            return
        for entry in self.catalogue:
            name = entry.application.application
            if entry.application.project != subject.name or name in checked.definitions or entry.versions is None:
                continue
            written = self._written(entry.versions.application)
            for breach in breaches(written, checked.projects[subject.name]):
                yield f"{name}: expected {breach.expected}, got {breach.got}"
                break

    def _written(self, document: str) -> WrittenApplication:
        return validate(self._read(document).document, WrittenApplication)

    def _read(self, document: str) -> Stored:
        content = self.versions.document(document)
        if content is None:
            raise ConfigError([Problem(file=document, message="the stored document is gone")])
        return read_stored(content)

    # ---- writing
    def _commit(self, planned: _Planned, actor: Actor, reason: str) -> Change:
        change, current = planned.change, planned.current
        if not change.changes:
            if current.version is not None:
                self.versions.publish(current.version)  # mends a list that lacks it; the same list else
            return change.evolve(number=current.number)
        if planned.stored is not None:
            self.versions.store(planned.stored.content)
        now = self.clock()
        version = Version(
            subject=change.subject,
            number=current.number + 1,
            document=change.after,
            before=change.before,
            project=planned.project,
            at=now,
            by=actor.name,
            reason=reason,
            record=1,
            difference=change.difference,
        )
        written = self.versions.commit(current, version, _draft(change, version), now=now)
        self.catalogue.look_again()
        return change.evolve(number=written.number)


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """Documents without problems, among everything that is in force."""

    projects: Mapping[str, Project]
    definitions: Mapping[str, Definition]


def _named(stored: Stored) -> Document:
    """The document, called by its subject in messages."""
    name = stored.value.get(str(stored.kind))
    return replace(
        stored.document, file=f"{name}/{stored.kind}.yaml" if isinstance(name, str) else f"{stored.kind}.yaml"
    )


def _overlaps(stored: Stored, project: Project, projects: Mapping[str, Project]) -> Iterator[Problem]:
    """Places of class production that another project guards, and this one would cover as well."""
    for name, environment in project.environments.items():
        for other in projects.values():
            if other.project == project.project:
                continue
            for theirs in other.environments.values():
                if (environment.production or theirs.production) and overlap(environment, theirs):
                    yield _named(stored).problem(
                        ("environments", name, "namespaces"),
                        expected=f"places that the project {other.project} does not cover, as one of them is of class "
                        "production",
                        got=", ".join(environment.namespaces),
                    )


def _draft(change: Change, version: Version) -> AuditDraft:
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
        "difference": list(change.difference[:_RECORDED_LINES]),
        "reason": version.reason,
    }
    return AuditDraft(action=action, actor=version.by, details={n: v for n, v in details.items() if v})
