"""Garbage collection: objects whose owners are gone, and the content of a namespace that is being deleted."""

from ..resources import NAMESPACES, PODS
from ..store import Store


def collect(store: Store) -> None:
    objects = list(store.everything())
    alive = {api_object["metadata"]["uid"] for _, api_object in objects}
    for resource, api_object in objects:
        owners = api_object["metadata"].get("ownerReferences") or []
        if (
            owners
            and not any(o.get("uid") in alive for o in owners)
            and "deletionTimestamp" not in api_object["metadata"]
        ):
            store.delete(resource, api_object)
    for namespace in store.find(NAMESPACES):
        if "deletionTimestamp" in namespace["metadata"]:
            _empty(store, namespace["metadata"]["name"])


def _empty(store: Store, name: str) -> None:
    """Delete the namespace's content; once none is left, the namespace itself."""
    content = [(r, o) for r, o in store.everything() if o["metadata"].get("namespace") == name]
    for resource, api_object in content:
        if "deletionTimestamp" not in api_object["metadata"]:
            store.delete(resource, api_object, grace=None if resource is PODS else 0)
    namespace = store.get(NAMESPACES, None, name)
    has_content = any(o["metadata"].get("namespace") == name for _, o in store.everything())
    if namespace is not None and not has_content and not namespace["metadata"].get("finalizers"):
        store.remove(NAMESPACES, namespace)
