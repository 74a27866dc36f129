"""Debian's docker-registry, to keep the images of a registry double that then only adds what ACR has besides."""

import os
import shutil
from pathlib import Path

from ..process import Part, PartFailed, free_port


def start(folder: Path, *, log: Path) -> tuple[Part, str]:
    """A running docker-registry with its data in the folder, and its address."""
    program = shutil.which("docker-registry")
    if program is None:
        raise PartFailed("docker-registry is not installed: apt install docker-registry, or leave that option out")
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
    part.listens(port)
    return part, f"http://127.0.0.1:{port}"
