"""Plan: render the manifests, have the API server preview what they would change, and store the plan."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any

from ...ahead import ahead
from ...catalogue import ConfigError, downgrade
from ...clock import Clock
from ...domain.application import Application
from ...domain.around import Side
from ...domain.environment import TESTS_NONE, Environment, OnConfigChange, policy_hash
from ...domain.errors import UnknownName
from ...domain.gate import ApprovalGate
from ...domain.images import ImageRules
from ...domain.model import sha256
from ...domain.plan import HAS_RUN, Change, NotPlanned, Plan, PlanMade, Preview, brought_images
from ...domain.release import Lane, Live, Release, Rollback
from ...domain.rules import Rule, RuleResult
from ...domain.rules import not_passed as failed_rules
from ...domain.signing import KeysUnavailable
from ...effects.cluster import ClusterError, Owner, kinds_of
from ...effects.cluster import ClusterPreview as Seen
from ...effects.registry import RegistryError, check_children, check_whole, foresee
from ...manifests.configuration import restarting
from ..limits import BeyondProject, check_objects
from ..outcome import Outcome, Requeue, Retry, failed, passed
from ..pinned import NotPinned, not_pinned, pinned_images
from ..run_step import Work
from .bundles import BundleRefused
from .clients import Clients
from .cluster_errors import outcome_after
from .content import rendered
from .ends import ends_of_artifact, ends_of_image, with_advice
from .leaving import with_removed_objects
from .plan_rollback import CannotRollBack, look_for, rollback_content
from .rendered import RenderedObjects
from .supply_chain import SupplyChain, look_at_supply_chain

DIFF_LIMIT = 100_000
"""The most characters of all diffs of one plan together."""
TEXT_KEPT = 500
WARNINGS_KEPT = 10
"""The most warnings that the record of one plan names; the pages show all."""
UNSEARCHED_KEPT = 10
PAUSE = timedelta(seconds=10)
"""Pause between checks for a signature or document that has not been pushed yet."""


class PlanLost(Exception):  # noqa: N818 - it is what happened
    """The plan that was voted on is gone, or its content has changed."""


@dataclass(frozen=True, kw_only=True)
class _Planned:
    plan: Plan
    preview: Preview
    kinds: tuple[str, ...]
    definition: str
    """Hash of the application's definition that the plan was made from."""


def plan(clients: Clients, clock: Clock, work: Work) -> Outcome:
    release = work.release
    environment = work.environment
    if environment is None:
        return failed(f"the environment {work.step.environment!r} is no longer one of the application's")
    try:
        if release.rollback is not None:
            return passed(_plan_rollback(clients, work, environment, release.rollback))
        looked = ahead(partial(_look_at_artifact, clients, release))
        if environment.require.rules():
            looked()
        supply_chain = look_at_supply_chain(clients, work, environment, clock())
        if supply_chain.may_still_come and clock() < work.step.asked_at + environment.require.within:
            # Signatures and SBOMs are pushed after their image, so allow them time to arrive.
            return Requeue(after=PAUSE, reason="; ".join(rule.reason for rule in failed_rules(supply_chain.rules)))
        made = ahead(partial(_plan_forward, clients, work, environment, supply_chain.given_up()))
        looked()  # a fault of the artifact is reported before a fault of its plan
        planned = made()
        _foresee(clients, work, environment, planned.plan)
        report = _report(clients, planned)
    except BundleRefused as refused:
        broken = Rule.BUNDLE_IS_SOUND.fails(str(refused))
        return failed(f"{broken.name}: {broken.reason}", NotPlanned(rules=(broken.name,)))
    except NotPinned as refused:
        broken = Rule.IMAGES_ARE_PINNED.fails(str(refused))
        return failed(f"{broken.name}: {broken.reason}", NotPlanned(rules=(broken.name,)))
    except BeyondProject as beyond:
        return failed(str(beyond), NotPlanned(rules=(beyond.rule.name,)))
    except (CannotRollBack, ConfigError, UnknownName) as error:
        return failed(str(error))
    except RegistryError as error:
        return Retry(reason=str(error)) if error.retryable else failed(with_advice(error, environment, release))
    except (ClusterError, KeysUnavailable) as error:
        return outcome_after(error, begun=False)
    return passed(report)


