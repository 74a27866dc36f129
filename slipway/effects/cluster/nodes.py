"""Names the nodes that a DaemonSet waits for: a node that is not ready holds up the rollout, and no pod says so."""

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import AccessDenied
from .objects import Objects, built_in, map_in_threads
from .pods import owned_by
from .records import Json

_NODE = built_in("v1", "Node")
_MOST_NODES = 3
"""The most nodes that one poll asks for."""


def nodes_in_the_way(
    objects: Objects, daemon_set: Json, pods: Sequence[Json], newest: Sequence[Json]
) -> tuple[str, ...]:
    """The obstacles on the first nodes without a pod of the newest template, for people."""
    names = without_a_ready_pod(daemon_set, pods, newest)
    return tuple(filter(None, map_in_threads(lambda name: _why_not_ready(objects, name), names[:_MOST_NODES])))


def without_a_ready_pod(daemon_set: Json, pods: Sequence[Json], newest: Sequence[Json]) -> list[str]:
    """The nodes on which a newest pod is not ready, or from which an older one does not disappear."""
    leaving = (pod for pod in owned_by(daemon_set, pods) if pod["metadata"].get("deletionTimestamp"))
    starting = (pod for pod in newest if _readiness(pod).get("status") != "True")
    names = (str((pod.get("spec") or {}).get("nodeName") or "") for pod in (*starting, *leaving))
    return sorted(set(filter(None, names)))


def _why_not_ready(objects: Objects, name: str) -> str | None:
    """None for a node that is ready: its pod itself shows the obstacle."""
    try:
        node = objects.get(_NODE, name, None)
    except AccessDenied:  # a role in one namespace does not cover nodes
        return f"no pod is ready on node {name} (check whether the node is ready)"
    if node is None:
        return f"node {name} is gone"
    ready = _readiness(node)
    if ready.get("status") == "True":
        return None
    why = str(ready.get("message") or ready.get("reason") or "it says nothing").rstrip(".")
    return f"node {name} is not ready: {why} (bring it back, or take it out of the cluster)"


def _readiness(item: Mapping[str, Any]) -> Mapping[str, Any]:
    conditions = (item.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == "Ready"), {})
