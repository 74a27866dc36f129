"""What a rollout applies, whether the catalogue or a bundle has it."""

from dataclasses import dataclass
from typing import Any

from ...catalogue import render, render_job, render_jobs_around
from ...domain.around import Side
from ...domain.environment import Environment
from ..run_step import Work
from .clients import Clients


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """Objects that are ready to apply."""

    images: tuple[str, ...]
    """The images that they run, by digest in the environment's registry."""
    manifests: tuple[dict[str, Any], ...]
    job: dict[str, Any] | None
    """The acceptance test."""
    before: tuple[dict[str, Any], ...] = ()
    """The Jobs that run before the rollout."""
    after: tuple[dict[str, Any], ...] = ()
    """Those that run after it."""

    def jobs(self, side: Side) -> tuple[dict[str, Any], ...]:
        return self.before if side is Side.BEFORE else self.after


def from_catalogue(clients: Clients, work: Work, environment: Environment, *, job_name: str) -> Rendered:
    """What the application's own manifests apply, with the release's image. Raises `ConfigError`, `UnknownName`."""
    release, application = work.release, work.entry.application
    registry = clients.registry(application.registry_of(environment))
    image = f"{registry.endpoint.login_server}/{release.repository}@{release.digest}"
    values = {
        "SLIPWAY_APPLICATION": application.application,
        "SLIPWAY_ENVIRONMENT": environment.name,
        "SLIPWAY_RELEASE": release.id,
        "SLIPWAY_VERSION": release.tag,
    }
    definition = work.entry.definition
    manifests = render(definition, environment, image=image, values=values)
    job = None
    if environment.verification.job:
        job = render_job(definition, environment, image=image, values=values, name=job_name)
    around = {side: render_jobs_around(definition, environment, side, image=image, values=values) for side in Side}
    return Rendered(images=(image,), manifests=manifests, job=job, before=around[Side.BEFORE], after=around[Side.AFTER])
