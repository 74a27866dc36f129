"""Assembles the double: store, controllers, the runtime of the pods, and the HTTP server in front."""

import shutil
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from .access import LETS_IN, Access
from .controllers import Controllers
from .http import Api, ApiServer, SeenRequest
from .keeping import Keeper
from .kubelet import Kubelet
from .podstatus import ADDRESS, NODE
from .resources import NAMESPACES, NODES, VERSION
from .runtime import Runtime
from .settings import KubernetesSettings
from .simulation import SimulatedRuntime
from .store import Store
from .subresources import Subresources
from .verbs import Verbs

BUILT_IN_NAMESPACES = ("default", "kube-system")


class Kubernetes:
    """A cluster of one node. Use it as a context manager, or call start() and stop()."""

    def __init__(
        self, settings: KubernetesSettings | None = None, *, port: int = 0, store: Store | None = None
    ) -> None:
        self.settings = settings or KubernetesSettings()
        self.store = store or Store()
        self._own_state = self.settings.state_dir is None
        self.state_dir = Path(self.settings.state_dir or tempfile.mkdtemp(prefix="slipway-kubernetes-"))
        self._keeper = None if self._own_state else Keeper(self.store, self.state_dir / "objects.json")
        self._prepare()
        self.runtime = self._runtime()
        access = self._access = Access(self.settings.tokens, self._users_let_in)
        self._api = Api(
            store=self.store,
            access=access,
            verbs=Verbs(self.store, access),
            subresources=Subresources(self.store, self.runtime),
        )
        self._server = ApiServer(self._api, port)
        self._controllers = Controllers(self.store, self.settings.pace)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="api-server", daemon=True
        )

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[SeenRequest]:
        """The requests that arrived, oldest first, for tests to read."""
        return list(self._api.seen)

    def rights_used(self, user: str, namespace: str) -> frozenset[tuple[str, str, str]]:
        """What a user was recently allowed to do in a namespace: verb, API group, and the resource with its
        subresource."""
        attempts = [
            attempt for who, attempt in list(self._access.used) if who == user and attempt.namespace == namespace
        ]
        return frozenset((attempt.verb, attempt.group, attempt.resource) for attempt in attempts)

    def start(self) -> Self:
        self.runtime.start()
        self._controllers.start()
        self._thread.start()
        if self._keeper:
            self._keeper.start()
        return self

    def stop(self) -> None:
        """Stop the server, the controllers and every process of a container."""
        self._server.stopping = True
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()
        self._controllers.stop()
        self.runtime.stop()
        if self._keeper:
            self._keeper.stop()
        else:
            shutil.rmtree(self.state_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _users_let_in(self, namespace: str) -> frozenset[str]:
        """The users whom the namespace's annotation lets in, besides those whose token names the namespace."""
        stored = self.store.get(NAMESPACES, None, namespace)
        annotations = (stored or {"metadata": {}})["metadata"].get("annotations") or {}
        return frozenset(str(annotations.get(LETS_IN, "")).split())

    def _runtime(self) -> Runtime:
        if (rules := self.settings.simulation) is not None:
            return SimulatedRuntime(self.store, rules, self.settings.pace)
        return Kubelet(
            self.store, state_dir=self.state_dir, registries=self.settings.registries, pace=self.settings.pace
        )

    def _prepare(self) -> None:
        for name in dict.fromkeys((*BUILT_IN_NAMESPACES, *self.settings.namespaces)):
            if self.store.get(NAMESPACES, None, name):
                continue
            self.store.create(
                NAMESPACES, None, {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}}
            )
        if self.store.get(NODES, None, NODE):
            return
        node = self.store.create(NODES, None, {"metadata": {"name": NODE, "labels": {"kubernetes.io/os": "linux"}}})
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
        info = {"kubeletVersion": VERSION["gitVersion"], "operatingSystem": "linux", "architecture": "amd64"}
        addresses = [{"type": "InternalIP", "address": ADDRESS}, {"type": "Hostname", "address": NODE}]
        status = {"conditions": [ready], "nodeInfo": info, "addresses": addresses}
        self.store.set_status(NODES, node, status, manager="kubelet")
