"""Pods without programs, for fast tests of other parts: they become ready, fail or finish by rules.

Annotations control it, on the pod, its template or its owner:

    local.slipway/seconds   how long until ready, or until a Job's pod ends
    local.slipway/outcome   `fail`: the pods of a Job end with exit code 1, others never become ready
    local.slipway/log       the pods' log
    local.slipway/bad       tags or digests, separated by commas, that cannot be pulled
    local.slipway/answers   JSON {path: {"status": 200, "body": "…"}}: the pods' responses to the proxy
"""

import copy
import json
import threading
import time
from urllib.parse import urlsplit

from .podinfo import controller_of, is_finished, is_ready, is_terminating
from .podstatus import container_status, pod_status, split_containers
from .resources import PODS, Json
from .runtime import PodReply, PodRequest
from .scheduling import mark_if_unschedulable
from .settings import Pace, Simulation
from .store import Store

PREFIX = "local.slipway/"
KUBELET = "kubelet"
_LIMIT = 1024 * 1024


class SimulatedRuntime:
    """Steps through all pods at every change and every tick."""

    def __init__(self, store: Store, rules: Simulation, pace: Pace) -> None:
        self._store = store
        self._rules = rules
        self._pace = pace
        self._since: dict[str, float] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="simulated-kubelet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        with self._store.changed:  # set under the lock, because the loop checks it under the lock before it waits
            self._stopped.set()
            self._store.changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def log(self, pod: Json, container: str, *, previous: bool = False) -> bytes | None:  # noqa: ARG002 - all containers have the same log
        if previous or self._bad_image(pod):
            return None
        return self._annotation(pod, "log", "").encode()[:_LIMIT]

    def fetch(self, pod: Json, port: int | str, request: PodRequest) -> PodReply:
        path = urlsplit(request.target).path
        responses = json.loads(self._annotation(pod, "answers", "{}"))
        response = responses.get(path)
        if response is None:
            text = f"no simulated response for {path} at port {port}: set the annotation {PREFIX}answers\n"
            return PodReply(code=404, headers=(("Content-Type", "text/plain"),), body=text.encode())
        body = str(response.get("body", "")).encode()
        return PodReply(code=int(response.get("status", 200)), headers=(("Content-Type", "text/plain"),), body=body)

    # ---- the loop

    def _run(self) -> None:
        while not self._stopped.is_set():
            with self._store.changed:
                version = self._store.version
                for pod in self._store.find(PODS):
                    self._step(pod)
                alive = {p["metadata"]["uid"] for p in self._store.find(PODS)}
                self._since = {uid: t for uid, t in self._since.items() if uid in alive}
                if self._store.version == version and not self._stopped.is_set():
                    self._store.changed.wait(self._pace.tick if self._something_is_due() else None)

    def _something_is_due(self) -> bool:
        """Whether a pod will change by the passing of time alone."""
        return any(not is_finished(p) and (self._ends(p) or not is_ready(p)) for p in self._store.find(PODS))

    def _step(self, pod: Json) -> None:
        if is_terminating(pod):
            self._store.remove(PODS, pod)
        elif not is_finished(pod) and not mark_if_unschedulable(self._store, pod, manager=KUBELET):
            status = self._status(pod)
            if status is not None:
                self._store.set_status(PODS, pod, status, manager=KUBELET)

    def _status(self, pod: Json) -> Json | None:
        now = time.monotonic()
        since = self._since.setdefault(pod["metadata"]["uid"], now)
        timestamp = self._store.timestamp()
        bad = self._bad_image(pod)
        seconds = float(self._annotation(pod, "seconds", "0.3" if self._ends(pod) else "0.05"))
        is_due = now - since >= seconds
        fails = self._annotation(pod, "outcome", "") == "fail"
        states: list[Json] = []
        for container in split_containers(pod):
            if bad:
                reason_text = f'failed to resolve reference "{bad}": {bad}: not found'
                message = (
                    f'Back-off pulling image "{bad}": ErrImagePull: rpc error: code = NotFound desc = {reason_text}'
                )
                state: Json = {"waiting": {"reason": "ImagePullBackOff", "message": message}}
            elif self._ends(pod) and is_due:
                code = 1 if fails else 0
                reason = "Error" if code else "Completed"
                state = {
                    "terminated": {"exitCode": code, "reason": reason, "startedAt": timestamp, "finishedAt": timestamp}
                }
            else:
                state = {"running": {"startedAt": timestamp}}
            ready = "running" in state and (self._ends(pod) or (is_due and not fails))
            states.append(container_status(container, state, ready=ready))
        previous = copy.deepcopy(pod.get("status") or {})
        previous_states = {s["name"]: s["state"] for s in previous.get("containerStatuses") or []}
        for status in states:  # a running container keeps its start time
            if "running" in status["state"] and "running" in previous_states.get(status["name"], {}):
                status["state"] = previous_states[status["name"]]
        return pod_status(pod, states, timestamp=timestamp)

    @staticmethod
    def _ends(pod: Json) -> bool:
        return bool(pod["spec"].get("restartPolicy") in ("Never", "OnFailure"))

    def _bad_image(self, pod: Json) -> str | None:
        bad = {*self._rules.bad_images, *(t.strip() for t in self._annotation(pod, "bad", "").split(","))} - {""}
        for container in pod["spec"]["containers"]:
            image = str(container.get("image", ""))
            tag = image.rpartition("/")[2].partition("@")[0].partition(":")[2]
            digest = image.partition("@")[2]
            if bad & {image, tag, digest}:
                return image
        return None

    def _annotation(self, pod: Json, name: str, default: str) -> str:
        api_object: Json | None = pod
        while api_object is not None:
            annotations = api_object["metadata"].get("annotations") or {}
            if PREFIX + name in annotations:
                return str(annotations[PREFIX + name])
            api_object = self._owner(api_object)
        return default

    def _owner(self, api_object: Json) -> Json | None:
        reference = controller_of(api_object)
        if reference is None:
            return None
        resource = self._store.of_kind(reference["apiVersion"], reference["kind"])
        return self._store.get(resource, api_object["metadata"]["namespace"], reference["name"]) if resource else None
