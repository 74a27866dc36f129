"""The node of a real cluster: what it shows its kubelet, and what it says to the API server."""

import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local.cluster.api import ApiServerAway, Refused
from local.cluster.mirror import Mirror
from local.cluster.tunnel import Tunnel
from local.kubernetes.resources import CONFIG_MAPS, EVENTS, PODS
from local.kubernetes.runtime import PodReply, PodRequest, PodUnreachableError

type Json = dict[str, Any]

TIMEOUT = 10.0


def a_pod(version: int = 5, **metadata: Any) -> Json:
    mount = {"name": "kube-api-access-x7", "mountPath": "/var/run/secrets"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1", "namespace": "shop", "uid": "u1", "resourceVersion": str(version), **metadata},
        "spec": {
            "volumes": [{"name": "kube-api-access-x7", "projected": {}}, {"name": "data", "emptyDir": {}}],
            "containers": [{"name": "main", "volumeMounts": [mount, {"name": "data", "mountPath": "/data"}]}],
        },
        "status": {"phase": "Pending", "conditions": [{"type": "DisruptionTarget", "status": "True"}]},
    }


@dataclass
class Server:
    """An API server as the mirror meets it: lists what it has, and sends what a test puts into a watch."""

    pods: list[Json] = field(default_factory=list)
    away: bool = False
    calls: list[tuple[str, str, Json | None]] = field(default_factory=list)
    events: "queue.Queue[Json | Exception]" = field(default_factory=queue.Queue)

    def call(self, method: str, path: str, body: Json | None = None, *, media: str = "application/json") -> Json:
        del media
        if self.away:
            raise ApiServerAway("connection refused")
        if method == "GET":
            return self._read(path)
        self.calls.append((method, path, body))
        if method == "PATCH":
            [pod] = self.pods
            pod = {**pod, **{k: v for k, v in (body or {}).items() if k != "metadata"}}
            version = str(int(pod["metadata"]["resourceVersion"]) + 1)
            pod["metadata"] = {**pod["metadata"], **(body or {}).get("metadata", {}), "resourceVersion": version}
            self.pods = [pod]
            return pod
        if method == "DELETE":
            removed = self.pods.pop() if self.pods else {}
            return (
                removed if (removed.get("metadata") or {}).get("finalizers") else {"status": "Success", "metadata": {}}
            )
        return {**(body or {}), "metadata": {**(body or {})["metadata"], "uid": "made", "resourceVersion": "99"}}

    def _read(self, path: str) -> Json:
        if "/pods" in path:
            return {"metadata": {"resourceVersion": "10"}, "items": list(self.pods)}
        if path.endswith("/configmaps/late"):
            return {"metadata": {"name": "late", "uid": "c", "resourceVersion": "7"}, "data": {"a": "1"}}
        if path.count("/") > 4:
            raise Refused(404, "not found")
        return {"metadata": {"resourceVersion": "10"}, "items": []}

    def watch(self, path: str, since: str) -> Iterator[Json]:
        del since
        while "/pods" in path:
            event = self.events.get()
            if isinstance(event, Exception):
                raise event
            yield event
        threading.Event().wait(TIMEOUT)


@pytest.fixture
def server() -> Server:
    return Server(pods=[a_pod()])


@pytest.fixture
def mirror(server: Server) -> Iterator[Mirror]:
    mirror_of_server = Mirror(server, "laptop")
    mirror_of_server.start()
    yield mirror_of_server
    mirror_of_server.stop()


def the_pod(mirror: Mirror) -> Json:
    pod = mirror.get(PODS, "shop", "web-1")
    assert pod is not None
    return pod


def wait_until(holds: Any) -> None:
    end = time.monotonic() + TIMEOUT
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


READY = {"phase": "Running", "qosClass": "BestEffort", "conditions": [{"type": "Ready", "status": "True"}]}


def test_a_pod_is_shown_without_the_token_that_admission_adds(mirror: Mirror) -> None:
    spec = the_pod(mirror)["spec"]
    assert [volume["name"] for volume in spec["volumes"]] == ["data"]
    assert [mount["name"] for mount in spec["containers"][0]["volumeMounts"]] == ["data"]


def test_a_status_is_sent_once_with_its_pods_uid_an_address_and_the_conditions_of_others(
    mirror: Mirror, server: Server
) -> None:
    mirror.set_status(PODS, the_pod(mirror), READY)
    mirror.set_status(PODS, the_pod(mirror), READY)
    [(method, path, body)] = server.calls
    assert (method, path) == ("PATCH", "/api/v1/namespaces/shop/pods/web-1/status?fieldManager=kubelet")
    assert body is not None
    assert body["metadata"] == {"uid": "u1"}
    assert [condition["type"] for condition in body["status"]["conditions"]] == ["Ready", "DisruptionTarget"]
    assert "qosClass" not in body["status"]
    pod = mirror.pod_at(body["status"]["podIP"])
    assert pod is not None
    assert pod["metadata"]["uid"] == "u1"


