"""Gives every pod a worker, and serves logs and requests to pods."""

import http.client
import threading
from collections.abc import Sequence
from pathlib import Path

from local.guardian import Guardian

from ..podinfo import local_port
from ..podstatus import ADDRESS
from ..resources import PODS, Json
from ..runtime import PodReply, PodRequest, PodUnreachableError
from ..scheduling import mark_if_unschedulable
from ..settings import Pace, RegistryLogin
from ..store import Store
from .forward import Forwarders
from .images import Images
from .ports import Ports
from .worker import KUBELET, PodWorker

_PROXY_SECONDS = 30.0
_MAX_ANSWER = 16 * 1024 * 1024
_STOP_SECONDS = 10.0


class Kubelet:
    """The node's kubelet. Call start() and stop() once each."""

    def __init__(self, store: Store, *, state_dir: Path, registries: Sequence[RegistryLogin], pace: Pace) -> None:
        self._store = store
        self._state_dir = state_dir
        self._pace = pace
        self._images = Images(state_dir / "images", registries)
        self._forwarders = Forwarders(store)
        self._ports = Ports()
        self._guardian: Guardian | None = None
        self._workers: dict[str, PodWorker] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    def start(self) -> None:
        self._guardian = Guardian()
        self._thread.start()

    def stop(self) -> None:
        """End every process; the guardian kills those that do not end by themselves."""
        self._stopped.set()
        with self._store.changed:
            self._store.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()
        for worker in self._workers.values():
            worker.close()
        for worker in self._workers.values():
            worker.join(_STOP_SECONDS)
        self._forwarders.close()
        if self._guardian is not None:
            self._guardian.close()

    def log(self, pod: Json, container: str, *, previous: bool = False) -> bytes | None:
        worker = self._workers.get(pod["metadata"]["uid"])
        return None if worker is None else worker.log(container, previous=previous)

    def fetch(self, pod: Json, port: int | str, request: PodRequest) -> PodReply:
        number = local_port(pod, port)
        if number is None:
            raise PodUnreachableError(f"pod {pod['metadata']['name']} has no port {port}")
        connection = http.client.HTTPConnection(ADDRESS, number, timeout=_PROXY_SECONDS)
        try:
            connection.request(request.method, request.target, body=request.body or None, headers=dict(request.headers))
            response = connection.getresponse()
            body = response.read(_MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            raise PodUnreachableError(f"dial tcp {ADDRESS}:{number}: {error}") from error
        finally:
            connection.close()
        if len(body) > _MAX_ANSWER:
            raise PodUnreachableError(f"the response is longer than {_MAX_ANSWER} bytes")
        return PodReply(code=response.status, headers=tuple(response.getheaders()), body=body)

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._store.changed:
                version = self._store.version
                self._look()
                if self._store.version == version:
                    self._store.changed.wait(1.0)

    def _look(self) -> None:
        self._forwarders.keep_up()
        pods = {p["metadata"]["uid"]: p for p in self._store.find(PODS)}
        for uid, pod in pods.items():
            if uid not in self._workers:
                self._begin(pod)
            elif "deletionTimestamp" in pod["metadata"]:
                self._workers[uid].wake()
        for uid in [u for u in self._workers if u not in pods]:
            self._workers.pop(uid).wake()

    def _begin(self, pod: Json) -> None:
        if not mark_if_unschedulable(self._store, pod, manager=KUBELET):
            self._workers[pod["metadata"]["uid"]] = self._start(pod)
        elif "deletionTimestamp" in pod["metadata"]:
            self._store.remove(PODS, pod)

    def _start(self, pod: Json) -> PodWorker:
        if self._guardian is None:
            raise RuntimeError("the kubelet has not been started")
        worker = PodWorker(
            self._store,
            pod,
            images=self._images,
            forwarders=self._forwarders,
            guardian=self._guardian,
            ports=self._ports,
            home=self._state_dir / "pods" / pod["metadata"]["uid"],
            pace=self._pace,
        )
        worker.start()
        return worker
