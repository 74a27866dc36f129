"""Finds the newest pods of a workload, and their obstacles before the workload's own status shows anything.

Pure. A Deployment reports a failure only after its progress deadline (ten minutes by default); StatefulSets and
DaemonSets never do. A pod whose image does not exist shows it within seconds.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from .containers import MAX_REASON, Holdup, holdup_of
from .records import Json
from .situations import Situation

REVISION_LABEL = "controller-revision-hash"


def holdups_of(pod: Mapping[str, Any]) -> tuple[Holdup, ...]:
    """Why a pod is not ready, as far as its status says; for a pod that no node accepts, only that."""
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            text = f"no node accepts a pod: {str(condition.get('message', ''))[:MAX_REASON]}"
            return (Holdup(situation=Situation.UNSCHEDULABLE, text=Situation.UNSCHEDULABLE.describe(text)),)
    name = pod["metadata"]["name"]
    return tuple(
        holdup.evolve(text=f"pod {name}, container {container}: {holdup.text}")
        for container, holdup in _holdups_by_container(pod)
    )


def newest_replica_set(deployment: Mapping[str, Any], sets: Iterable[Json]) -> Json | None:
    """The ReplicaSet of a Deployment's newest template: the one with the Deployment's revision."""
    revision = _revision(deployment)
    return next((each for each in owned_by(deployment, sets) if _revision(each) == revision), None)


def newest_revision(daemon_set: Mapping[str, Any], revisions: Iterable[Json]) -> str | None:
    """The hash that labels the pods of a DaemonSet's newest template; the DaemonSet's status does not contain it."""
    newest = max(owned_by(daemon_set, revisions), key=lambda revision: int(revision.get("revision") or 0), default=None)
    return None if newest is None else _label(newest, REVISION_LABEL)


def newest_pods(workload: Mapping[str, Any], pods: Iterable[Json], revision: str | None) -> tuple[Json, ...]:
    """The pods of a StatefulSet or DaemonSet with this revision, or all pods of another owner; without pods being
    deleted.

    Empty if the revision is unknown: pods of an older template prove nothing about the newest one.
    """
    own = [pod for pod in owned_by(workload, pods) if not pod["metadata"].get("deletionTimestamp")]
    if workload.get("kind") not in ("StatefulSet", "DaemonSet"):
        return tuple(own)
    if revision is None:
        return ()
    name = workload["metadata"].get("name")
    # A StatefulSet's status names the revision, `db-6f9c`; pods may carry that name or only the hash in it.
    return tuple(p for p in own if (label := _label(p, REVISION_LABEL)) and revision in (label, f"{name}-{label}"))


def left_behind(stateful_set: Json, pods: Iterable[Json], newest: Collection[Json]) -> list[str]:
    """Names of the StatefulSet's pods that are of an older template and not ready, the highest number first.

    An ordered StatefulSet waits until such a pod is ready before it replaces it, even if only the newest template would
    make it ready (kubernetes/kubernetes#67250). So a rollback cannot heal what a bad image broke.
    """
    others = [pod for pod in owned_by(stateful_set, pods) if pod not in newest and not is_ready(pod)]
    names = [str(pod["metadata"]["name"]) for pod in others if not pod["metadata"].get("deletionTimestamp")]
    return sorted(names, key=lambda name: (len(name), name), reverse=True)


def is_ready(pod: Json) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


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


def owned_by(owner: Mapping[str, Any], items: Iterable[Json]) -> list[Json]:
    """The items that the owner made."""
    uid = owner["metadata"].get("uid")
    return [i for i in items if any(o.get("uid") == uid for o in i["metadata"].get("ownerReferences") or ())]


def _label(item: Mapping[str, Any], name: str) -> str | None:
    value = (item["metadata"].get("labels") or {}).get(name)
    return None if value is None else str(value)


def _revision(item: Mapping[str, Any]) -> str | None:
    value = (item["metadata"].get("annotations") or {}).get("deployment.kubernetes.io/revision")
    return None if value is None else str(value)


def _holdups_by_container(pod: Mapping[str, Any]) -> list[tuple[str, Holdup]]:
    """The containers with an obstacle, init containers first, with their names."""
    status = pod.get("status") or {}
    return [
        (str(container.get("name")), holdup)
        for field in ("initContainerStatuses", "containerStatuses")
        for container in status.get(field) or ()
        if (holdup := holdup_of(container, init=field == "initContainerStatuses"))
    ]
