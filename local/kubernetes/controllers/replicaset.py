"""ReplicaSet: as many pods of one template as asked for."""

from ..podinfo import is_active, is_available, is_ready, owned_pods
from ..resources import PODS, REPLICA_SETS, Json
from ..store import Store
from .common import create_pod, deletion_order, without_zeros


class ReplicaSets:
    resource = REPLICA_SETS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            return
        wanted = thing["spec"]["replicas"]
        pods = [p for p in owned_pods(self._store, thing) if is_active(p)]
        missing = range(wanted - len(pods))
        pods.extend(create_pod(self._store, thing, thing["spec"]["template"], labels={}) for _ in missing)
        if len(pods) > wanted:
            pods.sort(key=deletion_order)
            for pod in pods[: len(pods) - wanted]:
                self._store.delete(PODS, pod)
            pods = pods[len(pods) - wanted :]
        self._report(thing, pods)

    def _report(self, thing: Json, pods: list[Json]) -> None:
        now, wait = self._store.clock(), thing["spec"].get("minReadySeconds", 0)
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": sum(is_available(p, wait, now) for p in pods),
            "observedGeneration": thing["metadata"]["generation"],
        }
        self._store.set_status(REPLICA_SETS, thing, {"replicas": len(pods)} | without_zeros(status))
