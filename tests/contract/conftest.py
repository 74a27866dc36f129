"""A real cluster for the contract tests that need one: that of a given kubeconfig, or a control plane of our own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.cluster import NotBuilt, RealCluster, complete_programs
from local.cluster.building import KUBERNETES
from local.kubernetes import KubernetesSettings, Simulation

ASKED = "SLIPWAY_REAL_CLUSTER"
NAMED = "SLIPWAY_TEST_KUBECONFIG"
VERSION = "SLIPWAY_TEST_KUBERNETES"
BAD_TAG = "no-such-tag"


@pytest.fixture(scope="session")
def real_cluster(request: pytest.FixtureRequest) -> Path:
    """The administrator's kubeconfig."""
    if kubeconfig := os.environ.get(NAMED):
        return Path(kubeconfig)
    cluster: RealCluster = request.getfixturevalue("control_plane")
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """A control plane of our own, started only on request: it takes half a gigabyte."""
    if os.environ.get(NAMED):
        pytest.skip("somebody else's cluster: its processes are not ours to end")
    if ASKED not in os.environ:
        pytest.skip("no real cluster was asked for: make test-cluster")
    try:
        programs = complete_programs(os.environ.get(VERSION) or KUBERNETES)
    except NotBuilt as reason:
        pytest.skip(f"no control plane is built: {reason}")
    settings = KubernetesSettings(simulate=Simulation(bad_images=(BAD_TAG,)))
    with RealCluster(settings, programs=programs, folder=tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster
