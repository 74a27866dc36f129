"""What these tests share: clients, manifests, waiting for a condition, and a small registry to pull from."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from kubernetes.client import ApiClient, Configuration, V1ObjectMeta
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError

from tests.serving import in_a_thread

MANAGER = "slipway"
TIMEOUT = 30.0


def until[T](look: Callable[[], T], expected: str, seconds: float = TIMEOUT) -> T:
    """Wait for the first true value that `look` returns."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not (value := look()):
        assert time.monotonic() < deadline, f"still waiting for {expected} after {seconds:g} s"
        pause.wait(0.02)
    return value


class Cluster:
    """The unmodified official client, bound to one address."""

    def __init__(self, url: str, scratch: Path, token: str | None = None) -> None:
        configuration = Configuration(host=url)
        configuration.retries = False
        if token:
            configuration.api_key["BearerToken"] = f"Bearer {token}"
        self.url = url
        self.token = token
        self.api = ApiClient(configuration)
        self.scratch = scratch
        self._dynamic: DynamicClient | None = None

    @property
    def dynamic(self) -> DynamicClient:
        if self._dynamic is None:
            self._dynamic = DynamicClient(self.api, cache_file=str(self.scratch / f"discovery-{id(self)}.json"))
        return self._dynamic

    def kind(self, api_version: str, kind: str) -> Any:
        return self.dynamic.resources.get(api_version=api_version, kind=kind)

    def apply(self, manifest: Mapping[str, Any], *, manager: str = MANAGER, force: bool = True, **options: Any) -> Any:
        resource = self.kind(manifest["apiVersion"], manifest["kind"])
        namespace = manifest["metadata"].get("namespace")
        return resource.server_side_apply(
            body=manifest, namespace=namespace, field_manager=manager, force_conflicts=force, **options
        ).to_dict()

    def get(self, api_version: str, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        document: dict[str, Any] = self.kind(api_version, kind).get(name=name, namespace=namespace).to_dict()
        return document

    def items(self, api_version: str, kind: str, namespace: str = "default", **options: Any) -> list[dict[str, Any]]:
        documents: list[dict[str, Any]] = (
            self.kind(api_version, kind).get(namespace=namespace, **options).to_dict()["items"]
        )
        return documents

    def pods(self, selector: str = "", namespace: str = "default") -> list[dict[str, Any]]:
        return self.items("v1", "Pod", namespace, label_selector=selector)

    def log(self, name: str, namespace: str = "default", **query: Any) -> str:
        pods = self.kind("v1", "Pod")
        reply = pods.log.get(name=name, namespace=namespace, serialize=False, query_params=list(query.items()))
        content: bytes = reply.data
        return content.decode()

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        *,
        anonymous: bool = False,
    ) -> tuple[int, bytes, Mapping[str, str]]:
        headers = {"Accept": "application/json", "Content-Type": content_type}
        if self.token and not anonymous:
            headers["Authorization"] = f"Bearer {self.token}"
        reply = self.api.rest_client.request(method, self.url + path, headers=headers, body=body, _request_timeout=20)
        reply.read()
        return reply.status, reply.data, reply.headers

    def status_of(self, kind: str, name: str, namespace: str = "default") -> dict[str, Any]:
        api_version = "batch/v1" if kind == "Job" else "apps/v1"
        return self.get(api_version, kind, name, namespace).get("status") or {}

    def condition(self, kind: str, name: str, condition_type: str, namespace: str = "default") -> dict[str, Any]:
        conditions = self.status_of(kind, name, namespace).get("conditions") or []
        return next((c for c in conditions if c["type"] == condition_type and c["status"] == "True"), {})

    def rolled_out(self, name: str, namespace: str = "default") -> bool:
        """As kubectl rollout status decides."""
        deployment = self.get("apps/v1", "Deployment", name, namespace)
        status, replicas = deployment.get("status") or {}, deployment["spec"]["replicas"]
        counts = {status.get(name, 0) for name in ("updatedReplicas", "replicas", "availableReplicas")}
        return counts == {replicas} and bool(
            status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
        )


# ---- what the typed client gives


class Described(Protocol):
    """Any object of the cluster, as the client's models have it."""

    metadata: V1ObjectMeta | None


def metadata_of(described: Described) -> V1ObjectMeta:
    assert described.metadata is not None
    return described.metadata


def body_of(error: ApiException | DynamicApiError) -> dict[str, Any]:
    """The Status in the cluster's response."""
    assert error.body is not None
    status: dict[str, Any] = json.loads(error.body)
    return status


# ---- manifests


def config_map(name: str, data: Mapping[str, str], namespace: str = "default", **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, **metadata},
        "data": dict(data),
    }


def workload(
    kind: str, name: str, image: str, *, spec: Mapping[str, Any] | None = None, **container: Any
) -> dict[str, Any]:
    """A Deployment, StatefulSet or DaemonSet with one container; `spec` is laid over its spec."""
    labels = {"app": name}
    containers = [{"name": "app", "image": image, **container}]
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 5},
    }
    body: dict[str, Any] = {"selector": {"matchLabels": labels}, "template": template, **(spec or {})}
    if kind == "StatefulSet":
        body.setdefault("serviceName", name)
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "namespace": "default"}, "spec": body}


