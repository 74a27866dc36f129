"""Reads the workloads of a set of manifests once: the state of their rollout, and their newest pods."""

from collections.abc import Sequence
from datetime import datetime

from slipway.domain.errors import present
from slipway.domain.model import Record

from .containers import Holdup
from .events import events_of
from .kinds import ManifestTarget
from .nodes import nodes_in_the_way
from .objects import Objects, built_in, map_in_threads
from .pods import left_behind, newest_pods, newest_replica_set, newest_revision, selector_text
from .records import Json, ObjectState, ProgressState, RolloutState
from .rules import WITH_PODS, judge_workload, watched
from .situations import Situation, WatchedKind
from .verdicts import NO_EVIDENCE, WorkloadEvidence, WorkloadVerdict, overall_state, verdict

_REPLICA_SET = built_in("apps/v1", "ReplicaSet")
_REVISION = built_in("apps/v1", "ControllerRevision")
_POD = built_in("v1", "Pod")


class EarlierPolls(Record):
    """What a poll of a rollout starts from."""

    done: frozenset[str] = frozenset()
    """Labels of the workloads that an earlier poll saw done. They stay done, such as a Job that has removed itself."""
    asked_at: datetime | None = None
    """When the objects had just been applied; None if that is not known."""
    now: datetime | None = None


FIRST_POLL = EarlierPolls()


def rollout(objects: Objects, targets: Sequence[ManifestTarget], earlier: EarlierPolls = FIRST_POLL) -> RolloutState:
    """The current state, without waiting. It takes one request for a workload that is done, two to seven for
    another."""
    listed = [target for target in targets if watched(target.kind.api_version, target.kind.kind)]
    open_ones = [target for target in listed if target.label not in earlier.done]
    verdicts = map_in_threads(lambda target: look_at_rollout(objects, target, earlier), open_ones)
    verdict_by_label = dict(zip((target.label for target in open_ones), verdicts, strict=True))
    judged = [(target, verdict_by_label.get(target.label) or _verdict_seen_done(target)) for target in listed]
    state, reason = overall_state((target.label, verdict) for target, verdict in judged)
    states = tuple(
        ObjectState(kind=target.kind.kind, name=target.name, state=verdict.state, reason=verdict.reason)
        for target, verdict in judged
    )
    return RolloutState(state=state, reason=reason, objects=states)


def look_at_rollout(objects: Objects, target: ManifestTarget, earlier: EarlierPolls = FIRST_POLL) -> WorkloadVerdict:
    """The verdict on one workload. Its pods are read only if its own status does not settle the matter."""
    return look_at(objects, target, objects.get(target.kind, target.name, target.namespace), earlier)


def look_at(
    objects: Objects, target: ManifestTarget, live: Json | None, earlier: EarlierPolls = FIRST_POLL
) -> WorkloadVerdict:
    """The verdict on an object that was read before."""
    kind = present(watched(target.kind.api_version, target.kind.kind), f"how {target.label} is watched")
    evidence = _poll_times(earlier, objects.connection.date)
    first = judge_workload(kind, live, evidence)
    if live is None or kind not in WITH_PODS or first.state is ProgressState.DONE:
        return first
    if first.state is ProgressState.FAILED and kind is not WatchedKind.DEPLOYMENT:
        return first  # a Deployment's failure may be about an older ReplicaSet
    return judge_workload(kind, live, evidence_of(objects, target, live, evidence))


def _poll_times(earlier: EarlierPolls, date: datetime | None) -> WorkloadEvidence:
    """The times of the poll by the cluster's clock, since they are compared with the cluster's timestamps."""
    if earlier.asked_at is None or earlier.now is None or date is None:
        return WorkloadEvidence(asked_at=earlier.asked_at, now=earlier.now)
    return WorkloadEvidence(asked_at=date - (earlier.now - earlier.asked_at), now=date)


def _verdict_seen_done(target: ManifestTarget) -> WorkloadVerdict:
    kind = present(watched(target.kind.api_version, target.kind.kind), f"how {target.label} is watched")
    return verdict(kind, Situation.UP, "it was seen done")


class Newest(Record):
    """A workload's newest template, as far as it can be found."""

    owner: Json | None = None
    """The owner of its pods; None if that is not known."""
    replica_set: Json | None = None
    """A Deployment's newest ReplicaSet."""
    all_pods: tuple[Json, ...] = ()
    pods: tuple[Json, ...] = ()
    """The pods of the newest template."""


def newest_of(objects: Objects, target: ManifestTarget, live: Json) -> Newest:
    """The newest pods of a workload, found by their owner: for a Deployment its newest ReplicaSet."""
    selector, namespace = selector_text(live["spec"].get("selector")), target.namespace
    if not selector or namespace is None:
        return Newest()
    owner, replica_set, revision = live, None, (live.get("status") or {}).get("updateRevision")
    if target.kind.kind == "Deployment":
        replica_set = newest_replica_set(live, objects.list(_REPLICA_SET, namespace, selector=selector))
        if replica_set is None:
            return Newest()
        owner = replica_set
    elif target.kind.kind == "DaemonSet":
        revision = newest_revision(live, objects.list(_REVISION, namespace, selector=selector))
    pods = objects.list(_POD, namespace, selector=selector)
    return Newest(owner=owner, replica_set=replica_set, all_pods=tuple(pods), pods=newest_pods(owner, pods, revision))


def evidence_of(
    objects: Objects, target: ManifestTarget, live: Json, start: WorkloadEvidence = NO_EVIDENCE
) -> WorkloadEvidence:
    """The newest pods of a workload, with the obstacles that their nodes and events show."""
    newest = newest_of(objects, target, live)
    if newest.owner is None or target.namespace is None:
        return start
    about = (newest.owner, *newest.pods)
    events = events_of(objects, target.namespace, about, since=start.asked_at)
    hints = (*_hints(objects, live, newest.all_pods, newest.pods), *events)
    return start.evolve(pods=newest.pods, replica_set=newest.replica_set, hints=hints)


def _hints(objects: Objects, live: Json, pods: Sequence[Json], newest: Sequence[Json]) -> tuple[Holdup, ...]:
    match live["kind"]:
        case "DaemonSet":
            away = nodes_in_the_way(objects, live, pods, newest)
            return tuple(Holdup(situation=Situation.NODE_AWAY, text=text) for text in away)
        case "StatefulSet" if (live.get("status") or {}).get("updateRevision"):
            return tuple(_stuck_pod_holdup(name) for name in left_behind(live, pods, newest))
        case _:
            return ()


def _stuck_pod_holdup(pod: str) -> Holdup:
    text = f"pod {pod} has another template and is not ready, and the StatefulSet may wait for it for ever"
    return Holdup(situation=Situation.POD_STUCK, text=Situation.POD_STUCK.describe(text, pod=pod))
