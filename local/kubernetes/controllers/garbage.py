"""Garbage: objects whose owners are gone, and what is left in a namespace that is being deleted."""

from ..resources import NAMESPACES, PODS
from ..store import Store


def collect(store: Store) -> None:
    everything = list(store.everything())
    alive = {thing["metadata"]["uid"] for _, thing in everything}
    for resource, thing in everything:
        owners = thing["metadata"].get("ownerReferences") or []
        if owners and not any(o.get("uid") in alive for o in owners) and "deletionTimestamp" not in thing["metadata"]:
            store.delete(resource, thing)
    for namespace in store.find(NAMESPACES):
        if "deletionTimestamp" in namespace["metadata"]:
            _empty(store, namespace["metadata"]["name"])


def _empty(store: Store, name: str) -> None:
    """Delete the content; when none is left, the namespace itself."""
    content = [(r, o) for r, o in store.everything() if o["metadata"].get("namespace") == name]
    for resource, thing in content:
        if "deletionTimestamp" not in thing["metadata"]:
            store.delete(resource, thing, grace=None if resource is PODS else 0)
    namespace = store.get(NAMESPACES, None, name)
    left = any(o["metadata"].get("namespace") == name for _, o in store.everything())
    if namespace is not None and not left and not namespace["metadata"].get("finalizers"):
        store.remove(NAMESPACES, namespace)
