"""The plan of a roll-back by hand: it reuses the manifests that the earlier release was live with.

They come from that release's stored plan. If it is gone, the current manifests are used with the earlier image, and
the plan carries a warning. It also warns if the environment's registry lacks the image, which then has to be copied
again. If the image is gone everywhere the plan fails, so that production never points at an image that cannot be
pulled.
"""

from dataclasses import dataclass
from typing import Any

from ...catalogue import render, render_job
from ...domain.application import Environment
from ...domain.plan import Plan
from ...domain.release import Release, Rollback
from ...domain.rules import RuleResult
from ...effects.registry import NotFound
from ..run_step import Work
from .clients import Clients

MANIFESTS_GONE = "the manifests of {release} are no longer stored: the current ones are used, with its image"
MOVED = (
    "{environment} was in another place then ({before}): the current manifests are used, with the image of {release}"
)
IMAGE_GONE_HERE = "the registry {registry} no longer has the image: it is copied from {source} again"
IMAGE_GONE = "the image {digest} is gone, from {registries}: it has to be pushed again before {release} can come back"


class ImageGone(Exception):  # noqa: N818 - the message is the point
    """No registry has the image any more."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is still available of the release to roll back to."""

    warnings: tuple[str, ...]
    plan: Plan | None
    """Its stored plan; None if the manifests cannot be reused."""
    copied: bool
    """Whether the environment's registry has the image."""
    image_is_gone: str = ""
    """Why the roll-back is impossible; empty if it is possible."""


def look_for(clients: Clients, release: Release, environment: Environment, *, registry: str, back: Rollback) -> Kept:
    """Find out what is still available. Raises `RegistryError`, `UnknownName`."""
    name = f"{release.application}-{back.to}"
    plan, warning = _kept_plan(clients, environment, back, name)
    warnings = [warning] if warning else []
    copied = _has(clients, registry, release)
    gone = ""
    if not copied and (registry == release.registry or not _has(clients, release.registry, release)):
        where = " and ".join(dict.fromkeys((registry, release.registry)))
        gone = IMAGE_GONE.format(digest=release.digest, registries=where, release=name)
    elif not copied:
        warnings.append(IMAGE_GONE_HERE.format(registry=registry, source=release.registry))
    return Kept(warnings=tuple(warnings), plan=plan, copied=copied, image_is_gone=gone)


def _kept_plan(clients: Clients, environment: Environment, back: Rollback, name: str) -> tuple[Plan | None, str]:
    try:
        content = clients.blobs.get(back.plan_hash)
        plan = Plan.model_validate_json(content) if content is not None else None
    except ValueError:
        plan = None
    if plan is None:
        return None, MANIFESTS_GONE.format(release=name)
    if (plan.cluster, plan.namespace) != (environment.cluster, environment.namespace):
        before = f"{plan.cluster}/{plan.namespace}"
        return None, MOVED.format(environment=environment.name, before=before, release=name)
    return plan, ""


def _has(clients: Clients, registry: str, release: Release) -> bool:
    try:
        clients.registry(registry).manifest(release.repository, release.artifact.digest)
    except NotFound:
        return False
    return True


def manifests_of(
    clients: Clients, work: Work, environment: Environment, kept: Kept, *, job_name: str
) -> tuple[str, tuple[dict[str, Any], ...], dict[str, Any] | None, tuple[RuleResult, ...]]:
    """Image, manifests, acceptance Job and supply-chain results of the roll-back's plan.

    Raises `ConfigError`, `UnknownName`.
    """
    if kept.plan is not None:
        job = kept.plan.verification
        if job is not None:
            job = {**job, "metadata": {**job["metadata"], "name": job_name}}
        return kept.plan.image, kept.plan.manifests, job, kept.plan.supply_chain
    release, definition = work.release, work.entry.definition
    registry = work.entry.application.registry_of(environment)
    image = f"{clients.registry(registry).endpoint.login_server}/{release.repository}@{release.digest}"
    values = {
        "SLIPWAY_APPLICATION": release.application,
        "SLIPWAY_ENVIRONMENT": environment.name,
        "SLIPWAY_RELEASE": release.id,
        "SLIPWAY_VERSION": release.tag,
    }
    manifests = render(definition, environment, image=image, values=values)
    job_manifest = None
    if environment.verification.job:
        job_manifest = render_job(definition, environment, image=image, values=values, name=job_name)
    return image, manifests, job_manifest, ()
