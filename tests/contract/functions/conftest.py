"""Starts hosts for the tests of this folder: real processes, on free ports, ended by their own handle."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.functions.launch import HostProcess
from tests.contract.functions.support import APPS, StartHost


@pytest.fixture(scope="module")
def start_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartHost]:
    """`start_host("web", SOME_SETTING="x", state=folder)`: an instance of an app, ended after the module.

    An app is one of `apps/`, or a folder by its absolute path.
    """
    running: list[HostProcess] = []

    def start(app: str, *arguments: str, state: Path | None = None, **settings: Any) -> HostProcess:
        folder = state or tmp_path_factory.mktemp("host")
        file = folder / f"settings-{len(running)}.json"
        file.write_text(json.dumps({"IsEncrypted": False, "Values": settings}))
        command = ("--settings", str(file), *arguments)
        host = HostProcess.start(APPS / app, folder, *command, environment=_environment(), name=f"host-{len(running)}")
        running.append(host)
        return host

    yield start
    for host in running:
        host.kill()


def _environment() -> dict[str, str]:
    """The tests' own environment, without the variables that a developer may have set for functions."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AzureWebJobs", "FUNCTIONS_"))}
