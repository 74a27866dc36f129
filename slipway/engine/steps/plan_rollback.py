"""The plan of a manual rollback: it reuses the manifests that the earlier release was live with.

The manifests come from that release's stored plan. If it is gone, the current manifests are used with the earlier
image, and the plan carries a warning. The plan also warns if the environment's registry lacks the image, which then has
to be copied again. If no registry has the image, planning fails, so that production never points at an image that
cannot be pulled.
"""

from dataclasses import dataclass, replace
from typing import Any

from ...domain.actions import Action
from ...domain.around import Side
from ...domain.audit import AuditRecord, fault_of
from ...domain.environment import Environment
from ...domain.model import release_id
from ...domain.plan import Plan, brought_images
from ...domain.release import Release, Rollback
from ...domain.rules import RuleResult
from ...domain.signed_head import head_fault
from ...effects.registry import NotInRegistry
from ...manifests.around import is_job, job_around, own_name, runs_on_rollback
from ..on_record import verified_records
from ..run_step import Work
from .clients import Clients
from .content import rendered
from .rendered import RenderedObjects

MANIFESTS_GONE = "the manifests of {release} are no longer stored: the current ones are used, with its image"
MOVED = (
    "{environment} was in another place then ({before}): the current manifests are used, with the image of {release}"
)
NOT_RUN = "these Jobs of it ran, and do not run again: {jobs}"
NEVER_LIVE = "no record says that {release} was live in {environment} by the plan and with the image that its row names"
IMAGE_GONE_HERE = "the registry {registry} no longer has the image: it is copied from {source} again"
IMAGE_GONE = "the image {digest} is gone, from {registries}: it has to be pushed again before {release} can come back"


class CannotRollBack(Exception):  # noqa: N818 - the message is the point
    """Either the release was never live, or its image is in no registry any more; the message says which."""


@dataclass(frozen=True, kw_only=True)
class ReusableRelease:
    """The parts of the release to roll back to that are still available."""

    warnings: tuple[str, ...]
    plan: Plan | None
    """Its stored plan; None if the manifests cannot be reused."""
    copied: bool
    """Whether the environment's registry has the image."""


def look_for(
    clients: Clients, release: Release, environment: Environment, *, registry: str, back: Rollback
) -> ReusableRelease:
    """Find out what is still available.

    Raises `CannotRollBack`, `RegistryError`, `UnknownName`, `LedgerUnavailable`, `KeysUnavailable`.
    """
    name = release_id(release.application, back.to)
    if not _was_live(clients, release, environment, back):
        raise CannotRollBack(NEVER_LIVE.format(release=name, environment=environment.name))
    plan, warning = _kept_plan(clients, environment, registry, back, name)
    warnings = [warning] if warning else []
    warnings += _do_not_run(plan) if plan else ()
    artifacts = _artifacts(release, plan)
    copied = _has_artifacts(clients, registry, artifacts)
    if not copied and (registry == release.registry or not _has_artifacts(clients, release.registry, artifacts)):
        where = " and ".join(dict.fromkeys((registry, release.registry)))
        raise CannotRollBack(IMAGE_GONE.format(digest=release.digest, registries=where, release=name))
    if not copied:
        warnings.append(IMAGE_GONE_HERE.format(registry=registry, source=release.registry))
    return ReusableRelease(warnings=tuple(warnings), plan=plan, copied=copied)


def _was_live(clients: Clients, release: Release, environment: Environment, back: Rollback) -> bool:
    """Whether a signed record says that the release to bring back was live here, with this plan and this image. Its row
    is not enough: nothing in the trail vouches for the row of a release that has ended. The row's first sequence is
    used only to begin the search."""
    target = clients.ledger.release(release.application, back.to)
    first = target.first_sequence if target is not None else 1
    went_live = (Action.RELEASE_LIVE, release_id(release.application, back.to), environment.name, release.digest)
    for record in clients.ledger.audit(release.application, first=first, last=release.first_sequence):
        if (
            isinstance(record, AuditRecord)
            and (record.action, record.release, record.environment, record.digest) == went_live
            and record.details.get("plan_hash") == back.plan_hash
            and not fault_of(record, clients.ledger.public_keys)
        ):
            return not clients.ledger.public_keys.is_retired(record.sig.kid) or _leads_to_the_end(clients, record)
    return False