def _report(clients: Clients, planned: _Planned) -> PlanMade:
    """Store the plan and its preview, and summarise both."""
    plan = planned.plan
    stored = ahead(partial(clients.blobs.put, plan.document(), "application/json"))
    preview = clients.blobs.put(planned.preview.document(), "application/json")
    count = [change.change for change in planned.preview.changes].count
    return PlanMade(
        plan_hash=stored(),
        preview=preview,
        base=plan.base,
        definition=planned.definition,
        created=count("created"),
        changed=count("changed") + count("replaced"),
        unchanged=count("unchanged"),
        deleted=count("deleted"),
        left=count("left"),
        unsearched=tuple(text[:TEXT_KEPT] for text in planned.preview.unsearched[:UNSEARCHED_KEPT]),
        parts=plan.parts,
        supply_chain=plan.supply_chain,
        jobs=plan.jobs,
        kinds=planned.kinds,
        warnings=tuple(w[:TEXT_KEPT] for w in (*plan.warnings, *planned.preview.warnings)[:WARNINGS_KEPT]),
    )


def _look_at_artifact(clients: Clients, release: Release) -> None:
    """Fail early if the event named a digest that was never pushed, or that is gone, as a whole or in part."""
    registry = clients.registry(release.registry)
    check_children(registry, release.repository, registry.manifest(release.repository, release.artifact.digest))


def _foresee(clients: Clients, work: Work, environment: Environment, plan: Plan) -> None:
    """Fail before anybody is asked if an artifact of the plan is missing or incomplete, or could not be copied to the
    environment's registry. If nobody is asked and nothing is copied, layers are not checked: a node soon finds a
    missing one anyway, and the rollout begins sooner."""
    if plan.copy_from is None:
        registry, asks = clients.registry(plan.registry), isinstance(environment.gate, ApprovalGate)
        if asks:
            check_whole(registry, work.release.repository, work.release.artifact.digest)
        for repository, digest in brought_images(plan):
            if asks:
                check_whole(registry, repository, digest)
            else:
                check_children(registry, repository, registry.manifest(repository, digest))
        return
    source, target = ends_of_artifact(clients, work.entry.application, environment, work.release)
    for repository, digest in brought_images(plan):
        foresee(*ends_of_image(source, target, repository, digest))
    foresee(source, target)


def _plan_forward(clients: Clients, work: Work, environment: Environment, supply_chain: SupplyChain) -> _Planned:
    content = rendered(clients, work, environment, job_name=job_name(work.release, environment))
    return _plan_and_preview(clients, work, environment, content, supply_chain.rules)


def _plan_rollback(clients: Clients, work: Work, environment: Environment, back: Rollback) -> PlanMade:
    """Plan a manual rollback.

    Raises `CannotRollBack`, `BeyondProject`, `BundleRefused`, `ConfigError`, `RegistryError`, `ClusterError`,
    `UnknownName`, `LedgerUnavailable`, `KeysUnavailable`.
    """
    registry = work.entry.application.registry_of(environment)
    restorable = look_for(clients, work.release, environment, registry=registry, back=back)
    name = job_name(work.release, environment)
    content, rules = rollback_content(clients, work, environment, restorable, job_name=name)
    planned = _plan_and_preview(clients, work, environment, content, rules)
    plan = planned.plan.evolve(rollback=back.to, warnings=(*planned.plan.warnings, *restorable.warnings))
    return _report(clients, replace(planned, plan=plan)).evolve(copied=restorable.copied)


def _plan_and_preview(
    clients: Clients, work: Work, environment: Environment, content: RenderedObjects, rules: tuple[RuleResult, ...]
) -> _Planned:
    """The plan for this content, and the cluster's preview of its changes.

    Raises `BeyondProject`, `ClusterError`, `NotPinned` and `UnknownName`.
    """
    release, application = work.release, work.entry.application
    check_objects(application, content.objects)
    registry = application.registry_of(environment)
    images = pinned_images(content.objects, application, clients.registry(registry).endpoint.login_server)
    if environment.on_config_change is OnConfigChange.RESTART:
        content = replace(content, manifests=restarting(content.manifests))
    cluster, owner = clients.cluster(environment.cluster), Owner.of(application.application, environment.name)
    leaving = ahead(partial(cluster.departed, content.manifests, environment.namespace, owner))
    cluster_preview = cluster.preview(
        (*content.manifests, *content.before, *content.after), environment.namespace, application.injected
    )
    departed = leaving()
    lane = work.rows.lanes.get(environment.name)  # as it was before the cluster was asked
    live = lane.live if lane else None
    stays = _left_behind_note(clients, lane, environment)
    warnings = (*_warnings(application, environment, release, live, content.job), stays)
    plan = Plan(
        application=application.application,
        release=release.number,
        environment=environment.name,
        registry=registry,
        source=application.source,
        repository=release.repository,
        digest=release.artifact.digest,
        tag=release.tag,
        images=images.ours,
        foreign_images=images.foreign,
        injected=application.injected,
        cluster=environment.cluster,
        namespace=environment.namespace,
        copy_from=release.registry if registry != release.registry else None,
        manifests=content.manifests,
        deletions=departed.deletions,
        before=content.before,
        after=content.after,
        verification=content.job,
        base=live.plan_hash if live else None,
        base_tag=live.tag if live else None,
        warnings=tuple(filter(None, warnings)),
        evidence=release.evidence,
        supply_chain=rules,
        run=release.run.url if release.run else None,
        policy=policy_hash(environment),
        waivers=release.waivers_in(environment.name),
    )
    kinds = kinds_of(plan.manifests)
    preview = Preview(changes=_changes(cluster_preview, plan, release, application.image_rules))
    preview = with_removed_objects(preview, departed, {*kinds, *(lane.kinds if lane else ())})
    return _Planned(plan=plan, preview=preview, kinds=kinds, definition=work.entry.fingerprint)