def test_a_status_that_somebody_overwrote_is_reported_again(mirror: Mirror, server: Server) -> None:
    mirror.set_status(PODS, the_pod(mirror), READY)
    lost = {**server.pods[0], "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]}}
    lost["metadata"] = {**lost["metadata"], "resourceVersion": "50"}
    server.events.put({"type": "MODIFIED", "object": lost})
    wait_until(lambda: the_pod(mirror)["metadata"]["resourceVersion"] == "50")
    server.pods = [lost]
    mirror.set_status(PODS, the_pod(mirror), READY)
    assert len(server.calls) == 2


def test_a_status_that_could_not_be_sent_makes_the_kubelet_look_again_and_is_sent_then(
    mirror: Mirror, server: Server
) -> None:
    server.away = True
    version = mirror.version
    mirror.set_status(PODS, the_pod(mirror), READY)
    wait_until(lambda: mirror.version > version)
    server.away = False
    mirror.set_status(PODS, the_pod(mirror), READY)
    assert len(server.calls) == 1


def test_an_older_version_does_not_overwrite_a_newer_one(mirror: Mirror, server: Server) -> None:
    server.events.put({"type": "MODIFIED", "object": a_pod(8, labels={"new": "yes"})})
    server.events.put({"type": "MODIFIED", "object": a_pod(7)})
    server.events.put({"type": "DELETED", "object": {**a_pod(9), "metadata": {**a_pod(9)["metadata"], "uid": "u0"}}})
    server.events.put({"type": "ADDED", "object": a_pod(11, name="web-2", uid="u2")})
    wait_until(lambda: mirror.get(PODS, "shop", "web-2"))
    assert the_pod(mirror)["metadata"]["labels"] == {"new": "yes"}


def test_a_watch_that_was_torn_off_begins_with_a_list(mirror: Mirror, server: Server) -> None:
    server.pods = []
    server.events.put(ApiServerAway("reset by peer"))
    wait_until(lambda: mirror.get(PODS, "shop", "web-1") is None)


def test_an_object_that_the_watch_has_not_shown_yet_is_asked_for(mirror: Mirror) -> None:
    config_map = mirror.get(CONFIG_MAPS, "shop", "late")
    assert config_map is not None
    assert config_map["data"] == {"a": "1"}
    assert mirror.get(CONFIG_MAPS, "shop", "never") is None


def test_a_pod_that_ended_says_how_before_it_is_taken_away(mirror: Mirror, server: Server) -> None:
    mirror.remove(PODS, the_pod(mirror))
    assert [method for method, _, _ in server.calls] == ["PATCH", "DELETE"]
    assert server.calls[0][2] is not None
    assert server.calls[0][2]["status"]["phase"] == "Failed"
    assert server.calls[1][2] == {"gracePeriodSeconds": 0, "preconditions": {"uid": "u1"}}
    assert mirror.get(PODS, "shop", "web-1") is None


def test_a_pod_that_a_finalizer_holds_is_not_taken_away_at_every_look(mirror: Mirror, server: Server) -> None:
    server.pods = [a_pod(6, finalizers=["batch.kubernetes.io/job-tracking"])]
    for _ in range(3):
        mirror.remove(PODS, the_pod(mirror))
    assert [method for method, _, _ in server.calls].count("DELETE") == 1
    assert mirror.get(PODS, "shop", "web-1") is not None


def test_an_event_is_made_and_counted(mirror: Mirror, server: Server) -> None:
    event = mirror.create(EVENTS, "shop", {"metadata": {"name": "web-1.x", "namespace": "shop"}, "count": 1})
    server.pods = [event]
    mirror.update(EVENTS, event, {**event, "count": 2})
    assert server.calls[-1][2] == {"count": 2, "metadata": {"uid": "made"}}


# ---- the way of the API server to pods and kubelet


class Web:
    """A runtime in which each pod answers with the request that it got."""

    def start(self) -> None:
        raise AssertionError("the tunnel starts no pod")

    stop = start

    def log(self, pod: Json, container: str, *, previous: bool = False) -> bytes | None:
        raise AssertionError((pod, container, previous))

    def fetch(self, pod: Json, port: int | str, request: PodRequest) -> PodReply:
        if port == 9:
            raise PodUnreachableError("nothing listens")
        content = {"pod": pod["metadata"]["name"], "port": port, "asked": f"{request.method} {request.target}"}
        return PodReply(code=418, headers=(("X-Pod", "yes"),), body=json.dumps(content).encode() + request.body)


@pytest.fixture
def tunnel(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "tunnel"
    started = Tunnel(
        path, kubelet_port=7, pod_at=lambda address: a_pod() if address == "10.244.0.1" else None, runtime=Web()
    )
    started.start()
    yield path
    started.stop()


def connect(path: Path, target: str) -> tuple[socket.socket, bytes]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(TIMEOUT)
    connection.connect(str(path))
    connection.sendall(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    return connection, connection.recv(4096)


def test_a_request_to_a_pod_is_answered_by_the_runtime(tunnel: Path) -> None:
    connection, response = connect(tunnel, "10.244.0.1:8080")
    assert response.startswith(b"HTTP/1.1 200")
    http_connection = http.client.HTTPConnection("pod")
    http_connection.sock = connection
    for body in (b"", b"again"):
        http_connection.request("POST", "/echo?a=1", body=body)
        reply = http_connection.getresponse()
        content = reply.read()
        assert (reply.status, reply.headers["X-Pod"]) == (418, "yes")
        assert json.loads(content.removesuffix(body)) == {"pod": "web-1", "port": 8080, "asked": "POST /echo?a=1"}
        assert content.endswith(body)
    http_connection.close()


def test_where_nothing_listens_the_connection_ends(tunnel: Path) -> None:
    connection, _ = connect(tunnel, "10.244.0.1:9")
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert connection.recv(4096) == b""
    connection.close()


@pytest.mark.parametrize("target", ["10.244.0.2:80", "127.0.0.1:22", "example.com:443", "nowhere"])
def test_nothing_else_of_this_machine_or_the_world_is_reached(tunnel: Path, target: str) -> None:
    connection, response = connect(tunnel, target)
    assert response.split()[1] in (b"400", b"502")
    connection.close()
