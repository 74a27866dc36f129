"""Runs one pod, from its first pull to its last signal, on a thread of its own."""

import copy
import json
import shutil
import threading
import time
import traceback
from pathlib import Path

from local.guardian import Guardian

from ..errors import ApiError
from ..podinfo import PORTS, container_port, is_terminating
from ..podstatus import NODE, pod_status
from ..resources import PODS, Json
from ..settings import Pace
from ..store import Store
from .container import Container, Context, make_home
from .environment import Launch, launch, service_variables, variables, volume_mounts
from .events import record_event
from .forward import Forwarders
from .images import Image, Images
from .ports import Ports

KUBELET = "kubelet"


class PodWorker:
    """Runs one pod. `wake()` makes it check at once; `close()` ends its processes."""

    def __init__(
        self,
        store: Store,
        pod: Json,
        *,
        images: Images,
        forwarders: Forwarders,
        guardian: Guardian,
        ports: Ports,
        home: Path,
        pace: Pace,
    ) -> None:
        self._store = store
        self._pod = pod
        self._images = images
        self._forwarders = forwarders
        self._guardian = guardian
        self._pool = ports
        self._home = home
        self._pace = pace
        self._ports: dict[int, int] = {}
        self._wake = threading.Event()
        self._closing = False
        policy = pod["spec"].get("restartPolicy", "Always")
        self._init = [
            Container(c, "OnFailure" if policy == "Always" else policy, self._context(c))
            for c in pod["spec"].get("initContainers") or []
        ]
        self._main = [
            Container(c, policy, self._context(c), restarts=_restarts(pod, c)) for c in pod["spec"]["containers"]
        ]
        self._thread = threading.Thread(target=self._run, name=f"pod-{pod['metadata']['name']}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def close(self) -> None:
        self._closing = True
        self._wake.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)

    def log(self, container: str, *, previous: bool) -> bytes | None:
        match = next((c for c in [*self._init, *self._main] if c.name == container), None)
        buffer = None if match is None else match.previous_log if previous else match.log
        return None if buffer is None else buffer.read()

    # ---- the pod's life

    def _run(self) -> None:
        try:
            self._bind()
            while not self._closing and self._live():
                self._wake.wait(self._pace.tick)
                self._wake.clear()
            if not self._closing:
                self._end()
        finally:
            for container in [*self._init, *self._main]:
                container.kill()
            for port in self._ports.values():
                self._pool.give_back(port)
            shutil.rmtree(self._home, ignore_errors=True)

    def _live(self) -> bool:
        """Check the pod once; False if it has to end."""
        pod = self._current()
        if pod is None or is_terminating(pod):
            return False
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            try:
                self._step()
                self._report()
            except Exception:  # noqa: BLE001 - a bug that shows in one pod is printed, and the pod can still be deleted
                traceback.print_exc()
        return True

    def _step(self) -> None:
        for container in self._init:
            container.step()
            if container.exit_code is None:
                return
            if container.exit_code != 0:
                return  # restartPolicy Never: the pod has failed
        for container in self._main:
            container.step()

    def _end(self) -> None:
        """SIGTERM, the grace period, SIGKILL; then the pod is removed."""
        pod = self._current()
        grace = 0 if pod is None else pod["metadata"].get("deletionGracePeriodSeconds", 30)
        deadline = time.monotonic() + grace
        containers = [*self._init, *self._main]
        for container in containers:
            container.terminate()
        if pod is not None:
            self._report()
        while not all(list(map(Container.ended, containers))) and time.monotonic() < deadline and not self._closing:
            if self._current() is None:
                break  # deleted again, without grace
            self._wake.wait(self._pace.tick)
            self._wake.clear()
        for container in containers:
            container.kill()
        with self._store.changed:
            pod = self._current()
            if pod is not None:
                self._store.remove(PODS, pod)

    def _current(self) -> Json | None:
        """The pod as it is now; None if it is gone, or was replaced by another one of the same name."""
        metadata = self._pod["metadata"]
        pod = self._store.get(PODS, metadata["namespace"], metadata["name"])
        return pod if pod is not None and pod["metadata"]["uid"] == metadata["uid"] else None

    # ---- writing

    def _bind(self) -> None:
        """Set the node, and choose a free port of this machine for every declared port."""
        for container in self._pod["spec"]["containers"]:
            for port in container.get("ports") or []:
                self._ports[int(port["containerPort"])] = self._pool.take()
        with self._store.changed:
            pod = self._current()
            if pod is None:
                return
            bound = copy.deepcopy(pod)
            bound["spec"]["nodeName"] = NODE
            if self._ports:
                annotations = bound["metadata"].setdefault("annotations", {})
                annotations[PORTS] = json.dumps({str(k): v for k, v in self._ports.items()})
            self._store.update(PODS, pod, bound, manager=KUBELET)

    def _report(self) -> None:
        init = [c.status() for c in self._init]
        main = [c.status() for c in self._main]
        failed_init = any(c.exit_code for c in self._init)
        with self._store.changed:
            pod = self._current()
            if pod is None:
                return
            status = pod_status(
                pod,
                main,
                init_states=init,
                timestamp=self._store.timestamp(),
                phase="Failed" if failed_init else None,
            )
            self._store.set_status(PODS, pod, status, manager=KUBELET)

    def _event(self, kind: str, reason: str, message: str) -> None:
        try:
            record_event(self._store, self._pod, type=kind, reason=reason, message=message)
        except ApiError as error:
            if error.code not in (
                403,
                404,
                409,
            ):  # the namespace is being deleted, or somebody else wrote the event: it may be lost
                raise

    # ---- what the containers need

    def _context(self, spec: Json) -> Context:
        return Context(
            pull=self._images.get,
            prepare=lambda image: self._prepare(spec, image),
            local_port=self._local_port,
            guardian=self._guardian,
            pace=self._pace,
            clock=time.monotonic,
            timestamp=self._store.timestamp,
            event=self._event,
        )

    def _prepare(self, spec: Json, image: Image) -> Launch:
        pod = self._current() or self._pod
        services = service_variables(self._store, pod["metadata"]["namespace"], self._forwarders.port_of)
        declared = [int(p["containerPort"]) for p in spec.get("ports") or []]
        ports = {number: self._ports[number] for number in declared if number in self._ports}
        environment = variables(self._store, pod, spec, image=image, services=services, ports=ports)
        home = make_home(self._home, spec["name"])
        mounts = volume_mounts(self._store, pod, spec, home)
        return launch(spec, image, environment, home=home, mounts=mounts)

    def _local_port(self, name_or_number: int | str) -> int | None:
        number = container_port(self._pod, name_or_number)
        return None if number is None else self._ports.get(number, number)


def _restarts(pod: Json, spec: Json) -> int:
    """How often a container was restarted; one more if it was running when the node was restarted."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    previous: Json = next((status for status in statuses if status["name"] == spec["name"]), {})
    return int(previous.get("restartCount", 0)) + ("running" in (previous.get("state") or {}))
