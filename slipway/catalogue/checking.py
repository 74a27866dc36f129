"""Checks projects and applications: everything that needs neither a cluster nor a registry.

That is each document against its model, an application against its project, names against the installation's settings,
tag rules, the manifests as each environment will render them, and (`conflicts.py`) that no two lanes claim the same
thing. The problems of all of them are reported at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from slipway.domain.application import Application, SourceKind, WrittenApplication
from slipway.domain.gate import ApprovalGate, Level, WrittenApprovalGate
from slipway.domain.governing import breaches, governed
from slipway.domain.project import EnvironmentClass, Project, ProjectEnvironment, ProvenanceLevel

from ..manifests.documents import Document
from ..manifests.problems import ConfigError, Findings, Problem, Steps, by_environment, nearest
from .advice import advice
from .conflicts import Claims, Rendered, conflicts
from .definition import Definition
from .environment_check import EnvironmentCheck
from .files import Files
from .finding import FoundDocument, find
from .tags import fault_of
from .validation import validate


@dataclass(frozen=True, kw_only=True)
class Known:
    """The names that the installation's settings define."""

    registries: frozenset[str]
    clusters: frozenset[str]
    channels: frozenset[str]
    asking: frozenset[str]
    """The channels that carry questions alone."""


@dataclass(frozen=True, kw_only=True)
class CheckedDocuments:
    """Documents without problems."""

    projects: Mapping[str, Project]
    definitions: Mapping[str, Definition]
    without_project: tuple[str, ...]
    """Applications whose project is not among the documents, so that its limits were not looked at."""
    rendered: Mapping[str, Mapping[str, tuple[Rendered, ...]]]
    """By application and environment: what would be applied, and the acceptance Job; nothing where a bundle is."""
    advice: tuple[Problem, ...]
    """What is valid and will not do what its author may expect."""


def check_path(path: Path, *, known: Known | None = None) -> CheckedDocuments:
    """All documents in a file or folder, each application within its project if that is among them.

    Raises a ConfigError with every problem.
    """
    each = check_each(path, known=known)
    if each.problems:
        raise ConfigError(each.problems)
    projects, claims = each.projects, each.claims
    applications = [claim.definition.application for claim in claims]
    return CheckedDocuments(
        projects=projects,
        definitions={claim.definition.application.application: claim.definition for claim in claims},
        rendered={claim.definition.application.application: claim.rendered for claim in claims},
        advice=tuple(advice(claims)),
        without_project=tuple(each.application for each in applications if each.project not in projects),
    )


@dataclass(frozen=True, kw_only=True)
class CheckedEach:
    """Documents, each judged by itself."""

    documents: tuple[FoundDocument, ...]
    """Those that could be read."""
    good: tuple[FoundDocument, ...]
    """Those without a problem."""
    projects: Mapping[str, Project]
    claims: tuple[Claims, ...]
    problems: tuple[Problem, ...]
    """Of all the others, and of files that cannot be read."""


