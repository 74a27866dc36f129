"""Deploy, check, and roll back: the plan's manifests go to the cluster as they were voted on."""

from datetime import timedelta

from ...catalogue.images import names_repository
from ...clock import Clock
from ...domain.errors import UnknownName
from ...domain.model import Record
from ...domain.plan import Plan
from ...effects.cluster import Cluster, ClusterError, RolloutState, State
from ..outcome import Outcome, Requeue, Retry, failed, passed
from ..run_step import Work
from .clients import Clients
from .plan import PlanLost, load_plan

LOOKS = (timedelta(milliseconds=300), timedelta(milliseconds=700), timedelta(seconds=1), timedelta(seconds=2))
"""Pauses between looks: short at first, so that a quick rollout is seen at once; then the last one, again and again."""
SLOW_LOOK = timedelta(seconds=5)
OBJECTS_KEPT = 50


class Applied(Record):
    """What a rollout applied."""

    objects: tuple[str, ...]
    image: str


def pause_before(poll: int) -> timedelta:
    return LOOKS[poll] if poll < len(LOOKS) else SLOW_LOOK


def deploy(clients: Clients, work: Work) -> Outcome:
    try:
        plan = load_plan(clients, work.release.plan_hash)
        return passed(apply(clients, plan))
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except ClusterError as error:
        return Retry(reason=str(error)) if error.retryable else failed(str(error))


def apply(clients: Clients, plan: Plan) -> Applied:
    done = clients.cluster(plan.cluster).apply(plan.manifests, plan.namespace)
    objects = tuple(f"{item.kind}/{item.name}" for item in done[:OBJECTS_KEPT])
    return Applied(objects=objects, image=plan.image)


def check(clients: Clients, clock: Clock, work: Work) -> Outcome:
    try:
        plan = load_plan(clients, work.release.plan_hash)
        cluster = clients.cluster(plan.cluster)
        return _judge(cluster, cluster.rollout(plan.manifests, plan.namespace), plan, clock, work)
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except ClusterError as error:
        return Retry(reason=str(error)) if error.retryable else failed(str(error))


def roll_back(clients: Clients, clock: Clock, work: Work) -> Outcome:
    """Apply what was live, then look until it is up. Applying it once more does no harm."""
    lane = clients.ledger.lanes(work.step.application).get(work.step.environment)
    try:
        plan = load_plan(clients, lane.live.plan_hash if lane and lane.live else None)
        if work.step.poll == 0 or work.step.tries:
            apply(clients, plan)
        cluster = clients.cluster(plan.cluster)
        return _judge(cluster, cluster.rollout(plan.manifests, plan.namespace), plan, clock, work)
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except ClusterError as error:
        return Retry(reason=str(error)) if error.retryable else failed(str(error))


def _judge(cluster: Cluster, seen: RolloutState, plan: Plan, clock: Clock, work: Work) -> Outcome:
    environment = work.entry.application.environment(work.step.environment)
    within = environment.rollout_within if environment else timedelta(minutes=10)
    if seen.state is State.FAILED:
        return failed(seen.reason, seen)
    if seen.state is State.WAITING:
        # The first look of all may come late because we were away: that alone says nothing of the pods.
        if work.step.poll and clock() - work.step.asked_at > within:
            return failed(f"not up within {within}: {seen.reason}", seen)
        return Requeue(after=pause_before(work.step.poll), reason=seen.reason)
    others = {
        found.image
        for found in cluster.running_digests(plan.manifests, plan.namespace)
        if names_repository(found.image, plan.repository) and found.digest != plan.digest
    }
    if others:
        return failed(f"the cluster runs {sorted(others)[0]}, the plan says {plan.digest}", seen)
    return passed(seen, reason=seen.reason)
