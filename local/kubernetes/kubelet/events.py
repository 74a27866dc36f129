"""Events of pods, as `kubectl describe` would show them; repeated ones are counted."""

import copy
import hashlib

from ..resources import EVENTS, Json
from ..store import Store

MAX_MESSAGE = 1024
_KEPT = 500


def record_event(store: Store, pod: Json, *, type: str, reason: str, message: str) -> None:
    metadata = pod["metadata"]
    message = message[:MAX_MESSAGE]
    digest = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
    name = f"{metadata['name']}.{digest}"
    now = store.timestamp()
    with store.changed:
        existing = store.get(EVENTS, metadata["namespace"], name)
        if existing is not None:
            repeated = copy.deepcopy(existing) | {"count": existing["count"] + 1, "lastTimestamp": now}
            store.update(EVENTS, existing, repeated, manager="kubelet")
            return
        store.create(
            EVENTS,
            metadata["namespace"],
            {
                "metadata": {"name": name},
                "involvedObject": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": metadata["name"],
                    "namespace": metadata["namespace"],
                    "uid": metadata["uid"],
                },
                "type": type,
                "reason": reason,
                "message": message,
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": "kubelet", "host": "laptop"},
            },
        )
        _forget_oldest(store, metadata["namespace"])


def _forget_oldest(store: Store, namespace: str) -> None:
    """Bound the number of events; a cluster deletes them after an hour."""
    events = store.find(EVENTS, namespace)
    if len(events) > _KEPT:
        oldest = min(events, key=lambda e: int(e["metadata"]["resourceVersion"]))
        store.remove(EVENTS, oldest)
