"""What the controllers share: ownership, pods from templates, hashes of templates, conditions."""

import copy
import hashlib
import json
import math
from typing import Protocol

from ..ownership import record_update
from ..podinfo import condition, is_owned_by, is_ready, phase
from ..resources import PODS, Json, Resource
from ..store import SYSTEM_MANAGER, Store

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Controller(Protocol):
    """Brings the cluster one step closer to what one object asks for. Called with the store's lock held."""

    resource: Resource

    def reconcile(self, api_object: Json) -> None: ...


def owner_reference(owner: Json) -> Json:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def owned(store: Store, resource: Resource, owner: Json) -> list[Json]:
    """The objects that this one controls, oldest first."""
    objects = [o for o in store.find(resource, owner["metadata"]["namespace"]) if is_owned_by(o, owner)]
    return sorted(objects, key=lambda o: (o["metadata"]["creationTimestamp"], o["metadata"]["name"]))


def template_hash(template: Json) -> str:
    """Ten characters that identify a pod template."""
    clean = copy.deepcopy(template)
    (clean.get("metadata") or {}).get("labels", {}).pop("pod-template-hash", None)
    digest = hashlib.sha256(json.dumps(clean, sort_keys=True).encode()).digest()
    return "".join(_ALPHABET[b % len(_ALPHABET)] for b in digest[:10])


def create_pod(store: Store, owner: Json, template: Json, *, labels: dict[str, str], name: str | None = None) -> Json:
    """Create a pod of this owner, with the given name or with a generated one."""
    meta = template.get("metadata") or {}
    metadata: Json = {
        "labels": (meta.get("labels") or {}) | labels,
        "ownerReferences": [owner_reference(owner)],
    }
    if meta.get("annotations"):
        metadata["annotations"] = dict(meta["annotations"])
    metadata |= {"name": name} if name else {"generateName": owner["metadata"]["name"] + "-"}
    pod: Json = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": copy.deepcopy(template["spec"])}
    record_update(None, pod, manager=SYSTEM_MANAGER, subresource="", time=store.timestamp())
    return store.create(PODS, owner["metadata"]["namespace"], pod)


def deletion_order(pod: Json) -> tuple[bool, bool, str]:
    """Sorts the pods of a set in the order of their deletion: not running first, then not ready, then the youngest."""
    backwards = "".join(chr(0x10FFFF - ord(c)) for c in pod["metadata"]["creationTimestamp"])
    return (phase(pod) == "Running", is_ready(pod), backwards)


def resolve_share(value: int | str, total: int, *, up: bool) -> int:
    """The number of pods for a maxSurge or maxUnavailable, which is a number or a percentage of the replicas."""
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)


def changed_condition(
    api_object: Json, kind: str, *, holds: bool, reason: str, message: str, timestamp: str, refresh: bool = False
) -> Json:
    """A condition that keeps its times while its status stays the same; `refresh` sets the time of its last update."""
    status = "True" if holds else "False"
    previous = condition(api_object, kind)
    if previous and (previous["status"], previous["reason"]) == (status, reason) and not refresh:
        return previous | {"message": message}
    since = previous["lastTransitionTime"] if previous and previous["status"] == status else timestamp
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": timestamp,
        "lastTransitionTime": since,
    }


def without_zeros(status: Json) -> Json:
    """Leave out counts of zero, as the API does; observedGeneration stays."""
    return {k: v for k, v in status.items() if v != 0 or isinstance(v, bool)}
