"""Registries to run the contract on: Debian's docker-registry, and the double of ACR."""

import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from local.registry import Principal, Settings
from local.registry import Registry as Double
from slipway.effects.registry import Anonymous, BasicCredential, Credential, EntraCredential, Registry, RegistryEndpoint

DOCKER_REGISTRY = shutil.which("docker-registry")
PASSWORD = "pass-word"
ACCEPTED = 202
HTPASSWD = "ada:$2b$05$abcdefghijklmnopqrstuulQElbHkP7vjLqXxb3Lzm18cJsfRyGH6\n"
"""The name `ada` with that password."""


@dataclass(frozen=True)
class Place:
    """A running registry, and the ways to sign in to it."""

    login_server: str
    credential: Credential
    is_acr: bool

    def client(self, credential: Credential | None = None) -> Registry:
        return Registry(RegistryEndpoint(self.login_server), credential or self.credential)

    def purge(self, repository: str, kind: str, digest: str) -> None:
        """Delete one of its `manifests` or `blobs`, as a clean-up does."""
        client = self.client()
        path, scopes = f"/v2/{repository}/{kind}/{digest}", (f"repository:{repository}:pull,push,delete",)
        response = client._session.ask("DELETE", path, where=client.where(repository, digest), scopes=scopes)
        assert response.status == ACCEPTED, f"{path}: {response.status} {response.body!r}"


@contextmanager
def docker_registry(folder: Path, *, htpasswd: bool = False, read_only: bool = False) -> Iterator[Place]:
    """Debian's `docker-registry` on a free port of this machine, until the context ends."""
    assert DOCKER_REGISTRY, "docker-registry is not installed"
    configuration = folder / "registry.yml"
    maintenance = "storage: {maintenance: {readonly: {enabled: true}}}\n" if read_only else ""
    configuration.write_text(f"version: 0.1\n{maintenance}", encoding="utf-8")
    port = _free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "data"),
        "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
        "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
        "REGISTRY_STORAGE_DELETE_ENABLED": "true",
        "OTEL_TRACES_EXPORTER": "none",
    }
    if htpasswd:
        users = folder / "htpasswd"
        users.write_text(HTPASSWD, encoding="utf-8")
        environment |= {"REGISTRY_AUTH_HTPASSWD_REALM": "registry", "REGISTRY_AUTH_HTPASSWD_PATH": str(users)}
    log = folder / "registry.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [DOCKER_REGISTRY, "serve", str(configuration)], env=environment, stdout=output, stderr=output
        )
        try:
            _wait_for(port, process, log)
            credential = BasicCredential("ada", PASSWORD) if htpasswd else Anonymous()
            yield Place(f"127.0.0.1:{port}", credential, is_acr=False)
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def acr_double() -> Iterator[Place]:
    """The double of ACR: token exchange, redirected downloads, referrers, metadata and locks."""
    ada = Principal(
        name="ada",
        password=SecretStr(PASSWORD),
        entra_token=SecretStr("entra-ada"),
        allow={"*": "pull,push,delete,metadata_read,metadata_write"},
    )
    reader = Principal(name="reader", entra_token=SecretStr("entra-reader"), allow={"*": "pull"})
    with Double(Settings(principals=(ada, reader))) as double:
        yield Place(double.login_server, EntraCredential(lambda: "entra-ada"), is_acr=True)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2/", timeout=5):
                return
        except urllib.error.HTTPError:
            return  # it asks for a password, so it is running
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"docker-registry did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
