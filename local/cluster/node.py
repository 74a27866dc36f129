"""One node: it registers, renews its lease, serves logs at the kubelet's port, and runs the pods.

The pods are run by the double's own kubelet (as programs), or simulated by its rules. Both see a mirror of the API
server's objects and cannot tell the difference.
"""

import http.server
import logging
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from local.kubernetes.kubelet import Kubelet
from local.kubernetes.podstatus import NODE
from local.kubernetes.resources import PODS
from local.kubernetes.runtime import Runtime
from local.kubernetes.settings import KubernetesSettings
from local.kubernetes.simulation import SimulatedRuntime
from local.kubernetes.subresources import end_of_log, why_no_log

from .api import Api, ApiServerAway, Json, Refused
from .certificates import Certificates
from .mirror import Mirror
from .tunnel import Tunnel

_HEARTBEAT = 8.0
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_MERGE = "application/merge-patch+json"
_LOG_PATH_PARTS = 4  # containerLogs/NAMESPACE/POD/CONTAINER
_ROOM = {"cpu": "64", "memory": "256Gi", "pods": "500", "ephemeral-storage": "100Gi"}

_log = logging.getLogger(__name__)


class Node:
    """Call start() and stop() once each."""

    def __init__(
        self,
        api: Api,
        settings: KubernetesSettings,
        *,
        files: Certificates,
        tunnel: Path,
        folder: Path,
        kubernetes: str,
    ) -> None:
        """`kubernetes` is the version that the node reports."""
        self._api, self._kubernetes = api, kubernetes
        self._mirror = Mirror(api, NODE)
        self._runtime = _runtime(self._mirror, settings, folder)
        self._logs = _log_server(self._mirror, self._runtime, files)
        self._tunnel = Tunnel(
            tunnel, kubelet_port=self._logs.server_port, pod_at=self._mirror.pod_at, runtime=self._runtime
        )
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._logs.serve_forever, kwargs={"poll_interval": 0.05}, name="kubelet-port", daemon=True
            ),
            threading.Thread(target=self._heartbeat, name="node", daemon=True),
        ]

    def start(self) -> None:
        """The API server has to be ready."""
        self._register()
        for thread in self._threads:
            thread.start()
        self._tunnel.start()
        self._mirror.start()
        self._runtime.start()

    def stop(self) -> None:
        self._ended.set()
        self._mirror.stop()
        self._runtime.stop()
        self._tunnel.stop()
        self._logs.shutdown()
        self._logs.server_close()

    def _register(self) -> None:
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        create_unless_present(self._api, "POST", "/api/v1/nodes", node)
        lease = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": NODE, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": _micro_time()},
        }
        create_unless_present(self._api, "POST", _LEASES, lease)
        self._report()

    def _report(self) -> None:
        status = _status(self._logs.server_port, self._kubernetes)
        self._api.call("PATCH", f"/api/v1/nodes/{NODE}/status", {"status": status}, media=_MERGE)

    def _heartbeat(self) -> None:
        while not self._ended.wait(_HEARTBEAT):
            try:
                self._api.call("PATCH", f"{_LEASES}/{NODE}", {"spec": {"renewTime": _micro_time()}}, media=_MERGE)
                self._report()
            except (ApiServerAway, Refused) as reason:
                _log.warning("node: %s", reason)


def create_unless_present(api: Api, method: str, path: str, body: Json) -> None:
    try:
        api.call(method, path, body)
    except Refused as refused:
        if refused.status != HTTPStatus.CONFLICT:
            raise


def _runtime(mirror: Mirror, settings: KubernetesSettings, folder: Path) -> Runtime:
    if (rules := settings.simulation) is not None:
        return SimulatedRuntime(mirror, rules, settings.pace)
    return Kubelet(mirror, state_dir=folder, registries=settings.registries, pace=settings.pace)


def _now() -> datetime:
    return datetime.now(UTC)


def _micro_time() -> str:
    return _now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _status(port: int, kubernetes: str) -> Json:
    now = _now().strftime("%Y-%m-%dT%H:%M:%SZ")
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
        "lastHeartbeatTime": now,
        "lastTransitionTime": now,
    }
    node_info = dict.fromkeys(("bootID", "kernelVersion", "kubeProxyVersion", "machineID", "systemUUID"), "")
    node_info |= {"architecture": "amd64", "operatingSystem": "linux", "osImage": "this machine"}
    node_info |= {"containerRuntimeVersion": "processes://1", "kubeletVersion": f"v{kubernetes}"}
    return {
        "capacity": _ROOM,
        "allocatable": _ROOM,
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": NODE}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        "nodeInfo": node_info,
        "conditions": [ready],
    }


def _log_server(mirror: Mirror, runtime: Runtime, files: Certificates) -> http.server.ThreadingHTTPServer:
    """Serves the API server only: a client must show a certificate of the cluster's authority."""
    handler = type("LogHandler", (_LogHandler,), {"mirror": mirror, "runtime": runtime})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate("kubelet"), files.key("kubelet"))
    context.load_verify_locations(files.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


class _LogHandler(http.server.BaseHTTPRequestHandler):
    mirror: Mirror
    runtime: Runtime
    timeout = 60

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = url.path.strip("/").split("/")
        if len(parts) != _LOG_PATH_PARTS or parts[0] != "containerLogs":
            self._send(HTTPStatus.NOT_FOUND, b"404 page not found\n")
            return
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        _, namespace, name, container = parts
        self._send(*self._log(namespace, name, container, query))

    def _log(self, namespace: str, name: str, container: str, query: dict[str, str]) -> tuple[HTTPStatus, bytes]:
        pod = self.mirror.get(PODS, namespace, name)
        if pod is None:
            return HTTPStatus.NOT_FOUND, f'pod "{name}" not found\n'.encode()
        previous = query.get("previous") == "true"
        log = self.runtime.log(pod, container, previous=previous)
        if log is None:
            return HTTPStatus.BAD_REQUEST, why_no_log(pod, container, previous=previous).encode()
        number: Callable[[str], int | None] = lambda key: int(query[key]) if key in query else None  # noqa: E731
        return HTTPStatus.OK, end_of_log(log, tail=number("tailLines"), limit=number("limitBytes"))

    def _send(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: the API server logs each request."""