def job(
    name: str, image: str, *, spec: Mapping[str, Any] | None = None, annotations: Any = None, **container: Any
) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "test", "image": image, **container}]}}
    metadata: dict[str, Any] = {"name": name, "namespace": "default"}
    if annotations:
        metadata["annotations"] = annotations
    body = {"backoffLimit": 0, "template": template, **(spec or {})}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": body}


def service(name: str, target: int | str, port: int = 80) -> dict[str, Any]:
    ports = [{"name": "http", "port": port, "targetPort": target}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": ports},
    }


# ---- a registry


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def layer(files: Mapping[str, bytes | str]) -> bytes:
    """A gzipped tar of these files, executable."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            raw = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(raw), 0o755
            archive.addfile(member, io.BytesIO(raw))
    return gzip.compress(buffer.getvalue(), mtime=0)


class SmallRegistry:
    """Manifests and blobs in memory, behind the token flow of ACR; a blob is a 307 redirect to another address."""

    username, password = "puller", "p4ss"

    def __init__(self) -> None:
        self.contents: dict[str, tuple[bytes, str]] = {}
        self.tags: dict[tuple[str, str], str] = {}
        self.requested_paths: list[str] = []
        self.address = ""

    def add(self, content: bytes, media_type: str) -> dict[str, Any]:
        digest = digest_of(content)
        self.contents[digest] = (content, media_type)
        return {"mediaType": media_type, "digest": digest, "size": len(content)}

    def push(self, repository: str, tag: str, files: Mapping[str, bytes | str] | list[bytes], **config: Any) -> str:
        """An image for linux/amd64 in an index, beside one for another platform; returns its name by digest."""
        layers = files if isinstance(files, list) else [layer(files)]
        oci = "application/vnd.oci.image"
        document = {"architecture": "amd64", "os": "linux", "config": config, "rootfs": {"type": "layers"}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{oci}.manifest.v1+json",
            "config": self.add(json.dumps(document).encode(), f"{oci}.config.v1+json"),
            "layers": [self.add(blob, f"{oci}.layer.v1.tar+gzip") for blob in layers],
        }
        amd = self.add(json.dumps(manifest).encode(), f"{oci}.manifest.v1+json")
        arm = self.add(json.dumps(manifest | {"layers": []}).encode(), f"{oci}.manifest.v1+json")
        entries = [
            arm | {"platform": {"os": "linux", "architecture": "arm64"}},
            amd | {"platform": {"os": "linux", "architecture": "amd64"}},
        ]
        index = {"schemaVersion": 2, "mediaType": f"{oci}.index.v1+json", "manifests": entries}
        digest = str(self.add(json.dumps(index).encode(), f"{oci}.index.v1+json")["digest"])
        self.tags[repository, tag] = digest
        return f"{self.address}/{repository}@{digest}"

    def respond(
        self, path: str, query: Mapping[str, list[str]], authorization: str
    ) -> tuple[int, bytes, dict[str, str]]:
        self.requested_paths.append(path)
        if path == "/oauth2/token":
            expected = "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
            token = json.dumps({"access_token": query["scope"][0]}).encode()
            return (200, token, {}) if authorization == expected else (401, b"{}", {})
        if path.startswith("/storage/"):
            content = self.contents[path.removeprefix("/storage/")][0]
            return (400, b"the registry's token is not for the storage", {}) if authorization else (200, content, {})
        return self.distribution(path, authorization)

    def distribution(self, path: str, authorization: str) -> tuple[int, bytes, dict[str, str]]:
        repository, kind, name = path.removeprefix("/v2/").rsplit("/", 2)
        scope = f"repository:{repository}:pull"
        if authorization != f"Bearer {scope}":
            realm = f'Bearer realm="http://{self.address}/oauth2/token",service="{self.address}",scope="{scope}"'
            return 401, b"{}", {"WWW-Authenticate": realm}
        digest = self.tags.get((repository, name), name)
        if digest not in self.contents:
            return 404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', {}
        if kind == "blobs":
            return 307, b"", {"Location": f"http://{self.address}/storage/{digest}"}
        content, media_type = self.contents[digest]
        return 200, content, {"Content-Type": media_type}


@contextmanager
def small_registry() -> Iterator[SmallRegistry]:
    registry = SmallRegistry()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            code, body, headers = registry.respond(url.path, parse_qs(url.query), self.headers.get("Authorization", ""))
            self.send_response(code)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry.address = f"127.0.0.1:{server.server_port}"
    with in_a_thread(server):
        yield registry


WEB = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def respond(self):
        length = int(self.headers.get("Content-Length") or 0)
        content = self.rfile.read(length).decode()
        code = 500 if self.path == "/broken" else 200
        body = f"{os.environ.get('VERSION', '1')} {self.command} {self.path} {content}".strip().encode()
        self.send_response(code)
        self.send_header("X-Pod", os.environ["HOSTNAME"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
    do_GET = do_HEAD = do_POST = respond
    def log_message(self, *a): pass
print("listening", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
"""A web server as an image would hold it."""
