"""Debian's docker-registry as the store of images, behind a registry double that adds what only ACR has."""

import os
import shutil
from pathlib import Path

from ..process import Part, PartFailed, free_port


def start(folder: Path, *, log: Path) -> tuple[Part, str]:
    """Start a docker-registry with its data in the folder; returns it and its address."""
    program = shutil.which("docker-registry")
    if program is None:
        raise PartFailed("docker-registry is not installed: apt install docker-registry, or omit that option")
    configuration = folder / "registry.yml"
    configuration.write_text("version: 0.1\n", encoding="utf-8")
    port = free_port()
    environment = {
        **os.environ,
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(folder / "data"),
        "REGISTRY_HTTP_ADDR": f"127.0.0.1:{port}",
        "OTEL_TRACES_EXPORTER": "none",
    }
    command = [program, "serve", str(configuration)]
    part = Part("docker-registry", command, log=log, environment=environment, reports_ready=False)
    part.wait_for_port(port)
    return part, f"http://127.0.0.1:{port}"
