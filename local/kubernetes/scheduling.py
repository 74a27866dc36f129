"""Whether a pod can be placed: there is one node, and a nodeSelector may name another."""

from .podstatus import unscheduled
from .resources import NODES, PODS, Json
from .store import Store


def is_for_a_node(store: Store, spec: Json) -> bool:
    """`spec` is a pod's."""
    wanted = (spec.get("nodeSelector") or {}).items()
    return not wanted or any(wanted <= node["metadata"]["labels"].items() for node in store.find(NODES, None))


def left_alone(store: Store, pod: Json, *, manager: str) -> bool:
    """Whether no node is for the pod, which then says so."""
    if pod["spec"].get("nodeName") or is_for_a_node(store, pod["spec"]):
        return False
    store.set_status(PODS, pod, unscheduled(pod, timestamp=store.timestamp()), manager=manager)
    return True
