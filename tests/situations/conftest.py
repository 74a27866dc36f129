"""An installation for each test, and a cluster behind the Kubernetes API for those that need one."""

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.situations.kit import Installation, KubernetesCluster, start_kubernetes


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test look up this machine alone: any other name fails it."""
    original = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in ("127.0.0.1", "localhost"):
            pytest.fail(f"the network was asked for {host}")
        return original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Installation]]:
    """`install(shop(…))`: Slipway for these applications, started."""
    records = logging.getLogRecordFactory()

    def start_installation(*applications: Any, **options: Any) -> Installation:
        return Installation(tmp_path / "deliveries", *applications, **options).start(monkeypatch)

    yield start_installation
    logging.setLogRecordFactory(records)  # the app's start replaces the factory


@pytest.fixture
def kubernetes() -> Iterator[Callable[..., KubernetesCluster]]:
    """`kubernetes()`: a cluster for production."""
    with ExitStack() as contexts:
        yield lambda **options: contexts.enter_context(start_kubernetes(**options))
