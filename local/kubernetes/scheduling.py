"""Whether a pod can be scheduled: there is one node, and a nodeSelector may not match it."""

from .podstatus import unscheduled
from .resources import NODES, PODS, Json
from .store import Store


def is_for_a_node(store: Store, spec: Json) -> bool:
    """Whether some node matches. `spec` is that of a pod."""
    required_labels = (spec.get("nodeSelector") or {}).items()
    return not required_labels or any(
        required_labels <= node["metadata"]["labels"].items() for node in store.find(NODES, None)
    )


def mark_if_unschedulable(store: Store, pod: Json, *, manager: str) -> bool:
    """Whether no node matches the pod; its status is then set to say so."""
    if pod["spec"].get("nodeName") or is_for_a_node(store, pod["spec"]):
        return False
    store.set_status(PODS, pod, unscheduled(pod, timestamp=store.timestamp()), manager=manager)
    return True
