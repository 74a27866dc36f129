"""A cluster behind the Kubernetes API, as it stands beside Slipway: what others do to it, and what it reports.

It is the double of `local/kubernetes` behind a real socket. Its controllers and its kubelet are moved by hand and live
by the test's clock, so that nothing waits and nothing depends on which thread is quicker.
"""

import copy
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import urllib3

from local.kubernetes import Kubernetes, KubernetesSettings, Simulation, Token
from local.kubernetes.controllers.common import create_pod
from local.kubernetes.controllers.daemonset import DaemonSets
from local.kubernetes.controllers.revisions import LABEL
from local.kubernetes.podinfo import is_available, is_ready, is_terminating, owned_pods
from local.kubernetes.podstatus import container_status, pod_status
from local.kubernetes.resources import DAEMON_SETS, DEPLOYMENTS, NODES, PODS, Resource, by_path
from local.kubernetes.simulation import SimulatedRuntime
from local.kubernetes.store import Store
from slipway.effects.cluster import Cluster, ClusterAccess, connect_cluster
from slipway.testing import ManualClock

from .applications import Json

TOKEN = "token-of-the-situations"
ROUNDS = 500


class KubernetesCluster:
    """One cluster with one namespace. `come_to_rest` lets its controllers do what there is to do."""

    def __init__(self, double: Kubernetes, client: Cluster, time: ManualClock, namespace: str) -> None:
        self._double, self.client, self.time, self.namespace = double, client, time, namespace
        if not isinstance(double.runtime, SimulatedRuntime):
            raise TypeError(f"expected simulated pods, got {double.runtime}")
        self._store, self._runtime = double.store, double.runtime
        self._http = urllib3.PoolManager(retries=False)
        self.pulls_fail = ""
        """The reason why no image can be pulled for now, in the kubelet's words; empty if images can be pulled."""
        self.failing: set[str] = set()
        """Names of Jobs whose program ends with an error for now."""
        self._statuses: dict[tuple[str, str], Json] = {}
        self._take_over()

    def _take_over(self) -> None:
        """Let the cluster report the situation's state in place of the state that the double would work out.

        The double runs in threads of its own and has no interface for this, so private attributes are replaced.
        """
        controllers, runtime = self._double._controllers, self._runtime
        controllers._controllers = (
            *(controller for controller in controllers._controllers if not isinstance(controller, DaemonSets)),
            _OnEachNode(self._store),
        )
        set_status, original_annotation = self._store.set_status, runtime._annotation

        def set_reported_status(resource: Resource, manifest: Json, status: Json, **more: Any) -> Json:
            reported = self._statuses.get((resource.kind, manifest["metadata"]["name"]))
            if reported is not None:
                status = {"observedGeneration": manifest["metadata"]["generation"], **reported}
            stored: Json = set_status(resource, manifest, status, **more)
            return stored

        def annotation(pod: Json, name: str, default: str) -> str:
            owner = pod["metadata"].get("labels", {}).get("batch.kubernetes.io/job-name", "")
            return "fail" if name == "outcome" and owner in self.failing else original_annotation(pod, name, default)

        # The names come from the methods, so that the type check sees one that is renamed.
        setattr(self._store, set_status.__name__, set_reported_status)
        setattr(runtime, original_annotation.__name__, annotation)

    # ---- what others do
    def create(self, manifest: Json, *, manager: str) -> None:
        """Somebody else makes an object, under the name that their tool gives itself."""
        self._send("POST", self._path(manifest), manifest, manager=manager)

    def patch(self, plural: str, name: str, change: Json, *, subresource: str = "") -> None:
        """Somebody changes an object by hand."""
        path = f"/apis/apps/v1/namespaces/{self.namespace}/{plural}/{name}{subresource}"
        self._send("PATCH", path, change, kind="application/merge-patch+json")
        self.come_to_rest()

    def scale(self, name: str, replicas: int) -> None:
        """An autoscaler sets a Deployment's replicas."""
        self.patch("deployments", name, {"spec": {"replicas": replicas}}, subresource="/scale")

    def pause(self, name: str) -> None:
        """`kubectl rollout pause`."""
        self.patch("deployments", name, {"spec": {"paused": True}})

    # ---- what it reports
    def add_node(self, name: str, *, ready: bool) -> None:
        node = self._store.create(NODES, None, {"metadata": {"name": name}})
        condition = {"type": "Ready", "status": "True" if ready else "Unknown"}
        if not ready:
            condition |= {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
        self._store.set_status(NODES, node, {"conditions": [condition]})

    def report(self, name: str, **status: Any) -> None:
        """Report this status of a Deployment from now on, whatever the double's own controllers would say."""
        times = dict.fromkeys(("lastUpdateTime", "lastTransitionTime"), self._store.timestamp())
        conditions = [times | condition for condition in status.get("conditions", ())]
        self._statuses["Deployment", name] = status | {"conditions": conditions}

    def has(self, plural: str, name: str) -> bool:
        resource = by_path("v1", plural)
        return resource is not None and self._store.get(resource, self.namespace, name) is not None

    def deployment(self, name: str = "shop") -> Json:
        stored: Json = self._store.need(DEPLOYMENTS, self.namespace, name)
        return stored

    def come_to_rest(self) -> None:
        """Controllers and kubelet work until nothing changes any more."""
        for _ in range(ROUNDS):
            with self._store.changed:
                before = self._store.version
                self._double._controllers.step()
                for pod in self._store.find(PODS):
                    self._run(pod)
                if self._store.version == before:
                    return
        raise RuntimeError("the cluster does not come to rest")

    def _run(self, pod: Json) -> None:
        if self._on_a_dead_node(pod):
            return
        if self.pulls_fail and not is_ready(pod) and not is_terminating(pod):
            waiting = {"reason": "ImagePullBackOff", "message": self.pulls_fail}
            states = [container_status(c, {"waiting": waiting}, ready=False) for c in pod["spec"]["containers"]]
            status = pod_status(pod, states, timestamp=self._store.timestamp())
            self._store.set_status(PODS, pod, status, manager="kubelet")
        else:
            self._runtime._step(pod)

    def _on_a_dead_node(self, pod: Json) -> bool:
        node = self._store.get(NODES, None, pod["spec"].get("nodeName", ""))
        ready = [c["status"] for c in ((node or {}).get("status") or {}).get("conditions", ()) if c["type"] == "Ready"]
        return bool(ready) and ready != ["True"]

    def _path(self, manifest: Json) -> str:
        group = manifest["apiVersion"]
        root = "/apis/" if "/" in group else "/api/"
        return f"{root}{group}/namespaces/{self.namespace}/{manifest['kind'].lower()}s"

    def _send(
        self, method: str, path: str, body: Json, *, kind: str = "application/json", manager: str = "kubectl"
    ) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        url = f"{self._double.url}{path}?fieldManager={manager}"
        response = self._http.request(method, url, body=json.dumps(body).encode(), headers=headers)
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {response.data[:300]!r}")

    def close(self) -> None:
        self._http.clear()


class _OnEachNode(DaemonSets):
    """The double has one node; this one puts a pod on each node."""

    def _step(self, daemon_set: Json, digest: str) -> None:
        pods_by_node = {pod["spec"].get("nodeName"): pod for pod in owned_pods(self._store, daemon_set)}
        for node in self._store.find(NODES):
            name = node["metadata"]["name"]
            pod = pods_by_node.get(name)
            if pod is None:
                template = copy.deepcopy(daemon_set["spec"]["template"])
                template["spec"]["nodeName"] = name
                create_pod(self._store, daemon_set, template, labels={LABEL: digest})
            elif pod["metadata"]["labels"].get(LABEL) != digest:
                self._store.delete(PODS, pod)

    def _report(self, daemon_set: Json, digest: str) -> None:
        pods, now = owned_pods(self._store, daemon_set), self._store.clock()
        desired = len(self._store.find(NODES))
        available = sum(is_available(pod, 0, now) for pod in pods)
        status = {
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": desired,
            "numberMisscheduled": 0,
            "numberReady": sum(map(is_ready, pods)),
            "updatedNumberScheduled": sum(pod["metadata"]["labels"].get(LABEL) == digest for pod in pods),
            "numberAvailable": available,
            "numberUnavailable": desired - available,
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        self._store.set_status(DAEMON_SETS, daemon_set, status)


@contextmanager
def start_kubernetes(*, namespace: str = "shop", never_pulled: tuple[str, ...] = ()) -> Iterator[KubernetesCluster]:
    """The API behind a socket, and nothing that moves by itself. Images of `never_pulled` digests do not exist."""
    settings = KubernetesSettings(
        namespaces=(namespace,),
        tokens=(Token(token=TOKEN, user="slipway"),),
        simulate=Simulation(bad_images=never_pulled),
    )
    time = ManualClock()
    double = Kubernetes(settings, store=Store(clock=time))
    server = threading.Thread(target=double._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    server.start()
    with connect_cluster(ClusterAccess(server=double.url, token=lambda: TOKEN)) as client:
        cluster = KubernetesCluster(double, client, time, namespace)
        try:
            yield cluster
        finally:
            cluster.close()
            double._server.shutdown()
            server.join()
            double.stop()
