"""Events of pods: what `kubectl describe` would show, counted when they repeat."""

import copy
import hashlib

from ..resources import EVENTS, Json
from ..store import Store

MAX_MESSAGE = 1024
_KEPT = 500


def record_event(store: Store, pod: Json, *, kind: str, reason: str, message: str) -> None:
    metadata = pod["metadata"]
    message = message[:MAX_MESSAGE]
    digest = hashlib.sha256(f"{metadata['uid']}{reason}{message}".encode()).hexdigest()[:16]
    name = f"{metadata['name']}.{digest}"
    now = store.timestamp()
    with store.changed:
        known = store.get(EVENTS, metadata["namespace"], name)
        if known is not None:
            again = copy.deepcopy(known) | {"count": known["count"] + 1, "lastTimestamp": now}
            store.update(EVENTS, known, again, manager="kubelet")
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
                "type": kind,
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
    """A cluster forgets events after an hour; here the number is bounded."""
    events = store.find(EVENTS, namespace)
    if len(events) > _KEPT:
        oldest = min(events, key=lambda e: int(e["metadata"]["resourceVersion"]))
        store.remove(EVENTS, oldest)
