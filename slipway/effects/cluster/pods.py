"""What the pods of a workload tell before its own status does, and which pods are the newest ones.

Pure. A Deployment says that it failed only after its progress deadline (ten minutes by default); StatefulSets and
DaemonSets never do. A pod whose image cannot be pulled says so within seconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .records import Json

MANY_RESTARTS = 3
"""Restarts after which a crash loop counts as failed: a program may lose a race against its database once or twice."""

MAX_REASON = 300

_HOPELESS = frozenset({"ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})
# ErrImagePull is no failure yet: it is the first refused pull. The second look finds either a running container or
# ImagePullBackOff, which means that the kubelet has failed to pull and now backs off.


def failure_of(pod: Mapping[str, Any]) -> str | None:
    """Why a pod will not become ready; None where there is still hope."""
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, restarts = waiting.get("reason"), int(container.get("restartCount") or 0)
        if reason in _HOPELESS:
            return _told(pod, container, waiting)
        if reason == "CrashLoopBackOff" and restarts >= MANY_RESTARTS:
            ended = (container.get("lastState") or {}).get("terminated") or {}
            code = f", exit code {ended['exitCode']} ({ended.get('reason', 'Error')})" if "exitCode" in ended else ""
            return f"{_place(pod, container)}: CrashLoopBackOff: restarted {restarts} times{code}"
    return None


def hindrance_of(pod: Mapping[str, Any]) -> str | None:
    """What keeps a pod from becoming ready for now, as far as it says so."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"no node takes a pod: {str(condition.get('message', ''))[:MAX_REASON]}"
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return _told(pod, container, waiting)
    return None


def newest_replica_set(deployment: Mapping[str, Any], sets: Iterable[Json]) -> Json | None:
    """The ReplicaSet of a Deployment's newest template: both carry the same revision."""
    revision = _annotation(deployment, "deployment.kubernetes.io/revision")
    return next(
        (s for s in _owned(deployment, sets) if _annotation(s, "deployment.kubernetes.io/revision") == revision), None
    )


def newest_pods(workload: Mapping[str, Any], pods: Iterable[Json], replica_set: Json | None = None) -> tuple[Json, ...]:
    """The pods of the newest template that are not being deleted; none where they cannot be told from older ones."""
    present = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
    match workload.get("kind"):
        case "Deployment":
            return tuple(_owned(replica_set, present)) if replica_set else ()
        case "StatefulSet":
            revision = (workload.get("status") or {}).get("updateRevision")
            return _labelled(_owned(workload, present), "controller-revision-hash", revision)
        case "DaemonSet":
            generation = _annotation(workload, "deprecated.daemonset.template.generation")
            return _labelled(_owned(workload, present), "pod-template-generation", generation)
        case _:
            return tuple(_owned(workload, present))


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A spec's label selector in the form of a query."""
    selector = selector or {}
    parts = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for expression in selector.get("matchExpressions") or ():
        key, values = expression["key"], ",".join(expression.get("values") or ())
        forms = {
            "In": f"{key} in ({values})",
            "NotIn": f"{key} notin ({values})",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        parts.append(forms[expression["operator"]])
    return ",".join(parts)


def _owned(owner: Mapping[str, Any], items: Iterable[Json]) -> list[Json]:
    uid = owner["metadata"].get("uid")
    return [i for i in items if any(o.get("uid") == uid for o in i["metadata"].get("ownerReferences") or ())]


def _labelled(items: Iterable[Json], label: str, value: str | None) -> tuple[Json, ...]:
    return tuple(i for i in items if value is not None and (i["metadata"].get("labels") or {}).get(label) == value)


def _annotation(item: Mapping[str, Any], name: str) -> str | None:
    value = (item["metadata"].get("annotations") or {}).get(name)
    return None if value is None else str(value)


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _place(pod: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    return f"pod {pod['metadata']['name']}, container {container.get('name')}"


def _told(pod: Mapping[str, Any], container: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    message = str(waiting.get("message") or "")[:MAX_REASON]
    return f"{_place(pod, container)}: " + ": ".join(filter(None, (str(waiting.get("reason")), message)))
