"""What the contract tests share: the registries to test, a plain client, and small images to push."""

import base64
import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urljoin

import urllib3
from pydantic import SecretStr

from local.registry import Principal, Settings

DOCKER_REGISTRY = shutil.which("docker-registry")
SKOPEO = shutil.which("skopeo")

USER, PASSWORD, ENTRA_TOKEN = "ci", "laptop-only", "entra-token-of-ci"
READER, READER_PASSWORD = "kubelet", "reads-only"

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
ANY_MANIFEST = {"Accept": f"{OCI_IMAGE}, {OCI_INDEX}"}
OCTETS = {"Content-Type": "application/octet-stream"}

CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


def settings(**more: Any) -> Settings:
    principals = (
        Principal(
            name=USER,
            password=SecretStr(PASSWORD),
            entra_token=SecretStr(ENTRA_TOKEN),
            allow={"*": "pull,push,delete"},
            catalog=True,
        ),
        Principal(name=READER, password=SecretStr(READER_PASSWORD), allow={"shop": "pull"}),
    )
    return Settings(principals=principals, **more)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class Client:
    """Sends requests as they are, follows no redirect, and signs in when a registry asks for it."""

    def __init__(self, url: str, user: str = USER, password: str = PASSWORD) -> None:
        self.url = url
        self._credentials = basic(user, password)
        self._pool = urllib3.PoolManager(retries=False, timeout=20)

    def plain(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        return self._pool.request(method, urljoin(self.url, path), body=body, headers=headers, redirect=False)

    def send(
        self, method: str, path: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        response = self.plain(method, path, body=body, headers=headers)
        if response.status != 401:
            return response
        signed = {**(headers or {}), "Authorization": f"Bearer {self.token(response)}"}
        return self.plain(method, path, body=body, headers=signed)

    def token(self, refused: urllib3.BaseHTTPResponse) -> str:
        parts = dict(CHALLENGE.findall(refused.headers["WWW-Authenticate"]))
        query = urlencode({name: parts[name] for name in ("service", "scope") if name in parts})
        response = self.plain("GET", f"{parts['realm']}?{query}", headers=self._credentials)
        return str(response.json().get("access_token", "none-was-given"))

    # What every test needs: content in the registry

    def push_blob(self, repository: str, data: bytes) -> str:
        location = self.send("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
        response = self.send("PUT", with_digest(location, digest_of(data)), body=data, headers=OCTETS)
        assert response.status == 201, response.data
        return digest_of(data)

    def push_manifest(self, repository: str, document: "Document", reference: str | None = None) -> str:
        response = self.put_manifest(repository, document, reference)
        assert response.status == 201, response.data
        return document.digest

    def put_manifest(
        self, repository: str, document: "Document", reference: str | None = None
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": document.media_type}
        path = f"/v2/{repository}/manifests/{reference or document.digest}"
        return self.send("PUT", path, body=document.data, headers=headers)

    def push_image(
        self, repository: str, tag: str | None = None, *, content: bytes = b"layer", **extra: Any
    ) -> "Document":
        image = image_of(content, **extra)
        self.push_blob(repository, config_of(content))
        self.push_blob(repository, content)
        self.push_manifest(repository, image, tag)
        return image

    def follow(
        self, response: urllib3.BaseHTTPResponse, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        """The blob itself, whether it came at once or from the place that a redirect names."""
        return self.plain("GET", response.headers["Location"], headers=headers) if response.status == 307 else response


def with_digest(location: str, digest: str) -> str:
    return location + ("&" if "?" in location else "?") + urlencode({"digest": digest})


def code_of(response: urllib3.BaseHTTPResponse) -> str:
    return str(response.json()["errors"][0]["code"])


@dataclass(frozen=True, kw_only=True)
class Document:
    """A manifest as bytes."""

    data: bytes
    media_type: str

    @property
    def digest(self) -> str:
        return digest_of(self.data)

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


def config_of(content: bytes, architecture: str = "amd64") -> bytes:
    return json.dumps({"architecture": architecture, "os": "linux", "of": digest_of(content)}).encode()


def image_of(content: bytes, **extra: Any) -> Document:
    """A manifest whose bytes no JSON library would write this way, so that re-serialising is noticed."""
    config = config_of(content)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE,
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(content, "application/vnd.oci.image.layer.v1.tar+gzip")],
        **extra,
    }
    return Document(data=json.dumps(document, indent=3).encode() + b"\n", media_type=OCI_IMAGE)


def index_of(*images: Document) -> Document:
    manifests = [{**image.descriptor, "platform": {"os": "linux", "architecture": "amd64"}} for image in images]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}
    return Document(data=json.dumps(document, indent=3).encode(), media_type=OCI_INDEX)


def descriptor(data: bytes, media_type: str) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


@contextlib.contextmanager
def docker_registry(directory: Path) -> Iterator[str]:
    """A real docker-registry on a port of its own choice, which its log names."""
    assert DOCKER_REGISTRY, "asked for by tests that skip without it"
    config = {
        "version": 0.1,
        "log": {"level": "info", "formatter": "json"},
        "storage": {"filesystem": {"rootdirectory": str(directory / "content")}, "delete": {"enabled": True}},
        "http": {"addr": "127.0.0.1:0"},
        "validation": {
            "manifests": {"urls": {"allow": [".*"]}}
        },  # so that foreign layers are accepted, as ACR accepts them
    }
    file = directory / "config.yml"
    file.write_text(json.dumps(config))  # JSON is YAML
    log = directory / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen([DOCKER_REGISTRY, "serve", str(file)], stderr=stderr, stdout=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{_port_in_log(process, log)}"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _port_in_log(process: subprocess.Popen[bytes], log: Path) -> int:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text(errors="replace")):
            return int(match[1])
        time.sleep(0.02)
    raise AssertionError(f"docker-registry did not listen: {log.read_text(errors='replace')}")
