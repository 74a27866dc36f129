"""Judges changes of the catalogue: documents are checked together, and compared with what is in force.

The front does this so that people learn of errors at once; the worker does it again, with the state then in force.
`sorting.py` decides which of several documents may take effect without the others.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final

from ..catalogue import ConfigError, Definition, Problem, SettingsNames, check_application, check_project
from ..catalogue.conflicts import Claims, conflicts
from ..catalogue.difference import describe_difference
from ..catalogue.live import LiveCatalogue
from ..catalogue.stored import StoredDocument, read_stored
from ..catalogue.validation import validate
from ..domain.application import WrittenApplication
from ..domain.changing import DocumentProblem, line
from ..domain.errors import NotFound
from ..domain.governing import breaches
from ..domain.model import Digest, Record, sha256
from ..domain.project import Project, overlap
from ..domain.proposing import OldGate
from ..domain.statement import MOST_CHANGES
from ..domain.versions import Subject, SubjectKind
from ..ledger.versions import Current, SubjectVersions
from ..manifests.documents import Document
from ..manifests.problems import Findings
from .weakening import Weakening, WeakeningFinder, weakened_gates

APP: Final = "app:"
"""Begins the name of an application that calls in its own name."""


@dataclass(frozen=True, kw_only=True)
class Actor:
    """The author of a change of the catalogue, as a channel identified them."""

    name: str
    claims: frozenset[str]
    """The names by which a project may list them as owners: `role:…`, `app:…`."""
    platform: bool
    """Whether they may change projects."""


class SubjectChange(Record):
    """An actual or possible change of one application or project."""

    subject: Subject
    before: Digest | None = None
    after: Digest | None = None
    """None for a removal."""
    difference: tuple[str, ...] = ()
    weaker: tuple[str, ...] = ()
    """The weakenings in class production. Such a change needs a proof by its author."""
    gates: tuple[OldGate, ...] = ()
    """The production gates that the change would make weaker: their people vote on it."""
    forbidden: str = ""
    """Why the actor may not do it; empty if they may."""
    problems: tuple[DocumentProblem, ...] = ()
    """The problems of the document."""
    stalled: tuple[str, ...] = ()
    """Applications that the changed project would no longer allow, with the reason. They would be stalled until they
    fit."""

    @property
    def changes(self) -> bool:
        return self.before != self.after

    @property
    def outcome(self) -> str:
        """`created`, `changed`, `unchanged`, `removed` or `refused`."""
        if self.refused:
            return "refused"
        if not self.changes:
            return "unchanged"
        if self.after is None:
            return "removed"
        return "created" if self.before is None else "changed"

    @property
    def refused(self) -> str:
        """Why the change is refused; empty if it is not."""
        if self.problems:
            more = f", and {len(self.problems) - 1} more" if len(self.problems) > 1 else ""
            return f"{wrong_in_words(self.problems[0])}{more}"
        if not self.changes:
            return ""
        return self.forbidden

    @property
    def opens(self) -> bool:
        """Whether the change lets something through, so that its author has to prove that they want it."""
        return self.changes and bool(self.weaker)


@dataclass(frozen=True, kw_only=True)
class PlannedChange:
    """One change, with everything that its commit needs."""

    change: SubjectChange
    current: Current
    stored: StoredDocument | None
    project: str | None


@dataclass(frozen=True, kw_only=True)
class Comparing:
    """Compares projects and applications with what is in force. It writes nothing."""

    versions: SubjectVersions
    catalogue: LiveCatalogue
    settings_names: SettingsNames | None
    """None for an app that knows no names of registries, clusters and channels, and so judges none."""

    def plan_removal(self, subject: Subject, actor: Actor) -> PlannedChange:
        """The effects of removing a subject from the catalogue.

        Raises `NotFound`, `LedgerUnavailable`, and ConfigError for a project that has applications.
        """
        current = self.versions.current(subject)
        if current.document is None or current.version is None:
            raise NotFound(self.catalogue.not_found_message(subject))
        self.catalogue.look_again()
        if subject.kind is SubjectKind.PROJECT:
            self._refuse_with_applications(subject)
        change = SubjectChange(
            subject=subject,
            before=current.document,
            after=None,
            forbidden=self._forbidden(subject, self._owners(self._projects(), current.version.project), actor),
            difference=("removed",),
        )
        return PlannedChange(change=change, current=current, stored=None, project=current.version.project)

    def _refuse_with_applications(self, subject: Subject) -> None:
        applications = [e.application.application for e in self.catalogue if e.application.project == subject.name]
        if applications:
            expected, got = "a project without applications", f"{', '.join(sorted(applications))}: remove them first"
            raise ConfigError([Problem(file=str(subject), expected=expected, got=got)])

    # ---- looking
    def plan(self, documents: Sequence[StoredDocument], actor: Actor) -> tuple[PlannedChange, ...]:
        """The effects of applying all documents, projects first. Raises ConfigError, `LedgerUnavailable`."""
        check_request(documents)
        self.catalogue.look_again()
        ordered = projects_first(documents)
        checked = self.checked(ordered)
        if checked.problems:
            raise ConfigError([problem for findings in checked.problems.values() for problem in findings])
        return tuple(self.planned(each, checked, actor) for each in ordered)

    def checked(self, documents: Sequence[StoredDocument]) -> "CheckResult":
        """The documents, judged together, projects first, with the problems of each. Raises ConfigError for a request
        that cannot be a change."""
        problems_of = {each.subject: Findings() for each in documents}
        projects, claims = self._projects(), dict[str, Claims]()
        for each in documents:
            with problems_of[each.subject].collecting():
                if each.kind is SubjectKind.PROJECT:
                    project = check_project(_document(each), known=self.settings_names)
                    if overlapping := list(_overlaps(each, project, projects)):
                        raise ConfigError(overlapping)
                    projects[project.project] = project
                else:
                    refused = {
                        of.name
                        for of, wrong in problems_of.items()
                        if of.kind is SubjectKind.PROJECT and wrong.problems
                    }
                    claims[each.subject.name] = self._claim(each, projects, refused)
        for problem in conflicts([*self._claims_in_force(claims), *claims.values()]):
            second = Subject(kind=SubjectKind.APPLICATION, name=problem.file.partition("/")[0])
            if second in problems_of:  # whoever applies this need not mend what is in force beside it
                problems_of[second].add(problem)
        return CheckResult(
            projects=projects,
            definitions={name: claim.definition for name, claim in claims.items()},
            problems={subject: findings.problems for subject, findings in problems_of.items() if findings.problems},
        )

    def _projects(self) -> dict[str, Project]:
        """The projects in force."""
        return {name: each.project for name, each in self.catalogue.projects.items()}

    def _claim(self, stored: StoredDocument, projects: Mapping[str, Project], refused: Set[str]) -> Claims:
        """`refused`: projects of the same request that have a problem."""
        document, name = _document(stored), stored.value.get("project")
        project = projects.get(str(name))
        if name is not None and project is None and name in refused:
            raise ConfigError(
                [document.problem(("project",), f"first correct the project {name}, which is being applied with it")]
            )
        if name is not None and project is None:
            names = ", ".join(sorted(projects)) or "none"
            expected = f"a project of this installation (known: {names})"
            raise ConfigError([document.problem(("project",), expected=expected, got=repr(name))])
        files = replace(stored.beside, document=document.file)
        return check_application(document, files, project, known=self.settings_names)

    def _claims_in_force(self, replaced: Mapping[str, Claims]) -> Iterator[Claims]:
        """The claims of the other applications; one that fails its check claims images and places, but no objects."""
        for entry in self.catalogue:
            name = entry.application.application
            if name not in replaced and entry.versions is not None:
                stored = self._read(entry.versions.application)
                files = replace(stored.beside, document=_document(stored).file)
                try:
                    yield check_application(_document(stored), files, None)
                except ConfigError:
                    yield Claims(definition=entry.definition, document=_document(stored), rendered={})

    def planned(self, stored: StoredDocument, checked: "CheckResult", actor: Actor) -> PlannedChange:
        """The effects of applying one document that has no problem. Raises `LedgerUnavailable`."""
        subject, after = stored.subject, sha256(stored.content)
        current = self.versions.current(subject)
        before = self._read(current.document) if current.document else None
        project = str(stored.value["project"]) if subject.kind is SubjectKind.APPLICATION else None
        before_in = current.version.project if current.version else None
        change = SubjectChange(subject=subject, before=current.document, after=after)
        if change.changes:
            weaker = tuple(self._weaker(subject, current, stored, checked))
            forbidden = self._forbidden(subject, self._owners(checked.projects, project, before_in), actor)
            change = change.evolve(
                difference=describe_difference(before, stored),
                forbidden=forbidden or _without_a_gate(weaker, actor),
                weaker=tuple(dict.fromkeys(each.text for each in weaker)),
                gates=weakened_gates(weaker),
                stalled=tuple(self._left_out(subject, checked)),
            )
        return PlannedChange(change=change, current=current, stored=stored, project=project)

    def _forbidden(self, subject: Subject, owners: Mapping[str, tuple[str, ...]], actor: Actor) -> str:
        """Why the actor may not change the subject: applications belong to their project's owners, projects to the
        platform.

        `owners` names the owners of each project that the change concerns.
        """
        if subject.kind is SubjectKind.PROJECT:
            return "" if actor.platform else "only the role platform may apply projects"
        for name, may in owners.items():
            if not actor.claims & set(may):
                whom = ", ".join(may) or "nobody, as it names none in owners.apply"
                return f"applications of the project {name} are applied by {whom}"
        return ""

    def _owners(self, projects: Mapping[str, Project], *names: str | None) -> Mapping[str, tuple[str, ...]]:
        return {name: projects[name].owners.apply if name in projects else () for name in names if name is not None}

    def _weaker(
        self, subject: Subject, current: Current, stored: StoredDocument, checked: "CheckResult"
    ) -> Iterator[Weakening]:
        """The weakenings, each with the gates that it concerns."""
        if subject.kind is SubjectKind.APPLICATION:
            together = [each.application for each in checked.definitions.values()]
            after = checked.definitions[subject.name].application
            return self.finder.of_application(current, stored, after, together=together)
        return self.finder.of_project(subject, current, checked.projects[subject.name])

    @property
    def finder(self) -> WeakeningFinder:
        return WeakeningFinder(versions=self.versions, catalogue=self.catalogue)

    def _left_out(self, subject: Subject, checked: "CheckResult") -> Iterator[str]:
        """Applications in force that the changed project would no longer allow."""
        if subject.kind is not SubjectKind.PROJECT:
            return
        for entry in self.catalogue:
            name = entry.application.application
            if entry.application.project != subject.name or name in checked.definitions or entry.versions is None:
                continue
            written = validate(self._read(entry.versions.application).document, WrittenApplication)
            for breach in breaches(written, checked.projects[subject.name]):
                yield f"{name}: expected {breach.expected}, got {breach.got}"
                break

    def _read(self, document: str) -> StoredDocument:
        content = self.versions.document(document)
        if content is None:
            raise ConfigError([Problem(file=document, message="the stored document is gone")])
        return read_stored(content)


def _without_a_gate(weaker: Sequence[Weakening], actor: Actor) -> str:
    """Why the actor may not make a weakening that no gate can be asked about: only the platform's people may."""
    alone = next((each.text for each in weaker if not each.gates), "")
    if not alone or actor.platform:
        return ""
    return f"there is no gate whose approvers could vote on it, so it needs the role platform: {alone}"


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Documents, checked together with everything that is in force."""

    projects: Mapping[str, Project]
    """The projects in force, replaced by those of the documents that have no problem."""
    definitions: Mapping[str, Definition]
    problems: Mapping[Subject, Sequence[Problem]]
    """The problems, by the subject of the document."""


def projects_first(documents: Sequence[StoredDocument]) -> list[StoredDocument]:
    return sorted(documents, key=lambda each: each.kind is not SubjectKind.PROJECT)


def wrong_of(problem: Problem) -> DocumentProblem:
    return DocumentProblem(
        file=line(problem.file),
        line=problem.line,
        field=line(problem.field),
        expected=line(problem.expected),
        got=line(problem.got),
        message=line(problem.message),
        environment=line(problem.environment),
    )


def wrong_in_words(wrong: DocumentProblem) -> str:
    at = f" {wrong.field}:" if wrong.field else ""
    what = f"expected {wrong.expected}, got {wrong.got}" if wrong.expected else ""
    where = f" (environment {wrong.environment})" if wrong.environment else ""
    return line(f"{wrong.file}:{at} {'; '.join(part for part in (what, wrong.message) if part)}{where}")


def check_request(documents: Sequence[StoredDocument]) -> None:
    """Raises ConfigError for a request that cannot be a change: one with no document or too many, with a document that
    has no name or no canonical form, or with the same document twice."""
    findings = Findings()
    if not 1 <= len(documents) <= MOST_CHANGES:
        expected, got = f"1 to {MOST_CHANGES} documents", str(len(documents))
        raise ConfigError([Problem(file="documents", expected=expected, got=got)])
    findings.extend(filter(None, map(_without_one_form, documents)))
    findings.extend(_repeated(documents))
    for each in documents:
        try:
            _ = each.subject
        except ValueError:
            with findings.collecting():
                validate(_document(each), Project if each.kind is SubjectKind.PROJECT else WrittenApplication)
    findings.raise_any()


def _without_one_form(stored: StoredDocument) -> Problem | None:
    """The problem of a document without a canonical form, which can be neither hashed nor stored."""
    try:
        _ = stored.content
    except (ValueError, RecursionError) as error:
        expected = "text in Unicode and whole numbers within ±(2^53 - 1)"
        return Problem(file=_document(stored).file, expected=expected, got="something else", message=str(error)[:200])
    return None


def _repeated(documents: Sequence[StoredDocument]) -> Iterator[Problem]:
    files = [_document(each).file for each in documents]
    for file in sorted({file for file in files if files.count(file) > 1}):
        yield Problem(file=file, expected="each project and application once", got=f"{files.count(file)} documents")


def _document(stored: StoredDocument) -> Document:
    """The document, called by its subject in messages."""
    name = stored.value.get(str(stored.kind))
    return replace(
        stored.document, file=f"{name}/{stored.kind}.yaml" if isinstance(name, str) else f"{stored.kind}.yaml"
    )


def _overlaps(stored: StoredDocument, project: Project, projects: Mapping[str, Project]) -> Iterator[Problem]:
    """Places of class production that another project guards, and that this one would cover as well."""
    for name, environment in project.environments.items():
        for other in projects.values():
            if other.project == project.project:
                continue
            for theirs in other.environments.values():
                if (environment.production or theirs.production) and overlap(environment, theirs):
                    yield _document(stored).problem(
                        ("environments", name, "namespaces"),
                        expected=f"places that the project {other.project} does not cover, as one of them is of class "
                        "production",
                        got=", ".join(environment.namespaces),
                    )
