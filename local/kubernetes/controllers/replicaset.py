"""ReplicaSet: as many pods of one template as its spec asks for."""

from ..podinfo import is_active, is_available, is_ready, owned_pods
from ..resources import PODS, REPLICA_SETS, Json
from ..store import Store
from .common import create_pod, deletion_order, without_zeros


class ReplicaSets:
    resource = REPLICA_SETS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, replica_set: Json) -> None:
        if "deletionTimestamp" in replica_set["metadata"]:
            return
        replicas = replica_set["spec"]["replicas"]
        pods = [p for p in owned_pods(self._store, replica_set) if is_active(p)]
        missing = range(replicas - len(pods))
        pods.extend(create_pod(self._store, replica_set, replica_set["spec"]["template"], labels={}) for _ in missing)
        if len(pods) > replicas:
            pods.sort(key=deletion_order)
            for pod in pods[: len(pods) - replicas]:
                self._store.delete(PODS, pod)
            pods = pods[len(pods) - replicas :]
        self._report(replica_set, pods)

    def _report(self, replica_set: Json, pods: list[Json]) -> None:
        now, wait = self._store.clock(), replica_set["spec"].get("minReadySeconds", 0)
        status = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": sum(map(is_ready, pods)),
            "availableReplicas": sum(is_available(p, wait, now) for p in pods),
            "observedGeneration": replica_set["metadata"]["generation"],
        }
        self._store.set_status(REPLICA_SETS, replica_set, {"replicas": len(pods)} | without_zeros(status))
