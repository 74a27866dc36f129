"""The objects that a rollout applies, from the catalogue or from a bundle."""

from dataclasses import dataclass
from typing import Any, TypedDict

from ...catalogue import render_job, render_jobs_around, render_objects
from ...domain.around import Side
from ...domain.environment import Environment
from ..run_step import Work
from .clients import Clients


class _RenderArguments(TypedDict):
    """The arguments of every rendering of one plan."""

    image: str
    values: dict[str, str]
    hosts: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class RenderedObjects:
    """Objects that are ready to apply."""

    manifests: tuple[dict[str, Any], ...]
    job: dict[str, Any] | None
    """The acceptance test."""
    before: tuple[dict[str, Any], ...] = ()
    """The Jobs that run before the rollout."""
    after: tuple[dict[str, Any], ...] = ()
    """The Jobs that run after it."""

    @property
    def objects(self) -> tuple[dict[str, Any], ...]:
        """The objects and all Jobs."""
        return (*self.manifests, *self.before, *self.after, *((self.job,) if self.job else ()))

    def jobs(self, side: Side) -> tuple[dict[str, Any], ...]:
        return self.before if side is Side.BEFORE else self.after


def from_catalogue(clients: Clients, work: Work, environment: Environment, *, job_name: str) -> RenderedObjects:
    """The objects of the application's own manifests, with the release's image. Raises `ConfigError`, `UnknownName`."""
    release, application = work.release, work.entry.application
    registry = clients.registry(application.registry_of(environment))
    image = f"{registry.endpoint.login_server}/{release.repository}@{release.digest}"
    values = {
        "SLIPWAY_APPLICATION": application.application,
        "SLIPWAY_ENVIRONMENT": environment.name,
        "SLIPWAY_RELEASE": release.id,
        "SLIPWAY_VERSION": release.tag,
    }
    registries = {application.pushed.registry, *(application.registry_of(each) for each in application.environments)}
    arguments: _RenderArguments = {
        "image": image,
        "values": values,
        "hosts": frozenset(clients.registry(name).endpoint.login_server for name in registries),
    }
    definition = work.entry.definition
    manifests = render_objects(definition, environment, **arguments)
    job = None
    if environment.verification.job:
        job = render_job(definition, environment, name=job_name, **arguments)
    around = {side: render_jobs_around(definition, environment, side, **arguments) for side in Side}
    return RenderedObjects(manifests=manifests, job=job, before=around[Side.BEFORE], after=around[Side.AFTER])