def _warnings(
    application: Application, environment: Environment, release: Release, live: Live | None, job: dict[str, Any] | None
) -> Iterator[str]:
    """Warnings for the approvers; an empty text is none."""
    yield downgrade(release.tag, live.tag) if live and release.rollback is None else ""
    yield "" if environment.verification.exists else TESTS_NONE
    loose = "; ".join(not_pinned(job, application.image_rules)) if job else ""
    yield f"the acceptance Job: {loose}"[:TEXT_KEPT] if loose else ""


def _left_behind_note(clients: Clients, lane: Lane | None, environment: Environment) -> str:
    """The note that objects of the live release stay behind, if the environment has moved since it went live."""
    target = (environment.cluster, environment.namespace)
    if lane is None or lane.live is None or all((each.cluster, each.namespace) == target for each in lane.taken):
        return ""
    try:
        live = load_plan(clients, lane.live.plan_hash)
    except PlanLost as lost:
        return f"it is not known where the live release runs: {lost}"[:TEXT_KEPT]
    former = (live.cluster, live.namespace)
    if former == target:
        return ""
    return (
        f"the live release is in {'/'.join(former)}, and this release goes to {'/'.join(target)}: unless both are one "
        "place, the old one stays there and runs on, and once this release is live nobody looks after it; remove it "
        "by hand"
    )


def _changes(seen: Seen, plan: Plan, release: Release, rules: ImageRules) -> tuple[Change, ...]:
    room, changes = DIFF_LIMIT, list[Change]()
    planned = (*plan.manifests, *plan.before, *plan.after)
    loose = {(each["kind"], each["metadata"]["name"]): tuple(not_pinned(each, rules)) for each in planned}
    around = _around(plan, release)
    for item in seen.objects:
        diff = item.diff if len(item.diff) <= room else "(left out: the diffs of this plan are too long)"
        room -= len(diff)
        change = around.get((item.kind, item.name), str(item.change))
        made = Change(kind=item.kind, name=item.name, change=change, diff=diff)
        warnings = (*loose.get((item.kind, item.name), ()), *item.warnings)
        changes.append(made.evolve(warnings=warnings, notes=item.notes))
    return tuple(changes)


def _around(plan: Plan, release: Release) -> dict[tuple[str, str], str]:
    """The treatment of each Job around the rollout, by kind and name."""
    ran = release.job_runs_in(plan.environment)
    sides = ((Side.BEFORE, plan.jobs.before), (Side.AFTER, plan.jobs.after))
    return {
        ("Job", name): HAS_RUN if name in ran and ran[name].passed else f"runs {side}"
        for side, names in sides
        for name in names
    }


def job_name(release: Release, environment: Environment) -> str:
    """One name per release and environment. It does not contain the attempt, which would change the hash of an
    otherwise equal plan; `verify` adds it."""
    stem = f"{release.id}-{environment.name}"[:40].rstrip("-")
    return f"{stem}-{sha256(f'{release.id}/{environment.name}'.encode())[7:15]}"


def plan_of(clients: Clients, work: Work) -> Plan:
    """The plan of the step's release, which was voted on, byte for byte. Raises `PlanLost`."""
    return load_plan(clients, work.release.plan_hash, asked=work.plan)


def load_plan(clients: Clients, plan_hash: str | None, *, asked: Callable[[], bytes | None] | None = None) -> Plan:
    """A plan by its hash, unless it is being read already. Raises `PlanLost`."""
    try:
        content = asked() if asked else clients.blobs.get(plan_hash) if plan_hash else None
        if content is None:
            raise PlanLost(f"the plan {plan_hash} is no longer in the evidence container")
        return Plan.model_validate_json(content)
    except ValueError as error:
        raise PlanLost(f"the plan {plan_hash} cannot be used: {error}") from error
