"""A real cluster for the contract tests that take one: a kubeconfig that was named, or a control plane of our own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cluster import NotBuilt, RealCluster, built
from local.kubernetes import KubernetesSettings, Simulation

ASKED = "SLIPWAY_REAL_CLUSTER"
NAMED = "SLIPWAY_TEST_KUBECONFIG"
BAD_TAG = "no-such-tag"


@pytest.fixture(scope="session")
def real_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The administrator's kubeconfig. Started only where it was asked for: it takes half a gigabyte."""
    if named := os.environ.get(NAMED):
        yield Path(named)
        return
    if ASKED not in os.environ:
        pytest.skip("no real cluster was asked for: make test-cluster")
    try:
        programs = built()
    except NotBuilt as reason:
        pytest.skip(f"no control plane is built: {reason}")
    settings = KubernetesSettings(simulate=Simulation(bad_images=(BAD_TAG,)))
    with RealCluster(settings, programs=programs, folder=tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster.kubeconfig
