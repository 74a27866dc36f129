"""Deploy and check: apply the plan's manifests exactly as they were voted on, and poll until everything is up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from ...clock import Clock
from ...domain.errors import UnknownName
from ...domain.images import ImageRules
from ...domain.model import Digest, Record, canonical
from ...domain.order import TakenOrder
from ...domain.plan import Plan
from ...domain.pruning import Deletion
from ...domain.rollouts import EVIDENCE_SUMMARY, Evidence
from ...domain.rules import Rule
from ...domain.signing import KeysUnavailable
from ...domain.steps import EarlierFindings, Step
from ...effects.cluster import (
    AppliedObject,
    Cluster,
    ClusterError,
    Diagnosis,
    EarlierPolls,
    FencedCluster,
    Owner,
    ProgressState,
    RolloutState,
    is_custom,
)
from ...manifests.references import image_places
from ..outcome import REASON_LIMIT, Finished, Outcome, Requeue, failed, passed
from ..run_step import Work
from .clients import Clients
from .cluster_errors import outcome_after
from .plan import PlanLost, plan_of
from .stuck_pods import delete_stuck_pod

POLL_PAUSES = (timedelta(milliseconds=300), timedelta(milliseconds=700), timedelta(seconds=1), timedelta(seconds=2))
"""Pauses before the first polls, short so that a quick rollout is noticed at once; `SLOW_PAUSE` follows."""
SLOW_PAUSE = timedelta(seconds=5)
LASTS = timedelta(minutes=1)
"""A hopeless state counts as a failure after this time: until then a registry may replicate, or somebody replace an
object."""
OBJECTS_KEPT = 50
WARNINGS_KEPT = 20
UNREAD_KEPT = 10


class AppliedObjects(Record):
    """The objects that a rollout applied."""

    objects: tuple[str, ...]
    images: tuple[str, ...]
    taken: TakenOrder | None
    """The order under which it was applied, and where."""
    warnings: tuple[str, ...] = ()
    """The warnings of the API server."""
    made: Digest | None = None
    """The stored list of the objects that did not exist before; None if there are none."""


class FailedRollout(RolloutState):
    """The state of a rollout that was given up, with its evidence."""

    evidence: tuple[Evidence, ...]


class FinishedRollout(RolloutState):
    """The state of a finished rollout, and what runs."""

    others: tuple[str, ...] | None = None
    """Containers that run and are not in the plan."""
    unread: tuple[str, ...] | None = None
    """The workloads that could not be compared with the plan, with the reason."""
    rules: tuple[str, ...] | None = None
    """Names of the rules because of which the rollout counts as failed."""


def pause_before(poll: int) -> timedelta:
    return POLL_PAUSES[poll] if poll < len(POLL_PAUSES) else SLOW_PAUSE


def deploy(clients: Clients, work: Work) -> Outcome:
    target: RolloutTarget | None = None
    try:
        plan = plan_of(clients, work)
        target = fenced_target(clients, work, plan)
        done = target.writes.apply(plan.manifests)
        return passed(_report(clients, plan, done, target.taken_order))
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except KeysUnavailable as away:
        return outcome_after(away, begun=False)
    except ClusterError as error:
        taken = target.taken_order if target else None
        outcome = outcome_after(error, begun=False, taken=taken)
        if not isinstance(outcome, Finished) or outcome.broken or not error.applied:
            return outcome
        # A rollback has to know which objects were made so far.
        return failed(outcome.reason, _report(clients, plan, error.applied, taken))


@dataclass(frozen=True, kw_only=True)
class RolloutTarget:
    """The place that a rollout writes to, under its fence."""

    cluster: str
    namespace: str
    writes: FencedCluster

    @property
    def taken_order(self) -> TakenOrder | None:
        """The order under which the rollout wrote there; None as long as it has written nothing."""
        order = self.writes.taken_order
        return TakenOrder(cluster=self.cluster, namespace=self.namespace, order=order) if order is not None else None


def fenced_target(clients: Clients, work: Work, plan: Plan) -> RolloutTarget:
    """Every write of a step to a cluster goes through this; a write may also raise `KeysUnavailable` and
    `LedgerUnavailable`. Raises `UnknownName`."""
    writes = clients.cluster(plan.cluster).fenced(plan.namespace, lambda: clients.fences.claim(work, plan))
    return RolloutTarget(cluster=plan.cluster, namespace=plan.namespace, writes=writes)


def _report(clients: Clients, plan: Plan, done: Sequence[AppliedObject], taken: TakenOrder | None) -> AppliedObjects:
    objects = tuple(f"{o.kind}/{o.name}{' (run again)' if o.replaced else ''}" for o in done[:OBJECTS_KEPT])
    warned = dict.fromkeys(f"{o.kind}/{o.name}: {warning}" for o in done for warning in o.warnings)
    made = [
        Deletion(api_version=o.api_version, kind=o.kind, name=o.name, uid=o.uid).model_dump()
        for o in done
        if o.created and o.uid
    ]
    document = clients.blobs.put(canonical(made), "application/json") if made else None
    return AppliedObjects(
        objects=objects,
        images=plan.images[:OBJECTS_KEPT],
        taken=taken,
        warnings=tuple(warned)[:WARNINGS_KEPT],
        made=document,
    )


def check_rollout(clients: Clients, clock: Clock, work: Work) -> Outcome:
    try:
        plan = plan_of(clients, work)
        if plan.deletions or _has_stateful_sets(plan):
            work.hold()
        cluster = clients.cluster(plan.cluster)
        outcome = judge_rollout(clients, cluster, plan, clock, work)
        if _follows_a_failure(work, plan):
            only_held_up = clock() - work.step.asked_at < LASTS
            outcome = delete_stuck_pod(
                fenced_target(clients, work, plan).writes, plan, outcome, work.step.seen, only_held_up=only_held_up
            )
        return _pruned(clients, work, plan, outcome)
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except (ClusterError, KeysUnavailable) as error:
        return outcome_after(error, begun=True)


def _has_stateful_sets(plan: Plan) -> bool:
    return any(manifest["kind"] == "StatefulSet" for manifest in plan.manifests)


def _follows_a_failure(work: Work, plan: Plan) -> bool:
    """Whether a StatefulSet may wait for a pod that an earlier failed rollout has left."""
    if not _has_stateful_sets(plan):
        return False
    lane = work.rows.lanes.get(plan.environment)
    return lane is not None and lane.failed is not None


def _pruned(clients: Clients, work: Work, plan: Plan, outcome: Outcome) -> Outcome:
    """Delete what the plan deletes. That happens once the rollout is judged good and before its acceptance tests, which
    so meet the final state. If a deleted object is still needed, the tests fail, and the rollback applies it again."""
    if not plan.deletions or not isinstance(outcome, Finished) or not outcome.passed:
        return outcome
    deleted = fenced_target(clients, work, plan).writes.prune(
        plan.deletions, Owner.of(plan.application, plan.environment)
    )
    result = {**outcome.result, "deleted": [each.model_dump(mode="json") for each in deleted]}
    return replace(outcome, result=result)


def judge_rollout(
    clients: Clients, cluster: Cluster, plan: Plan, clock: Clock, work: Work, *, is_rollback: bool = False
) -> Outcome:
    """The outcome of one poll. `is_rollback` marks a rollback: it is good once the earlier release is back, whatever
    else runs beside it."""
    environment, step, now = work.environment, work.step, clock()
    within = environment.rollout_within if environment else timedelta(minutes=10)
    begun = step.seen.applied_at or step.asked_at
    looked = EarlierPolls(done=frozenset(step.seen.done), asked_at=begun, now=now)
    state = cluster.rollout(plan.manifests, plan.namespace, looked)
    if state.state is ProgressState.DONE:
        ran = _as_planned(cluster, state, plan, work.entry.application.image_rules)
        if isinstance(ran, FinishedRollout):
            return _ended(ran, is_rollback=is_rollback)
        state = state.evolve(state=ProgressState.WAITING, reason=ran)
    findings, over = outlasted(step.seen, state.state, now)
    why = partial(cluster.why, plan.manifests, plan.namespace, state)
    if over:
        return _given_up(clients, step, state, why(), state.reason)
    # If Slipway was down, even the first poll may come late; that alone is not a sign of failing pods.
    if step.poll and now - begun > within:
        return _given_up(clients, step, state, why(), f"not up within {within}: {state.reason}")
    done = tuple(f"{o.kind}/{o.name}" for o in state.objects if o.state is ProgressState.DONE)
    return Requeue(after=pause_before(step.poll), reason=state.reason, seen=findings.evolve(done=done))


def _ended(ran: FinishedRollout, *, is_rollback: bool) -> Finished:
    not_compared = f" (not compared with the plan: {'; '.join(ran.unread)})" if ran.unread else ""
    if ran.others and not is_rollback:
        broken = Rule.RUNS_AS_PLANNED.fails("; ".join(ran.others))
        return failed(f"{broken.name}: {broken.reason}{not_compared}", ran.evolve(rules=(broken.name,)))
    return passed(ran, reason=f"{ran.reason}{not_compared}"[:REASON_LIMIT])


def outlasted(seen: EarlierFindings, state: ProgressState, now: datetime) -> tuple[EarlierFindings, bool]:
    """The findings for the next look, and whether this look ends the step: at once, or because the state has lasted."""
    if state is not ProgressState.HOPELESS:
        return seen.evolve(hopeless_at=None), state is ProgressState.FAILED
    since = seen.hopeless_at or now
    return seen.evolve(hopeless_at=since), now - since >= LASTS


def _given_up(clients: Clients, step: Step, state: RolloutState, diagnosis: Diagnosis, reason: str) -> Finished:
    """A failed rollout; what the programs and the cluster said becomes its evidence."""
    last_lines = f"; it said: {diagnosis.last_lines}" if diagnosis.last_lines else ""
    evidence = Evidence(
        name="rollout",
        environment=step.environment,
        passed=False,
        summary=f"{reason}{last_lines}"[:EVIDENCE_SUMMARY],
        log=clients.blobs.put(diagnosis.text.encode(), "text/plain; charset=utf-8"),
    )
    result = FailedRollout(**{name: getattr(state, name) for name in RolloutState.model_fields}, evidence=(evidence,))
    # The last output comes last, so the reason before it is cut.
    return failed(f"{reason[: REASON_LIMIT - len(last_lines)]}{last_lines}", result)


def _as_planned(cluster: Cluster, state: RolloutState, plan: Plan, rules: ImageRules) -> FinishedRollout | str:
    """The running pods of the finished rollout compared with the plan, or the reason why that cannot be told yet."""
    comparison = cluster.compared(plan.manifests, plan.namespace, plan.injected)
    if comparison.too_few:
        return comparison.too_few
    unread = (*comparison.unread, *_of_unknown_pods(plan, rules))[:UNREAD_KEPT]
    fields = {name: getattr(state, name) for name in RolloutState.model_fields}
    return FinishedRollout(**fields, others=comparison.others or None, unread=unread or None)


def _of_unknown_pods(plan: Plan, rules: ImageRules) -> Iterator[str]:
    """The custom resources that name images: only their operators know which pods are theirs."""
    for manifest in plan.manifests:
        if is_custom(manifest["apiVersion"], manifest["kind"]) and any(image_places(manifest, rules)):
            yield f"{manifest['kind']}/{manifest['metadata']['name']}: only its operator knows which pods are its own"
