"""Manifests as Slipway renders them. They run on a real cluster as well as on the double's simulated kubelet.

The annotations `local.slipway/…` control the double and mean nothing elsewhere; images, commands and arguments make a
real cluster do the same.
"""

import json
from typing import Any

from slipway.effects.cluster import Owner
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.kinds import BUILT_IN
from slipway.effects.cluster.records import AppliedChange, ClusterPreview

type Json = dict[str, Any]

PAUSE = "registry.k8s.io/pause"
ONE = "sha256:7031c1b283388d2c2e09b57badb803c05ebed362dc88d84b480cc47f72a21097"
TWO = "sha256:ee6521f290b2168b6e0935a181d4cff9be1ac3f505666ef0e3c98fae8199917a"
BAD_TAG = "no-such-tag"
BUSYBOX = "registry.k8s.io/e2e-test-images/busybox:1.29-4"
WEB_SERVER = "registry.k8s.io/e2e-test-images/agnhost:2.47"

OWNED = {
    "app.kubernetes.io/managed-by": "slipway",
    "slipway.dev/application": "shop",
    "slipway.dev/environment": "test",
}
OWNER = Owner(application="shop", environment="test")


def _metadata(name: str, **annotations: str) -> Json:
    metadata: Json = {"name": name, "labels": dict(OWNED)}
    return {**metadata, "annotations": annotations} if annotations else metadata


def config(name: str = "settings", **data: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _metadata(name), "data": data}


def secret(name: str = "login", **values: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _metadata(name), "stringData": values}


def namespace(name: str) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def workload(kind: str, image: str, *, name: str = "web", **spec: Any) -> Json:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": image}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": _metadata(name),
        "spec": {"selector": {"matchLabels": labels}, "template": template, **spec},
    }


def deployment(image: str = f"{PAUSE}@{ONE}", *, name: str = "web", replicas: int = 2, **spec: Any) -> Json:
    return workload("Deployment", image, name=name, replicas=replicas, **spec)


def job(name: str, *, prints: str = "", fails: bool = False, seconds: float = 0) -> Json:
    annotations = {"local.slipway/log": f"{prints}\n"} if prints else {}
    annotations |= {"local.slipway/outcome": "fail"} if fails else {}
    annotations |= {"local.slipway/seconds": str(seconds)} if seconds else {}
    script = f"echo '{prints}'; sleep {seconds}; exit {1 if fails else 0}"
    container = {"name": "test", "image": BUSYBOX, "command": ["sh", "-c", script]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(name, **annotations),
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [container]}}},
    }


def web_server() -> list[Json]:
    """A Deployment that answers `/echo` with hello at port 8080, and its Service at port 80."""
    server = deployment(WEB_SERVER, name="echo", replicas=1)
    server["metadata"]["annotations"] = {
        "local.slipway/answers": json.dumps({"/echo": {"status": 200, "body": "hello"}})
    }
    container = server["spec"]["template"]["spec"]["containers"][0]
    container |= {"args": ["netexec", "--http-port=8080"], "ports": [{"containerPort": 8080}]}
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata("echo"),
        "spec": {"selector": {"app": "echo"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    return [server, service]


def applied_by(connection: Connection, namespace: str, manifest: Json, manager: str) -> None:
    """Apply the manifest server-side as another tool does: that tool owns afterwards every field that it names."""
    path = BUILT_IN[manifest["apiVersion"], manifest["kind"]].path(namespace, manifest["metadata"]["name"])
    headers = {"Content-Type": "application/apply-patch+yaml"}
    query = [("fieldManager", manager), ("force", "true")]
    connection.send("PATCH", path, what="apply it", body=manifest, headers=headers, query=query)


def changes(preview: ClusterPreview) -> bool:
    """Whether applying what was previewed would change anything."""
    return any(planned.change is not AppliedChange.UNCHANGED for planned in preview.objects)
