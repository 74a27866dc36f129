"""Checks projects and applications: everything that needs neither a cluster nor a registry.

It checks each document against its model, an application against its project, names against the installation's
settings, the tag rules, the manifests as each environment will render them, and (`conflicts.py`) that no two lanes
claim the same thing. All problems are reported at once: a problem in one layer only hides those parts of the next that
depend on it, and these are named.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.domain.application import Application, SourceKind, WrittenApplication
from slipway.domain.around import Side
from slipway.domain.gate import ApprovalGate, Level, WrittenApprovalGate
from slipway.domain.governing import breaches, governed
from slipway.domain.project import EnvironmentClass, Project, ProjectEnvironment, ProvenanceLevel

from ..manifests.documents import Document
from ..manifests.problems import (
    ConfigError,
    Findings,
    Problem,
    Steps,
    Unjudged,
    in_order,
    merged_by_environment,
    nearest,
)
from .advice import advice
from .conflicts import Claims, SampleObject, conflicts
from .definition import Definition
from .environment_check import EnvironmentCheck
from .files import Files
from .finding import FoundDocument, find
from .tags import fault_of_versions
from .validation import DocumentReading, parse_document


@dataclass(frozen=True, kw_only=True)
class SettingsNames:
    """The names that the installation's settings define."""

    registries: frozenset[str]
    clusters: frozenset[str]
    channels: frozenset[str]
    asking: frozenset[str]
    """The channels that carry only questions."""


@dataclass(frozen=True, kw_only=True)
class CheckedDocuments:
    """Documents, each judged by itself."""

    documents: tuple[FoundDocument, ...]
    """The documents that could be read."""
    good: tuple[FoundDocument, ...]
    """The documents without a problem."""
    projects: Mapping[str, Project]
    claims: tuple[Claims, ...]
    """The claims of every application that could be read, as far as it could be judged."""
    problems: tuple[Problem, ...]
    """The problems of the other documents and of files that cannot be read, sorted by file and line."""
    not_checked: tuple[Unjudged, ...]
    """Checks that could not be made because of these problems."""

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return {claim.definition.application.application: claim.definition for claim in self.claims}

    @property
    def advice(self) -> tuple[Problem, ...]:
        """Warnings about documents that are valid and may not do what their author expects."""
        return tuple(advice(self.claims))

    @property
    def without_project(self) -> Mapping[str, str]:
        """Applications whose project is not among the documents, by name: its limits were not checked."""
        project_names = {each.name for each in self.documents if each.kind == "project"}
        projects = {name: each.application.project for name, each in self.definitions.items()}
        return {name: project for name, project in projects.items() if project not in project_names}


def check_path(path: Path, *, known: SettingsNames | None = None) -> CheckedDocuments:
    """All documents in a file or folder, each application within its project if that is among them.

    Raises a ConfigError with every problem.
    """
    checked = check_each(path, known=known)
    if checked.problems:
        raise ConfigError(checked.problems)
    return checked


def check_each(path: Path, *, known: SettingsNames | None = None) -> CheckedDocuments:
    """The documents in a file or folder, each application within its project if that is among them and in order."""
    findings = Findings()
    documents = find(path, findings)
    names = [(each.kind, each.name) for each in documents]
    projects, claims = dict[str, Project](), list[Claims]()
    wrong = [each for each in documents if each.problems or names.count((each.kind, each.name)) > 1]
    for each in documents:
        own = Findings()
        own.extend(each.problems)
        if each.kind == "project":
            with own.collecting():
                projects[each.name] = check_project(each.document, known=known)
        else:
            project = str(each.document.value.get("project"))
            faulty = [of for of in wrong if of.kind == "project" and of.name == project]
            if faulty and project not in projects:
                at = faulty[0].document.problem(())
                own.skip(
                    f"whether {each.name} keeps within its project {project}",
                    because="the project is wrong itself",
                    at=at,
                )
            claims += judged_application(each.document, each.files, projects.get(project), own, known=known)
        wrong += [each] if own.problems else []
        findings.take(own)
    claimed_twice = list(conflicts(claims))
    findings.extend(claimed_twice)
    wrong += _second_claims(documents, claims) if claimed_twice else []
    return CheckedDocuments(
        documents=documents,
        good=tuple(each for each in documents if not any(each is one for one in wrong)),
        projects=projects,
        claims=tuple(claims),
        problems=in_order(findings.problems),
        not_checked=tuple(dict.fromkeys(findings.not_checked)),
    )


def _second_claims(documents: Sequence[FoundDocument], claims: Sequence[Claims]) -> list[FoundDocument]:
    """The documents that claim what an earlier one claims already."""
    second, before = list[FoundDocument](), list[Claims]()
    for claim in claims:
        if any(conflicts([*before, claim])):
            second += [each for each in documents if each.document is claim.document]
        else:
            before.append(claim)
    return second


