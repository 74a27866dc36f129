"""Finds the newest pods of a workload, and failures in them before the workload's own status shows any.

Pure. A Deployment reports a failure only after its progress deadline (ten minutes by default); StatefulSets and
DaemonSets never do. A pod whose image cannot be pulled shows it within seconds.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .records import Json

MANY_RESTARTS = 3
"""Restarts after which a crash loop counts as failed: a program may start before its database once or twice."""

MAX_REASON = 300
REVISION_LABEL = "controller-revision-hash"

_HOPELESS = frozenset({"ImagePullBackOff", "InvalidImageName", "CreateContainerConfigError"})
# ErrImagePull does not count: it follows the first failed pull. A later check finds either a running container or
# ImagePullBackOff, which means that the kubelet has failed repeatedly.


def failure_of(pod: Mapping[str, Any]) -> str | None:
    """Why a pod will not become ready; None if it still may."""
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        reason, restarts = waiting.get("reason"), int(container.get("restartCount") or 0)
        if reason in _HOPELESS:
            return _waiting_reason(pod, container, waiting)
        if reason == "CrashLoopBackOff" and restarts >= MANY_RESTARTS:
            termination = (container.get("lastState") or {}).get("terminated") or {}
            code = (
                f", exit code {termination['exitCode']} ({termination.get('reason', 'Error')})"
                if "exitCode" in termination
                else ""
            )
            return f"{_container_name(pod, container)}: CrashLoopBackOff: restarted {restarts} times{code}"
    return None


def hindrance_of(pod: Mapping[str, Any]) -> str | None:
    """Why a pod is not ready yet, if its status says so."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"no node accepts a pod: {str(condition.get('message', ''))[:MAX_REASON]}"
    for container in _containers(pod):
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
            return _waiting_reason(pod, container, waiting)
    return None


def newest_replica_set(deployment: Mapping[str, Any], sets: Iterable[Json]) -> Json | None:
    """The ReplicaSet of a Deployment's newest template: the one with the Deployment's revision."""
    revision = _annotation(deployment, "deployment.kubernetes.io/revision")
    return next(
        (s for s in _owned(deployment, sets) if _annotation(s, "deployment.kubernetes.io/revision") == revision), None
    )


def newest_revision(daemon_set: Mapping[str, Any], revisions: Iterable[Json]) -> str | None:
    """The hash that labels the pods of a DaemonSet's newest template; the DaemonSet's status does not contain it."""
    newest = max(_owned(daemon_set, revisions), key=lambda revision: int(revision.get("revision") or 0), default=None)
    return None if newest is None else _label(newest, REVISION_LABEL)


def newest_pods(workload: Mapping[str, Any], pods: Iterable[Json], revision: str | None) -> tuple[Json, ...]:
    """A StatefulSet's or DaemonSet's pods of the revision, or all pods of another owner; never pods being deleted.

    Empty if the revision is unknown: pods of an older template prove nothing about the newest one.
    """
    own = [pod for pod in _owned(workload, pods) if not pod["metadata"].get("deletionTimestamp")]
    if workload.get("kind") not in ("StatefulSet", "DaemonSet"):
        return tuple(own)
    if revision is None:
        return ()
    name = workload["metadata"].get("name")
    # A StatefulSet's status names the revision, `db-6f9c`; pods may carry that name or only the hash in it.
    return tuple(p for p in own if (label := _label(p, REVISION_LABEL)) and revision in (label, f"{name}-{label}"))


def selector_text(selector: Mapping[str, Any] | None) -> str:
    """A spec's label selector in the syntax of a query parameter."""
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


def _label(item: Mapping[str, Any], name: str) -> str | None:
    value = (item["metadata"].get("labels") or {}).get(name)
    return None if value is None else str(value)


def _annotation(item: Mapping[str, Any], name: str) -> str | None:
    value = (item["metadata"].get("annotations") or {}).get(name)
    return None if value is None else str(value)


def _containers(pod: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]


def _container_name(pod: Mapping[str, Any], container: Mapping[str, Any]) -> str:
    return f"pod {pod['metadata']['name']}, container {container.get('name')}"


def _waiting_reason(pod: Mapping[str, Any], container: Mapping[str, Any], waiting: Mapping[str, Any]) -> str:
    message = str(waiting.get("message") or "")[:MAX_REASON]
    return f"{_container_name(pod, container)}: " + ": ".join(filter(None, (str(waiting.get("reason")), message)))
