"""Clusters to test: one that simulates pods for the API's own rules, one that runs programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubernetes import Kubernetes, KubernetesSettings, Pace, RegistryLogin
from tests.contract.kubernetes_double.support import Cluster, SmallRegistry, small_registry

QUICK = Pace(backoff_first=0.05, backoff_most=0.4, first_ready_every=0.05, tick=0.02)


@pytest.fixture
def simulated(tmp_path: Path) -> Iterator[Cluster]:
    with Kubernetes(KubernetesSettings(simulate=True, pace=QUICK)) as running:
        yield Cluster(running.url, tmp_path)


@pytest.fixture
def registry() -> Iterator[SmallRegistry]:
    with small_registry() as running:
        yield running


@pytest.fixture
def cluster(tmp_path: Path, registry: SmallRegistry) -> Iterator[Cluster]:
    login = RegistryLogin(login_server=registry.address, username=registry.username, password=registry.password)
    settings = KubernetesSettings(registries=(login,), pace=QUICK, state_dir=tmp_path / "state")
    with Kubernetes(settings) as running:
        yield Cluster(running.url, tmp_path)
