"""Debian's docker-registry with TLS, on loopback addresses other than 127.0.0.1, to which our client speaks HTTPS."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PROGRAM: Final = shutil.which("docker-registry")
SOURCE_ADDRESS: Final = "127.0.0.2"
TARGET_ADDRESS: Final = "127.0.0.3"
_TIMEOUT: Final = 30.0


@contextmanager
def tls_registry(address: str, storage: Path, certificates: Path) -> Iterator[str]:
    """A registry that runs until the context ends; yields its login server. It gets a new port each time."""
    assert PROGRAM, "docker-registry is not installed"
    storage.mkdir(parents=True, exist_ok=True)
    configuration = storage / "registry.yml"
    configuration.write_text("version: 0.1\n", encoding="utf-8")
    port = _free_port(address)
    environment = {
        "PATH": os.environ["PATH"],
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(storage / "data"),
        "REGISTRY_HTTP_ADDR": f"{address}:{port}",
        "REGISTRY_HTTP_SECRET": "benchmark",
        "REGISTRY_HTTP_TLS_CERTIFICATE": str(certificates / "server.crt"),
        "REGISTRY_HTTP_TLS_KEY": str(certificates / "server.key"),
        "REGISTRY_LOG_ACCESSLOG_DISABLED": "true",
        "REGISTRY_LOG_LEVEL": "error",
        "OTEL_TRACES_EXPORTER": "none",
    }
    log = storage / "registry.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PROGRAM, "serve", str(configuration)], env=environment, stdout=output, stderr=output
        )
        try:
            _wait_for(address, port, process, log)
            yield f"{address}:{port}"
        finally:
            process.terminate()
            process.wait(timeout=_TIMEOUT)


def _wait_for(address: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"docker-registry did not start: {log.read_text(encoding='utf-8')[-2000:]}")


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port
