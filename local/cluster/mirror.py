"""A store whose objects are those of a real API server: watched, never invented. The double's kubelet runs on it.

Reads come from memory for the kinds that a node looks at all the time, and from the API server for all others. Writes
go to the API server, and the mirror keeps what it returns. If the server is down, the write is retried at the next
look, which comes within a second.
"""

import contextlib
import copy
import logging
import threading
import time
from http import HTTPStatus
from typing import Any

from local.kubernetes.podinfo import is_finished, is_ready
from local.kubernetes.resources import (
    CONFIG_MAPS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    REPLICA_SETS,
    SECRETS,
    SERVICES,
    STATEFUL_SETS,
    Json,
    Resource,
)
from local.kubernetes.store import SYSTEM_MANAGER, Store, object_key

from .addresses import Addresses
from .api import Api, ApiServerAway, Refused

WATCHED = (PODS, SERVICES, CONFIG_MAPS, SECRETS, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
_AGAIN = 1.0
_MERGE = "application/merge-patch+json"
_INJECTED = "kube-api-access-"
"""Volumes with a token for the API server, which admission adds to each pod. The programs here get none."""
_OURS = frozenset({"PodScheduled", "Initialized", "ContainersReady", "Ready"})

_log = logging.getLogger(__name__)


class Mirror(Store):
    """The objects of one API server, for the pods of one node."""

    def __init__(self, api: Api, node: str) -> None:
        super().__init__()
        self._api = api
        self._node = node
        self._addresses = Addresses()
        self._reported: dict[str, tuple[Json, Json]] = {}
        self._leaving: dict[str, float] = {}
        self._ended = threading.Event()
        self._synced = {resource: threading.Event() for resource in WATCHED}
        self._threads = [
            threading.Thread(target=self._follow, args=(resource,), name=f"watch-{resource.plural}", daemon=True)
            for resource in WATCHED
        ]

    def start(self) -> None:
        """Returns once everything was listed, so that no pod is handled before its owner is known."""
        for thread in self._threads:
            thread.start()
        for synced in self._synced.values():
            synced.wait()

    def stop(self) -> None:
        """The watches end with the process or with the server."""
        self._ended.set()

    def pod_at(self, address: str) -> Json | None:
        with self.changed:
            uid = self._addresses.owner(address)
            return next((pod for pod in self.find(PODS) if pod["metadata"]["uid"] == uid), None)

    # ---- reading

    def get(self, resource: Resource, namespace: str | None, name: str) -> Json | None:
        """From memory, or else from the API server: an owner may reach the watch later than its pod."""
        stored = super().get(resource, namespace, name)
        if stored is not None or resource in (PODS, EVENTS):
            return stored
        try:
            return self._api.call("GET", _path(resource, namespace, name))
        except Refused as refused:
            if refused.status != HTTPStatus.NOT_FOUND:
                _log.warning("get %s %s: %s", resource.plural, name, refused)
        except ApiServerAway as away:
            _log.warning("get %s %s: %s", resource.plural, name, away)
        return None

    # ---- writing

    def create(self, resource: Resource, namespace: str | None, body: Json, *, dry_run: bool = False) -> Json:
        """Create an event; a node creates nothing else."""
        del dry_run
        event = {**body, "apiVersion": resource.api_version, "kind": resource.kind}
        created = self._send("POST", _path(resource, namespace), event)
        if created is not None:
            self._put(resource, created)
        return created or event

    def set_status(self, resource: Resource, api_object: Json, status: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        del manager
        uid = api_object["metadata"]["uid"]
        if self._reported.get(uid) == (status, api_object.get("status")):
            return api_object
        node_status = self._as_node(api_object, status)
        changed = self._patch(resource, api_object, {"status": node_status}, "/status")
        if changed is not None:
            self._reported[uid] = (status, changed["status"])
        return changed or api_object

    def update(self, resource: Resource, api_object: Json, new: Json, *, manager: str = SYSTEM_MANAGER) -> Json:
        """Change a pod's annotations, or an event's count. The node of a pod is set by the scheduler."""
        del manager
        if resource is PODS:
            body: Json = {"metadata": {"annotations": new["metadata"].get("annotations") or {}}}
        else:
            body = {key: new[key] for key in ("count", "lastTimestamp") if key in new}
        return self._patch(resource, api_object, body) or api_object

    def remove(self, resource: Resource, api_object: Json) -> Json:
        """Delete a pod that has ended, after reporting how its containers ended."""
        metadata = api_object["metadata"]
        uid, now = metadata["uid"], time.monotonic()
        if now - self._leaving.get(uid, -_AGAIN) < _AGAIN:
            return api_object  # deleted already, but a finalizer still holds it
        self._leaving[uid] = now
        if resource is PODS and not is_finished(api_object):
            self._patch(resource, api_object, {"status": _ended_status(api_object)}, "/status")
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        deleted = self._send("DELETE", _path(resource, metadata.get("namespace"), metadata["name"]), options)
        if deleted is None or deleted.get("metadata", {}).get("finalizers"):
            self._schedule_wake()
        else:
            self._drop(resource, api_object)
        return api_object

    # ---- inside

    def _as_node(self, pod: Json, status: Json) -> Json:
        """The status with the pod's own address, and with the conditions that others wrote."""
        address = self._addresses.address_of(pod["metadata"]["uid"])
        conditions = (pod.get("status") or {}).get("conditions") or []
        foreign_conditions = [condition for condition in conditions if condition["type"] not in _OURS]
        fixed = {"podIP": address, "podIPs": [{"ip": address}], "hostIP": "127.0.0.1"}
        observed = {"observedGeneration": pod["metadata"].get("generation", 1)}
        reported = {key: value for key, value in status.items() if key != "qosClass"}
        return {**reported, **fixed, **observed, "conditions": [*status["conditions"], *foreign_conditions]}

    def _patch(self, resource: Resource, api_object: Json, body: Json, sub: str = "") -> Json | None:
        """Patch exactly this object: a successor of the same name has another uid."""
        metadata = api_object["metadata"]
        path = _path(resource, metadata.get("namespace"), metadata["name"]) + sub
        patch = {**body, "metadata": {**body.get("metadata", {}), "uid": metadata["uid"]}}
        changed = self._send("PATCH", path + "?fieldManager=kubelet", patch, media=_MERGE)
        return None if changed is None else self._put(resource, changed)

    def _send(self, method: str, path: str, body: Json, *, media: str = "application/json") -> Json | None:
        """Send a request. Returns None if it failed, and schedules another look. That an object is gone or was changed
        by somebody else is not logged."""
        try:
            return self._api.call(method, path, body, media=media)
        except Refused as refused:
            if refused.status not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
                _log.warning("%s %s: %s", method, path, refused)
        except ApiServerAway as away:
            _log.warning("%s %s: %s", method, path, away)
        self._schedule_wake()
        return None

    def _schedule_wake(self) -> None:
        timer = threading.Timer(_AGAIN, self._wake)
        timer.daemon = True
        timer.start()

    def _wake(self) -> None:
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def _follow(self, resource: Resource) -> None:
        """List, then watch from there; start again if the server no longer knows the version."""
        while not self._ended.is_set():
            try:
                since = self._list(resource)
                self._synced[resource].set()
                while not self._ended.is_set():
                    since = self._watch(resource, since)
            except (ApiServerAway, Refused) as reason:
                if not self._ended.is_set():
                    _log.warning("watch %s: %s", resource.plural, reason)
                self._ended.wait(_AGAIN)

    def _list(self, resource: Resource) -> str:
        page = self._api.call("GET", self._list_path(resource))
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        objects = [{**item, **kind} for item in page.get("items") or []]
        with self.changed:
            alive = {item["metadata"]["uid"] for item in objects}
            for stored in super().find(resource):
                if stored["metadata"]["uid"] not in alive:
                    self._drop(resource, stored)
            for item in objects:
                self._put(resource, item)
        return str(page["metadata"]["resourceVersion"])

    def _watch(self, resource: Resource, since: str) -> str:
        for event in self._api.watch(self._list_path(resource), since):
            item = event["object"]
            if event["type"] == "ERROR":
                raise Refused(int(item.get("code", 500)), str(item.get("message")))
            since = str(item["metadata"]["resourceVersion"])
            if event["type"] == "DELETED":
                self._drop(resource, item)
            elif event["type"] != "BOOKMARK":
                self._put(resource, item)
        return since

    def _list_path(self, resource: Resource) -> str:
        """The path of the list; for pods only those of our node, as a kubelet requests them."""
        of_node = f"?fieldSelector=spec.nodeName%3D{self._node}" if resource is PODS else ""
        return _path(resource, None) + of_node

    def _put(self, resource: Resource, api_object: Json) -> Json:
        """Store the object unless a newer version is known: a response and a watch may overtake each other."""
        api_object = _without_token(api_object) if resource is PODS else api_object
        with self.changed:
            key = object_key(resource, api_object)
            stored = self._objects.get(key)
            if stored is not None and _version(stored) >= _version(api_object):
                return stored
            self._objects[key] = api_object
            self._wake()
        return api_object

    def _drop(self, resource: Resource, api_object: Json) -> None:
        uid = api_object["metadata"]["uid"]
        with self.changed:
            stored = self._objects.get(object_key(resource, api_object))
            if stored is not None and stored["metadata"]["uid"] == uid:
                del self._objects[object_key(resource, api_object)]
            if resource is PODS:
                self._reported.pop(uid, None)
                self._leaving.pop(uid, None)
                self._addresses.free(uid)
            self._wake()


def _path(resource: Resource, namespace: str | None, name: str = "") -> str:
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.api_version}"
    scope = f"/namespaces/{namespace}" if namespace and resource is not NAMESPACES else ""
    return f"{root}{scope}/{resource.plural}" + (f"/{name}" if name else "")


def _version(api_object: Json) -> int:
    return int(api_object["metadata"]["resourceVersion"])


def _without_token(pod: Json) -> Json:
    volumes = pod["spec"].get("volumes") or []
    if not any(volume["name"].startswith(_INJECTED) for volume in volumes):
        return pod
    pod = copy.deepcopy(pod)
    pod["spec"]["volumes"] = [volume for volume in volumes if not volume["name"].startswith(_INJECTED)]
    for kind in ("initContainers", "containers"):
        for container in pod["spec"].get(kind) or []:
            mounts = container.get("volumeMounts") or []
            container["volumeMounts"] = [mount for mount in mounts if not mount["name"].startswith(_INJECTED)]
    return pod


def _ended_status(pod: Json) -> Json:
    """The status of a pod that was asked to end and did."""
    status = copy.deepcopy(pod.get("status") or {})
    status["phase"] = "Failed"
    if is_ready(pod) or status.get("conditions"):
        for condition in status["conditions"]:
            if condition["type"] in ("Ready", "ContainersReady"):
                condition |= {"status": "False", "reason": "PodFailed"}
    now: Any = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for container in status.get("containerStatuses") or []:
        with contextlib.suppress(KeyError):
            started = container["state"]["running"]["startedAt"]
            ended = {"exitCode": 137, "reason": "Error", "startedAt": started, "finishedAt": now}
            container |= {"ready": False, "started": False, "state": {"terminated": ended}}
    return status
