"""DaemonSet: one pod on each node that its nodeSelector selects. There is one node."""

from ..podinfo import is_available, is_finished, is_ready, is_terminating, owned_pods
from ..resources import DAEMON_SETS, PODS, Json
from ..scheduling import is_for_a_node
from ..store import Store
from .common import create_pod
from .revisions import LABEL, current_revision, trim


class DaemonSets:
    resource = DAEMON_SETS

    def __init__(self, store: Store) -> None:
        self._store = store

    def reconcile(self, daemon_set: Json) -> None:
        if "deletionTimestamp" in daemon_set["metadata"]:
            return
        update = current_revision(self._store, daemon_set)
        digest = update["metadata"]["labels"][LABEL]
        self._step(daemon_set, digest)
        self._report(daemon_set, digest)
        trim(self._store, daemon_set, {update["metadata"]["name"]})

    def _is_for_a_node(self, daemon_set: Json) -> bool:
        return is_for_a_node(self._store, daemon_set["spec"]["template"]["spec"])

    def _step(self, daemon_set: Json, digest: str) -> None:
        """The old pod goes before the new one comes, because they would share the node."""
        pods, is_scheduled = owned_pods(self._store, daemon_set), self._is_for_a_node(daemon_set)
        if not pods and is_scheduled:
            create_pod(self._store, daemon_set, daemon_set["spec"]["template"], labels={LABEL: digest})
            return
        rolling = daemon_set["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        for number, pod in enumerate(pods):
            outdated = rolling and pod["metadata"]["labels"].get(LABEL) != digest
            if (outdated or is_finished(pod) or number or not is_scheduled) and not is_terminating(pod):
                self._store.delete(PODS, pod)

    def _report(self, daemon_set: Json, digest: str) -> None:
        pods = [p for p in owned_pods(self._store, daemon_set) if not is_terminating(p)]
        is_scheduled = self._is_for_a_node(daemon_set)
        wait, now = daemon_set["spec"].get("minReadySeconds", 0), self._store.clock()
        available = sum(is_available(p, wait, now) for p in pods)
        status: Json = {
            "currentNumberScheduled": min(len(pods), 1) if is_scheduled else 0,
            "desiredNumberScheduled": int(is_scheduled),
            "numberMisscheduled": 0 if is_scheduled else len(pods),
            "numberReady": sum(map(is_ready, pods)),
            "updatedNumberScheduled": sum(p["metadata"]["labels"].get(LABEL) == digest for p in pods),
            "numberAvailable": available,
            "numberUnavailable": int(is_scheduled) - min(available, int(is_scheduled)),
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        optional = ("updatedNumberScheduled", "numberAvailable", "numberUnavailable")
        shown_status = {k: v for k, v in status.items() if v or k not in optional}
        self._store.set_status(DAEMON_SETS, daemon_set, shown_status)
