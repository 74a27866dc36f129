"""StatefulSet: numbered pods, one after the other, updated from the highest number down.

As in Kubernetes, a pod that never becomes ready blocks an ordered set for good, even when its template is put right:
somebody has to delete it.
"""

from ..podinfo import is_available, is_finished, is_ready, is_terminating, owned_pods, phase
from ..resources import PODS, STATEFUL_SETS, Json
from ..store import Store
from .common import create_pod, without_zeros
from .revisions import LABEL, current_revision, revisions, trim

_POD_NAME = "statefulset.kubernetes.io/pod-name"
_INDEX = "apps.kubernetes.io/pod-index"


class StatefulSets:
    resource = STATEFUL_SETS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            return
        update = current_revision(self._store, thing)
        current = self._former(thing, update)
        self._step(thing, current, update)
        self._report(thing, current, update)

    def _former(self, thing: Json, update: Json) -> Json:
        """The revision that was in place before this update, while the update is not complete."""
        name = (thing.get("status") or {}).get("currentRevision")
        return next((r for r in revisions(self._store, thing) if r["metadata"]["name"] == name), update)

    # ---- one step

    def _step(self, thing: Json, current: Json, update: Json) -> None:
        spec = thing["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        pods = self._pods(thing)
        for ordinal in range(spec["replicas"]):
            pod = pods.get(ordinal)
            if pod is not None and is_finished(pod) and not is_terminating(pod):
                self._store.delete(PODS, pod)
                return
            if pod is None:
                pod = self._create(thing, ordinal, current, update)
            if ordered and not self._settled(thing, pod):
                return
        surplus = [p for n, p in sorted(pods.items(), reverse=True) if n >= spec["replicas"]]
        if surplus:
            for pod in surplus[:1] if ordered else surplus:
                if not is_terminating(pod):
                    self._store.delete(PODS, pod)
            return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            self._update(thing, update)

    def _update(self, thing: Json, update: Json) -> None:
        """Replace the highest pod that is of an old revision; wait while any above it is not ready."""
        pods = self._pods(thing)
        partition = thing["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        for ordinal in range(thing["spec"]["replicas"] - 1, partition - 1, -1):
            pod = pods.get(ordinal)
            if pod is None or is_terminating(pod):
                return
            if _revision(pod) != _hash(update):
                self._store.delete(PODS, pod)
                return
            if not self._settled(thing, pod):
                return

    def _create(self, thing: Json, ordinal: int, current: Json, update: Json) -> Json:
        rolling = thing["spec"]["updateStrategy"].get("rollingUpdate") or {}
        old = ordinal < rolling.get("partition", 0) or thing["spec"]["updateStrategy"]["type"] == "OnDelete"
        is_first = not (thing.get("status") or {}).get("currentRevision")
        on_delete = thing["spec"]["updateStrategy"]["type"] == "OnDelete"
        revision = current if old and not is_first and not on_delete else update
        name = f"{thing['metadata']['name']}-{ordinal}"
        labels = {LABEL: _hash(revision), _POD_NAME: name, _INDEX: str(ordinal)}
        template = revision["data"]["spec"]["template"]
        return create_pod(self._store, thing, template, labels=labels, name=name)

    def _pods(self, thing: Json) -> dict[int, Json]:
        prefix = thing["metadata"]["name"] + "-"
        found = owned_pods(self._store, thing)
        return {int(p["metadata"]["name"].removeprefix(prefix)): p for p in found}

    def _settled(self, thing: Json, pod: Json) -> bool:
        wait = thing["spec"].get("minReadySeconds", 0)
        return phase(pod) == "Running" and is_available(pod, wait, self._store.clock())

    # ---- status

    def _report(self, thing: Json, current: Json, update: Json) -> None:
        pods = list(self._pods(thing).values())
        wait, now, replicas = thing["spec"].get("minReadySeconds", 0), self._store.clock(), thing["spec"]["replicas"]
        live = [p for p in pods if not is_terminating(p)]
        counts = {
            "replicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "currentReplicas": sum(_revision(p) == _hash(current) for p in live),
            "updatedReplicas": sum(_revision(p) == _hash(update) for p in live),
        }
        ready = counts["readyReplicas"] == counts["updatedReplicas"] == counts["replicas"] == replicas
        if ready and thing["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            current = update
            counts["currentReplicas"] = counts["updatedReplicas"]
        status = without_zeros({"observedGeneration": thing["metadata"]["generation"]} | counts)
        status |= {
            "replicas": len(pods),
            "availableReplicas": sum(is_available(p, wait, now) for p in pods),
            "currentRevision": current["metadata"]["name"],
            "updateRevision": update["metadata"]["name"],
            "collisionCount": 0,
        }
        self._store.set_status(STATEFUL_SETS, thing, status)
        trim(self._store, thing, {current["metadata"]["name"], update["metadata"]["name"]})


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(LABEL, ""))


def _hash(revision: Json) -> str:
    return str(revision["metadata"]["labels"][LABEL])
