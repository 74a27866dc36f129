"""StatefulSet: numbered pods, one after the other, updated from the highest number down.

As in Kubernetes, a pod that never becomes ready blocks an ordered set for good, even after its template was corrected:
somebody has to delete the pod.
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

    def reconcile(self, stateful_set: Json) -> None:
        if "deletionTimestamp" in stateful_set["metadata"]:
            return
        update = current_revision(self._store, stateful_set)
        current = self._former_revision(stateful_set, update)
        self._step(stateful_set, current, update)
        self._report(stateful_set, current, update)

    def _former_revision(self, stateful_set: Json, update: Json) -> Json:
        """The revision before this update, as long as the update is not complete."""
        name = (stateful_set.get("status") or {}).get("currentRevision")
        return next((r for r in revisions(self._store, stateful_set) if r["metadata"]["name"] == name), update)

    # ---- one step

    def _step(self, stateful_set: Json, current: Json, update: Json) -> None:
        spec = stateful_set["spec"]
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        pods = self._pods(stateful_set)
        for ordinal in range(spec["replicas"]):
            pod = pods.get(ordinal)
            if pod is not None and is_finished(pod) and not is_terminating(pod):
                self._store.delete(PODS, pod)
                return
            if pod is None:
                pod = self._create(stateful_set, ordinal, current, update)
            if ordered and not self._is_settled(stateful_set, pod):
                return
        surplus = [p for n, p in sorted(pods.items(), reverse=True) if n >= spec["replicas"]]
        if surplus:
            for pod in surplus[:1] if ordered else surplus:
                if not is_terminating(pod):
                    self._store.delete(PODS, pod)
            return
        if spec["updateStrategy"]["type"] == "RollingUpdate":
            self._update(stateful_set, update)

    def _update(self, stateful_set: Json, update: Json) -> None:
        """Replace the highest pod of an old revision; wait while any pod above it is not ready."""
        pods = self._pods(stateful_set)
        partition = stateful_set["spec"]["updateStrategy"]["rollingUpdate"]["partition"]
        for ordinal in range(stateful_set["spec"]["replicas"] - 1, partition - 1, -1):
            pod = pods.get(ordinal)
            if pod is None or is_terminating(pod):
                return
            if _revision(pod) != _hash(update):
                self._store.delete(PODS, pod)
                return
            if not self._is_settled(stateful_set, pod):
                return

    def _create(self, stateful_set: Json, ordinal: int, current: Json, update: Json) -> Json:
        rolling = stateful_set["spec"]["updateStrategy"].get("rollingUpdate") or {}
        old = ordinal < rolling.get("partition", 0) or stateful_set["spec"]["updateStrategy"]["type"] == "OnDelete"
        is_first = not (stateful_set.get("status") or {}).get("currentRevision")
        on_delete = stateful_set["spec"]["updateStrategy"]["type"] == "OnDelete"
        revision = current if old and not is_first and not on_delete else update
        name = f"{stateful_set['metadata']['name']}-{ordinal}"
        labels = {LABEL: _hash(revision), _POD_NAME: name, _INDEX: str(ordinal)}
        template = revision["data"]["spec"]["template"]
        return create_pod(self._store, stateful_set, template, labels=labels, name=name)

    def _pods(self, stateful_set: Json) -> dict[int, Json]:
        prefix = stateful_set["metadata"]["name"] + "-"
        pods = owned_pods(self._store, stateful_set)
        return {int(p["metadata"]["name"].removeprefix(prefix)): p for p in pods}

    def _is_settled(self, stateful_set: Json, pod: Json) -> bool:
        wait = stateful_set["spec"].get("minReadySeconds", 0)
        return phase(pod) == "Running" and is_available(pod, wait, self._store.clock())

    # ---- status

    def _report(self, stateful_set: Json, current: Json, update: Json) -> None:
        pods = list(self._pods(stateful_set).values())
        wait, now, replicas = (
            stateful_set["spec"].get("minReadySeconds", 0),
            self._store.clock(),
            stateful_set["spec"]["replicas"],
        )
        live = [p for p in pods if not is_terminating(p)]
        counts = {
            "replicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "currentReplicas": sum(_revision(p) == _hash(current) for p in live),
            "updatedReplicas": sum(_revision(p) == _hash(update) for p in live),
        }
        ready = counts["readyReplicas"] == counts["updatedReplicas"] == counts["replicas"] == replicas
        if ready and stateful_set["spec"]["updateStrategy"]["type"] == "RollingUpdate":
            current = update
            counts["currentReplicas"] = counts["updatedReplicas"]
        status = without_zeros({"observedGeneration": stateful_set["metadata"]["generation"]} | counts)
        status |= {
            "replicas": len(pods),
            "availableReplicas": sum(is_available(p, wait, now) for p in pods),
            "currentRevision": current["metadata"]["name"],
            "updateRevision": update["metadata"]["name"],
            "collisionCount": 0,
        }
        self._store.set_status(STATEFUL_SETS, stateful_set, status)
        trim(self._store, stateful_set, {current["metadata"]["name"], update["metadata"]["name"]})


def _revision(pod: Json) -> str:
    return str((pod["metadata"].get("labels") or {}).get(LABEL, ""))


def _hash(revision: Json) -> str:
    return str(revision["metadata"]["labels"][LABEL])