def check_project(document: Document, *, known: SettingsNames | None = None) -> Project:
    """The project that the document describes. Raises ConfigError."""
    reading, findings = parse_document(document, Project), Findings()
    findings.extend(reading.problems)
    if reading.value is None:
        raise ConfigError(findings.problems)
    project, problems = reading.value, list(_unenforced_fields(document, reading.value))
    if known is not None:
        for name, environment in project.environments.items():
            at: Steps = ("environments", name)
            for index, cluster in enumerate(environment.clusters):
                steps = (*at, "clusters", index)
                problems += _unknown_name(document, steps, cluster, "cluster", known.clusters, environment=name)
            steps, registry = (*at, "registry"), environment.registry
            problems += _unknown_name(document, steps, registry, "registry", known.registries, environment=name)
    findings.extend(each for each in problems if not reading.why_unknown(each.field))
    findings.raise_any()
    return project


def _unenforced_fields(document: Document, project: Project) -> Iterator[Problem]:
    later = "is not enforced by this version of Slipway yet; leave it out"
    for name, environment in project.environments.items():
        if environment.provenance is ProvenanceLevel.SIGNED:
            yield document.problem(("environments", name, "provenance"), later)


def check_application(
    document: Document, files: Files, project: Project | None, *, known: SettingsNames | None = None
) -> Claims:
    """The application inside its project, with the objects that it would apply. Raises ConfigError.

    Without a project no limits are checked, and every environment counts as class test.
    """
    findings = Findings()
    claims = list(judged_application(document, files, project, findings, known=known))
    findings.raise_any()
    return claims[0]


def judged_application(
    document: Document, files: Files, project: Project | None, findings: Findings, *, known: SettingsNames | None = None
) -> Iterator[Claims]:
    """The application as far as it can be judged; nothing if the document says too little. Adds problems to the
    findings, and the parts that cannot be judged because of them."""
    reading = parse_document(document, WrittenApplication)
    findings.extend(reading.problems)
    if reading.value is None:
        what = "the rest of the application, and its manifests"
        findings.skip(what, because="too much in it is wrong", at=reading.problems[0])
        return
    written, within = reading.value, project is not None
    assumed_project = permissive_project(written)
    environments = {**assumed_project.environments, **(project.environments if project else {})}
    # Not `evolve`: the values made up for an environment that the project lacks need not fit the others.
    allowing = (project or assumed_project).model_copy(update={"environments": environments})
    definition = Definition(application=governed(written, allowing), files=files)
    problems = [*_own_problems(document, written), *_cannot_prove(document, definition.application, within=within)]
    broken = breaches(written, project) if project else ()
    problems += (document.problem(each.field, expected=each.expected, got=each.got) for each in broken)
    problems += unknown_names(document, written, known) if known else ()
    _add_certain_problems(findings, problems, reading)
    yield Claims(
        definition=definition,
        document=document,
        rendered=_rendered_objects(document, definition, reading, findings, within=within),
    )


def _add_certain_problems(
    findings: Findings, problems: Iterable[Problem], reading: DocumentReading[WrittenApplication]
) -> None:
    """Add the problems that do not depend on unknown values."""
    certain = list[Problem]()
    for unsure in reading.unsure:
        findings.skip(f"what depends on {unsure.field}", because="that field is wrong itself", at=unsure)
    for problem in problems:
        about_gate = problem.field.startswith("environments[") and ".gate" in problem.field
        if why := reading.why_unknown(problem.field, *(("notify", "people") if about_gate else ())):
            findings.skip(f"what depends on {why.field}", because="that field is wrong itself", at=why)
        else:
            certain.append(problem)
    findings.extend_elsewhere(certain)


def _rendered_objects(
    document: Document,
    definition: Definition,
    reading: DocumentReading[WrittenApplication],
    findings: Findings,
    *,
    within: bool,
) -> Mapping[str, tuple[SampleObject, ...]]:
    """The objects that each environment would apply, as far as known."""
    application, of_each = definition.application, dict[str, EnvironmentCheck]()
    as_told = dict[str, EnvironmentCheck]()
    """By name; an environment without a name appears by its position, such as `2 of 3`."""
    # An application that names its image is not meant to deliver a bundle, whatever its source says.
    source = ("source",) if "image" in reading.unknown else ()
    why_no_image = reading.why_unknown(f"{application.source}.repository")
    if why_no_image and application.source is SourceKind.IMAGE:
        findings.skip("the images in the manifests", because=f"they rest on {why_no_image.field}", at=why_no_image)
    for index, environment in enumerate(application.environments):
        at: Steps = ("environments", index)
        check = EnvironmentCheck(document, definition, environment, at, within=within, knows_image=why_no_image is None)
        of_each[environment.name] = check
        path = f"environments[{index}]"
        is_named = reading.why_unknown(f"{path}.name") is None
        as_told[environment.name if is_named else f"{index + 1} of {len(application.environments)}"] = check
        shared = (*source, f"{path}.name", f"{path}.namespace", f"{path}.substitutions")
        if application.source is SourceKind.IMAGE:
            of_jobs = (*(f"{path}.{side}" for side in Side), f"{path}.verification.job")
            why_no_manifests = reading.why_unknown(*shared, f"{path}.manifests")
            why_no_jobs = reading.why_unknown(*shared, *of_jobs)
            if why_no_manifests is None:
                check.look_at_manifests()
            if why_no_jobs is None:
                check.look_at_jobs()
            for what, why in (("manifests", why_no_manifests), ("Jobs", why_no_jobs)):
                if why is not None:
                    check.findings.skip(f"its {what}", because=f"they rest on {why.field}", at=why)
        _add_certain_problems(findings, (*check.trust_problems(), *check.window_problems()), reading)
    findings.extend_elsewhere(merged_by_environment({name: check.findings.problems for name, check in as_told.items()}))
    findings.not_checked += merged_by_environment({name: check.findings.not_checked for name, check in as_told.items()})
    return {name: tuple(check.rendered) for name, check in of_each.items()}


