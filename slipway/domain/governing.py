"""An application inside its project: what the project adds to each environment, and which requests it does not
allow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from .application import Application, WrittenApplication
from .environment import Environment, WrittenEnvironment
from .gate import AutoGate, Gate, WrittenGate
from .model import duration_text
from .patterns import matches_any
from .people import People
from .project import LeastGate, Project, ProjectEnvironment
from .services import addresses

Steps = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Breach:
    """A request of an application that its project does not allow."""

    field: Steps
    """Path from the root of the application's document."""
    expected: str
    got: str


def governed(written: WrittenApplication, project: Project) -> Application:
    """The application with the project's part of each environment. Call it only if `breaches` finds none."""
    fields = {name: getattr(written, name) for name in type(written).model_fields}
    environments = tuple(
        _environment(each, project.environments[each.name], written.people, project) for each in written.environments
    )
    of_project = {
        "repositories": project.repositories,
        "image_rules": project.image_rules,
        "injected": project.injected,
        "kinds": project.kinds,
        "automation": project.automation.create,
    }
    return Application.model_validate({**fields, "environments": environments, **of_project})


def _environment(
    written: WrittenEnvironment, allowed: ProjectEnvironment, people: People, project: Project
) -> Environment:
    fields = {name: getattr(written, name) for name in type(written).model_fields}
    return Environment.model_validate(
        {
            **fields,
            "gate": _gate(written.gate, allowed.least, people, project.known_services),
            "environment_class": allowed.environment_class,
            "registry": allowed.registry,
            "provenance": allowed.provenance,
            "waive": project.waive,
        }
    )


def _gate(gate: WrittenGate, least: LeastGate | None, people: People, services: Sequence[str]) -> Gate:
    """The gate, with left-out fields taken from the least gate."""
    if isinstance(gate, AutoGate):
        return gate
    if least is None:
        return gate.among(people, services)
    defaults = {
        "level": least.level,
        "required": least.required,
        "require_known": least.require_known,
        "fresh": least.fresh,
        "objection": least.objection,
    }
    left_out = {name: value for name, value in defaults.items() if name not in gate.model_fields_set}
    return gate.among(people, services).evolve(**left_out)


def breaches(written: WrittenApplication, project: Project) -> Iterator[Breach]:
    """Everything that the project does not allow."""
    if written.project != project.project:
        yield Breach(field=("project",), expected=repr(project.project), got=repr(written.project))
    pushed = written.pushed
    if not matches_any(pushed.repository, project.repositories):
        yield Breach(
            field=(str(written.source), "repository"),
            expected=f"a repository of the project {project.project}: {', '.join(project.repositories)}",
            got=repr(pushed.repository),
        )
    for index, environment in enumerate(written.environments):
        yield from _environment_breaches(("environments", index), environment, project)


def _environment_breaches(at: Steps, environment: WrittenEnvironment, project: Project) -> Iterator[Breach]:
    allowed = project.environments.get(environment.name)
    if allowed is None:
        names = ", ".join(project.environments)
        yield Breach(
            field=(*at, "name"),
            expected=f"an environment of the project {project.project}: {names}",
            got=repr(environment.name),
        )
        return
    where = f"of {environment.name} in the project {project.project}"
    for index, cluster in enumerate(environment.clusters):
        if cluster not in allowed.clusters:
            expected = f"a cluster {where}: {', '.join(allowed.clusters)}"
            yield Breach(field=(*at, "clusters", index), expected=expected, got=repr(cluster))
        elif not allowed.covers(cluster, environment.namespace):
            expected = f"a namespace {where}: {', '.join(allowed.namespaces)}"
            yield Breach(field=(*at, "namespace"), expected=expected, got=repr(environment.namespace))
    if allowed.needs_tests and not environment.verification.exists:
        demand = f"acceptance tests, as {environment.name} demands in the project {project.project}"
        yield Breach(
            field=(*at, "verification"), expected=f"{demand} (unless it says `tests: optional` there)", got="none"
        )
    yield from _services_asked((*at, "gate", "approvers"), environment.gate, project.known_services)
    if allowed.least is not None:
        yield from _weaker_than((*at, "gate"), environment.gate, allowed.least, where)


def _services_asked(at: Steps, gate: WrittenGate, services: Sequence[str]) -> Iterator[Breach]:
    approvers = () if isinstance(gate, AutoGate) else gate.approvers
    for index, name in enumerate(approvers):
        if name.casefold() in addresses(services):
            yield Breach(field=(*at, index), expected="people: a service of the project never votes", got=repr(name))


def _weaker_than(at: Steps, gate: WrittenGate, least: LeastGate, where: str) -> Iterator[Breach]:
    if isinstance(gate, AutoGate):
        expected = f"approval, as the least gate {where} asks people"
        yield Breach(field=(*at, "kind"), expected=expected, got=repr(gate.kind))
        return
    fields_set = gate.model_fields_set

    def breach(field: str, expected: str, got: str) -> Breach:
        return Breach(field=(*at, field), expected=f"{expected}, the least {where}", got=got)

    if "level" in fields_set and gate.level.rank < least.level.rank:
        yield breach("level", f"{least.level} or a more certain level", str(gate.level))
    if "required" in fields_set and gate.required < least.required:
        yield breach("required", f"at least {least.required}", str(gate.required))
    if "require_known" in fields_set and least.require_known and not gate.require_known:
        yield breach("require_known", "true", "false")
    if gate.own_change and not least.own_change:
        yield breach("own_change", "false", "true")
    if "objection" in fields_set and gate.objection < least.objection:
        yield breach("objection", f"at least {duration_text(least.objection)}", duration_text(gate.objection))
    if "fresh" in fields_set and not fresher(gate.fresh, least.fresh):
        yield breach("fresh", f"at most {freshness_text(least.fresh)}", freshness_text(gate.fresh))


def fresher(one: timedelta | None, other: timedelta | None) -> bool:
    """Whether the sign-in that `one` demands is at least as fresh as that of `other`; None demands nothing."""
    return other is None or (one is not None and one <= other)


def freshness_text(fresh: timedelta | None) -> str:
    return "none" if fresh is None else f"{fresh.total_seconds():.0f}s"