def check_each(path: Path, *, known: Known | None = None) -> CheckedEach:
    """The documents in a file or folder, each application within its project if that is among them and in order."""
    findings = Findings()
    documents = find(path, findings)
    names = [(each.kind, each.name) for each in documents]
    good = [each for each in documents if names.count((each.kind, each.name)) == 1]
    projects, claims = dict[str, Project](), list[Claims]()
    wrong = list[FoundDocument]()
    for each in documents:
        before = len(findings.problems)
        with findings.collecting():
            if each.kind == "project":
                projects[each.name] = check_project(each.document, known=known)
            else:
                project = projects.get(str(each.document.value.get("project")))
                claims.append(check_application(each.document, each.files, project, known=known))
        if len(findings.problems) > before:
            wrong.append(each)
    claimed_twice = list(conflicts(claims))
    findings.extend(claimed_twice)
    wrong += _second_claims(documents, claims) if claimed_twice else []
    return CheckedEach(
        documents=documents,
        good=tuple(each for each in good if not any(each is one for one in wrong)),
        projects=projects,
        claims=tuple(claims),
        problems=tuple(findings.problems),
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


def check_project(document: Document, *, known: Known | None = None) -> Project:
    """The project that the document describes. Raises ConfigError."""
    project, findings = validate(document, Project), Findings()
    findings.extend(_not_enforced(document, project))
    if known is not None:
        for name, environment in project.environments.items():
            at: Steps = ("environments", name)
            for index, cluster in enumerate(environment.clusters):
                steps = (*at, "clusters", index)
                findings.extend(_unknown(document, steps, cluster, "cluster", known.clusters, environment=name))
            steps, registry = (*at, "registry"), environment.registry
            findings.extend(_unknown(document, steps, registry, "registry", known.registries, environment=name))
    findings.raise_any()
    return project


def _not_enforced(document: Document, project: Project) -> Iterator[Problem]:
    later = "is not enforced by this version of Slipway yet; leave it out"
    for name, environment in project.environments.items():
        if environment.provenance is ProvenanceLevel.SIGNED:
            yield document.problem(("environments", name, "provenance"), later)


def check_application(
    document: Document, files: Files, project: Project | None, *, known: Known | None = None
) -> Claims:
    """The application inside its project, with the objects that it would apply. Raises ConfigError.

    Without a project its limits are not looked at, and every environment counts as one of class test.
    """
    written, findings = validate(document, WrittenApplication), Findings()
    within = project is not None
    project = project or assumed(written)
    findings.extend(_own_problems(document, written))
    for breach in breaches(written, project):
        findings.add(document.problem(breach.field, expected=breach.expected, got=breach.got))
    if known:
        findings.extend(names_unknown(document, written, known))
    findings.raise_any()
    definition = Definition(application=governed(written, project), files=files)
    findings.extend(_cannot_prove(document, definition.application, within=within))
    rendered: dict[str, tuple[Rendered, ...]] = {}
    by_environment_name: dict[str, Findings] = {}
    for index, environment in enumerate(definition.application.environments):
        loader = EnvironmentCheck(document, definition, environment, ("environments", index), within=within)
        mine = by_environment_name[environment.name] = Findings()
        if written.source is SourceKind.IMAGE:
            with mine.collecting():
                rendered[environment.name] = loader.objects()
            with mine.collecting():
                rendered[environment.name] = (*rendered.get(environment.name, ()), *loader.job(), *loader.jobs_around())
        findings.extend(loader.trust_problems())
        findings.extend(loader.window_problems())
    findings.extend(by_environment({name: mine.problems for name, mine in by_environment_name.items()}))
    findings.raise_any()
    return Claims(definition=definition, document=document, rendered=rendered)


def assumed(written: WrittenApplication, own: Project | None = None) -> Project:
    """A project that allows what the application's document asks for, where its `own` does not, or cannot be asked.

    What its objects and their images may be stays as its own says.
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
    if fault := fault_of(application.versions):
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
    """Approvers who could never approve, since the gate counts proved votes alone and nobody knows whose they are.

    Without the project (`within`) only a gate that says its level itself can be judged.
    """
    for index, environment in enumerate(application.environments):
        gate = environment.gate
        if not isinstance(gate, ApprovalGate) or gate.level is not Level.SIGNED:
            continue
        if not within and "level" not in gate.model_fields_set:
            continue
        for person in gate.without_object_id():
            known = f"<object id in Entra>: {{mail: {person.name}}}"
            yield document.problem(
                ("environments", index, "gate", "approvers"),
                f"could never approve at the level {gate.level}: add {known} to people of the application, or name "
                "oid:<object id> or role:<app role> instead",
                expected="approvers whose object id is known",
                got=person.name,
            )


def names_unknown(document: Document, application: WrittenApplication, known: Known) -> Iterator[Problem]:
    """Names that the installation's settings do not define, and channels that do not suffice."""
    pushed: Steps = (str(application.source), "registry")
    yield from _unknown(document, pushed, application.pushed.registry, "registry", known.registries)
    for index, channel in enumerate(application.notify):
        yield from _unknown(document, ("notify", index), channel, "channel", known.channels)
    asks = any(isinstance(environment.gate, WrittenApprovalGate) for environment in application.environments)
    if asks and application.notify and known.asking.issuperset(application.notify):
        yield document.problem(
            ("notify",),
            "nobody would be told what was counted in their name, nor how a release ended; add one to notify",
            expected="a channel besides that carries more than questions (teams, smtp, acs-email or webhook)",
            got=", ".join(application.notify),
        )
    for index, environment in enumerate(application.environments):
        for number, cluster in enumerate(environment.clusters):
            steps: Steps = ("environments", index, "clusters", number)
            yield from _unknown(document, steps, cluster, "cluster", known.clusters, environment=environment.name)


def _unknown(
    document: Document, steps: Steps, name: str | None, kind: str, names: frozenset[str], *, environment: str = ""
) -> Iterator[Problem]:
    if name is not None and name not in names:
        expected = f"a {kind} of this installation"
        problem = document.problem(steps, nearest(name, names), expected=expected, got=repr(name))
        yield replace(problem, environment=environment)