def permissive_project(written: WrittenApplication, own: Project | None = None) -> Project:
    """A project that allows the application's requests if its `own` project does not, or cannot be read.

    The rules for its objects and their images stay as in its own project.
    """
    environments = {
        each.name: ProjectEnvironment(
            environment_class=EnvironmentClass.TEST, clusters=each.clusters, namespaces=("*",)
        )
        for each in written.environments
    }
    if own is not None:
        return own.evolve(project=written.project, repositories=("*",), environments=environments)
    return Project(project=written.project, repositories=("*",), environments=environments)


def _own_problems(document: Document, application: WrittenApplication) -> Iterator[Problem]:
    """The problems that the models cannot detect."""
    if fault := fault_of_versions(application.versions):
        field, reason = fault
        yield document.problem(("versions", *field), reason)
    for index, environment in enumerate(application.environments):
        at: Steps = ("environments", index)
        if isinstance(environment.gate, WrittenApprovalGate) and not application.notify:
            yield document.problem(
                (*at, "gate"),
                "nobody would be told that it waits",
                expected="at least one channel in notify of the application",
                got="none",
            )
        if application.source is SourceKind.BUNDLE:
            for rendered in ("manifests", "substitutions", "before", "after"):
                if rendered in environment.model_fields_set:
                    yield document.problem((*at, rendered), "is for source image; a bundle brings rendered manifests")
        for name in environment.substitutions:
            if name.startswith("SLIPWAY_"):
                yield document.problem((*at, "substitutions", name), "names that begin with SLIPWAY_ are Slipway's own")


def _cannot_prove(document: Document, application: Application, *, within: bool) -> Iterator[Problem]:
    """Approvers who could never approve: the gate counts only proved votes, and a proof cannot be matched with them.

    Without the project (`within`) only a gate that states its own level can be judged.
    """
    for index, environment in enumerate(application.environments):
        gate = environment.gate
        if not isinstance(gate, ApprovalGate) or gate.level is not Level.SIGNED:
            continue
        if not within and "level" not in gate.model_fields_set:
            continue
        for person in gate.without_object_id():
            entry = f"<object id in Entra>: {{mail: {person.name}}}"
            yield document.problem(
                ("environments", index, "gate", "approvers"),
                f"could never approve at the level {gate.level}: add {entry} to people of the application, or name "
                "oid:<object id> or role:<app role> instead",
                expected="approvers whose object id is known",
                got=person.name,
            )


def unknown_names(document: Document, application: WrittenApplication, known: SettingsNames) -> Iterator[Problem]:
    """Names that the installation's settings do not define, and channels that do not suffice."""
    pushed: Steps = (str(application.source), "registry")
    yield from _unknown_name(document, pushed, application.pushed.registry, "registry", known.registries)
    for index, channel in enumerate(application.notify):
        yield from _unknown_name(document, ("notify", index), channel, "channel", known.channels)
    asks = any(isinstance(environment.gate, WrittenApprovalGate) for environment in application.environments)
    if asks and application.notify and known.asking.issuperset(application.notify):
        yield document.problem(
            ("notify",),
            "nobody would be told of votes counted in their name, nor how a release ended; add one to notify",
            expected="another channel, which carries more than questions (teams, smtp, acs-email or webhook)",
            got=", ".join(application.notify),
        )
    for index, environment in enumerate(application.environments):
        for number, cluster in enumerate(environment.clusters):
            steps: Steps = ("environments", index, "clusters", number)
            yield from _unknown_name(document, steps, cluster, "cluster", known.clusters, environment=environment.name)


def _unknown_name(
    document: Document, steps: Steps, name: str | None, kind: str, names: frozenset[str], *, environment: str = ""
) -> Iterator[Problem]:
    if name is not None and name not in names:
        expected = f"a {kind} of this installation"
        problem = document.problem(steps, nearest(name, names), expected=expected, got=repr(name))
        yield replace(problem, environment=environment)
