"""Reads the workloads of a set of manifests once: the state of their rollout, and their images."""

import re
from collections.abc import Sequence

from .kinds import ManifestTarget
from .nodes import nodes_in_the_way
from .objects import Objects, built_in, together
from .pods import left_behind, newest_pods, newest_replica_set, newest_revision, selector_text
from .records import Json, ObjectState, ProgressState, RolloutState, RunningImage
from .rules import RULES, WorkloadEvidence, WorkloadVerdict, altogether

_REPLICA_SET = built_in("apps/v1", "ReplicaSet")
_REVISION = built_in("apps/v1", "ControllerRevision")
_POD = built_in("v1", "Pod")
NOT_REPLACED = (
    "pod {pod} has another template and is not ready, and the StatefulSet may wait for it for ever "
    "(let it be made anew with: kubectl delete pod {pod})"
)
_DIGEST = re.compile(r"@(sha256:[0-9a-f]{64})$")


def rollout(objects: Objects, targets: Sequence[ManifestTarget]) -> RolloutState:
    """The current state, without waiting. One request for a workload that is done, two to six for another."""
    watched = [target for target in targets if target.kind.kind in RULES]
    verdicts = together(lambda target: look(objects, target), watched)
    overall = altogether((t.label, v) for t, v in zip(watched, verdicts, strict=True))
    states = tuple(
        ObjectState(kind=t.kind.kind, name=t.name, state=v.state, reason=v.reason)
        for t, v in zip(watched, verdicts, strict=True)
    )
    return RolloutState(state=overall.state, reason=overall.reason, objects=states)


def look(objects: Objects, target: ManifestTarget) -> WorkloadVerdict:
    """The verdict on one workload. Its pods are read only if its own status does not settle the matter."""
    live = objects.get(target.kind, target.name, target.namespace)
    if live is None:
        return WorkloadVerdict(state=ProgressState.FAILED, reason=_gone(target))
    rule = RULES[target.kind.kind]
    verdict = rule(live)
    if verdict.state is ProgressState.DONE or (
        verdict.state is ProgressState.FAILED and target.kind.kind != "Deployment"
    ):
        return verdict  # a Deployment's failure may be about an older ReplicaSet
    return rule(live, _evidence(objects, target, live))


def images(objects: Objects, targets: Sequence[ManifestTarget]) -> tuple[RunningImage, ...]:
    """The images in the live workloads' templates, including init containers."""
    watched = [target for target in targets if _pod_spec(target.manifest)]
    live_objects = together(lambda target: objects.get(target.kind, target.name, target.namespace), watched)
    return tuple(
        RunningImage(
            kind=target.kind.kind,
            name=target.name,
            container=container["name"],
            image=container["image"],
            digest=match[1] if (match := _DIGEST.search(container["image"])) else None,
        )
        for target, live in zip(watched, live_objects, strict=True)
        if live is not None
        for field in ("initContainers", "containers")
        for container in _pod_spec(live).get(field) or ()
    )


def _evidence(objects: Objects, target: ManifestTarget, live: Json) -> WorkloadEvidence:
    """The newest pods of a workload, found by their owner (for a Deployment its newest ReplicaSet), and their nodes."""
    selector, namespace = selector_text(live["spec"].get("selector")), target.namespace
    if not selector or namespace is None:
        return WorkloadEvidence()
    owner, newest, revision = live, None, (live.get("status") or {}).get("updateRevision")
    if target.kind.kind == "Deployment":
        newest = newest_replica_set(live, objects.list(_REPLICA_SET, namespace, selector=selector))
        if newest is None:
            return WorkloadEvidence()
        owner = newest
    elif target.kind.kind == "DaemonSet":
        revision = newest_revision(live, objects.list(_REVISION, namespace, selector=selector))
    pods = objects.list(_POD, namespace, selector=selector)
    new = newest_pods(owner, pods, revision)
    return WorkloadEvidence(pods=new, replica_set=newest, hints=_hints(objects, live, pods, new))


def _hints(objects: Objects, live: Json, pods: Sequence[Json], newest: Sequence[Json]) -> tuple[str, ...]:
    match live["kind"]:
        case "DaemonSet":
            return nodes_in_the_way(objects, live, pods, newest)
        case "StatefulSet" if (live.get("status") or {}).get("updateRevision"):
            return tuple(NOT_REPLACED.format(pod=name) for name in left_behind(live, pods, newest))
        case _:
            return ()


def _gone(target: ManifestTarget) -> str:
    if target.kind.kind == "Job" and "ttlSecondsAfterFinished" in (target.manifest.get("spec") or {}):
        return "it is not in the cluster: deleted, or removed by ttlSecondsAfterFinished before its end was seen"
    return "it is not in the cluster"


def _pod_spec(workload: Json) -> Json:
    """The spec of the pod template, whose location depends on the kind; empty for kinds without pods."""
    spec = workload.get("spec") or {}
    if workload.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    if workload.get("kind") == "Pod":
        return dict(spec)
    template = spec.get("template") if workload.get("kind") in ("ReplicaSet", "CronJob", *RULES) else None
    return dict((template or {}).get("spec") or {})