def _leads_to_the_end(clients: Clients, record: AuditRecord) -> bool:
    """Whether the signed end of the trail shows that a record is as old as it says. A retired key cannot show that."""
    head = clients.ledger.head(record.application)
    _, fault = verified_records(clients.ledger, head, record.sequence)
    return not fault and not head_fault(head, clients.ledger.public_keys)


def _kept_plan(
    clients: Clients, environment: Environment, registry: str, back: Rollback, name: str
) -> tuple[Plan | None, str]:
    try:
        content = clients.blobs.get(back.plan_hash)
        plan = Plan.model_validate_json(content) if content is not None else None
    except ValueError:
        plan = None
    if plan is None:
        return None, MANIFESTS_GONE.format(release=name)
    then, now = (plan.cluster, plan.namespace, plan.registry), (environment.cluster, environment.namespace, registry)
    if then != now:
        before = f"{plan.cluster}/{plan.namespace}, with images of {plan.registry}"
        return None, MOVED.format(environment=environment.name, before=before, release=name)
    return plan, ""


def _artifacts(release: Release, plan: Plan | None) -> tuple[tuple[str, str], ...]:
    """Repositories and digests of everything that the rollback needs in the environment's registry."""
    own = (release.repository, release.artifact.digest)
    if plan is not None:
        return (own, *brought_images(plan))
    images = release.bundle.images if release.bundle else ()
    return (own, *((image.repository, image.digest) for image in images))


def _has_artifacts(clients: Clients, registry: str, artifacts: tuple[tuple[str, str], ...]) -> bool:
    try:
        for repository, digest in artifacts:
            clients.registry(registry).manifest(repository, digest)
    except NotInRegistry:
        return False
    return True


def rollback_content(
    clients: Clients, work: Work, environment: Environment, release: ReusableRelease, *, job_name: str
) -> tuple[RenderedObjects, tuple[RuleResult, ...]]:
    """The objects that the rollback applies, and its supply-chain results.

    Raises `BundleRefused`, `ConfigError`, `RegistryError`, `UnknownName`.
    """
    plan = release.plan
    if plan is None:
        content = rendered(clients, work, environment, job_name=job_name)
        again = {side: _jobs_to_run_again(work, environment, side, content.jobs(side)) for side in Side}
        return replace(content, before=again[Side.BEFORE], after=again[Side.AFTER]), ()
    job = plan.verification
    if job is not None:
        job = {**job, "metadata": {**job["metadata"], "name": job_name}}
    again = {side: _jobs_to_run_again(work, environment, side, plan.jobs_on(side)) for side in Side}
    content = RenderedObjects(
        manifests=tuple(m for m in plan.manifests if not is_job(m) or runs_on_rollback(m)),
        job=job,
        before=again[Side.BEFORE],
        after=again[Side.AFTER],
    )
    return content, plan.supply_chain


def _jobs_to_run_again(
    work: Work, environment: Environment, side: Side, jobs: tuple[dict[str, Any], ...]
) -> tuple[dict[str, Any], ...]:
    """The Jobs that the application wants to run again when its release comes back; others, such as a migration, have
    been run."""
    return tuple(
        job_around(job, side=side, release=work.release.id, environment=environment.name)
        for job in jobs
        if runs_on_rollback(job)
    )


def _do_not_run(plan: Plan) -> tuple[str, ...]:
    jobs = [job for job in plan.manifests if is_job(job)]
    jobs += [job for side in Side for job in plan.jobs_on(side)]
    own = [own_name(job) for job in jobs if not runs_on_rollback(job)]
    return (NOT_RUN.format(jobs=", ".join(own))[:500],) if own else ()
