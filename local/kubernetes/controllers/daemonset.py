"""DaemonSet: one pod on each node that its nodeSelector names. There is one node."""

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

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            return
        update = current_revision(self._store, thing)
        digest = update["metadata"]["labels"][LABEL]
        self._step(thing, digest)
        self._report(thing, digest)
        trim(self._store, thing, {update["metadata"]["name"]})

    def _is_for_a_node(self, thing: Json) -> bool:
        return is_for_a_node(self._store, thing["spec"]["template"]["spec"])

    def _step(self, thing: Json, digest: str) -> None:
        """The old pod goes before the new one comes: they would share the node."""
        pods, wanted = owned_pods(self._store, thing), self._is_for_a_node(thing)
        if not pods and wanted:
            create_pod(self._store, thing, thing["spec"]["template"], labels={LABEL: digest})
            return
        rolling = thing["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        for number, pod in enumerate(pods):
            outdated = rolling and pod["metadata"]["labels"].get(LABEL) != digest
            if (outdated or is_finished(pod) or number or not wanted) and not is_terminating(pod):
                self._store.delete(PODS, pod)

    def _report(self, thing: Json, digest: str) -> None:
        pods = [p for p in owned_pods(self._store, thing) if not is_terminating(p)]
        wanted = self._is_for_a_node(thing)
        wait, now = thing["spec"].get("minReadySeconds", 0), self._store.clock()
        available = sum(is_available(p, wait, now) for p in pods)
        status: Json = {
            "currentNumberScheduled": min(len(pods), 1) if wanted else 0,
            "desiredNumberScheduled": int(wanted),
            "numberMisscheduled": 0 if wanted else len(pods),
            "numberReady": sum(map(is_ready, pods)),
            "updatedNumberScheduled": sum(p["metadata"]["labels"].get(LABEL) == digest for p in pods),
            "numberAvailable": available,
            "numberUnavailable": int(wanted) - min(available, int(wanted)),
            "observedGeneration": thing["metadata"]["generation"],
        }
        optional = ("updatedNumberScheduled", "numberAvailable", "numberUnavailable")
        kept = {k: v for k, v in status.items() if v or k not in optional}
        self._store.set_status(DAEMON_SETS, thing, kept)
