"""The cluster that the contract tests run on: the double, and with `make test-cluster` also a real one.

Each test has a namespace of its own, so that tests can share a cluster, and works there as an identity that has the
role which `infra/` grants.
"""

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.kubernetes import Kubernetes, KubernetesSettings, Simulation, Token
from slipway.domain.steps import StartedJob
from slipway.effects.cluster import (
    AppliedObject,
    Cluster,
    ClusterAccess,
    FencedCluster,
    Missing,
    ProgressState,
    connect_cluster,
)
from slipway.effects.cluster.connection import Connection
from slipway.testing.claims import claim

from . import identity, manifests

TOKEN, PLATFORM = "token-of-the-contract-tests", "token-of-the-platform"


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cluster and the namespace that is the test's own."""

    cluster: Cluster
    """The cluster, as the worker uses it."""
    worker: ClusterAccess
    access: ClusterAccess
    """An administrator's access to it."""
    namespace: str
    timeout: float
    """Seconds within which a rollout must end."""

    def fenced(self, number: int = 1) -> FencedCluster:
        """The cluster as the rollout with this order writes to it."""
        return self.cluster.fenced(self.namespace, lambda: claim(number))

    def apply(self, objects: Sequence[manifests.Json], *, number: int = 1) -> list[AppliedObject]:
        return self.fenced(number).apply(objects)

    def start_job(self, job: manifests.Json) -> StartedJob:
        return self.fenced().start_job(job)

    def settle[S](self, look: Callable[[], S], *, until: Callable[[S], bool]) -> S:
        """Call `look` until the condition holds, and return its last result."""
        end = time.monotonic() + self.timeout
        while not until(result := look()):
            if time.monotonic() > end:
                pytest.fail(f"after {self.timeout:.0f} s it was still {result!r}")
            time.sleep(0.02)
        return result

    def rolled_out(self, *objects: manifests.Json) -> ProgressState:
        return self.settle(
            lambda: self.cluster.rollout(objects, self.namespace),
            until=lambda progress: progress.state is not ProgressState.WAITING,
        ).state

    def end_of_job(self, started: StartedJob, manifest: manifests.Json) -> ProgressState:
        """How a Job ended that was started from the manifest."""
        return self.settle(
            lambda: self.cluster.job(started, manifest, self.namespace),
            until=lambda progress: progress.state is not ProgressState.WAITING,
        ).state


@pytest.fixture(scope="session")
def double() -> Iterator[Kubernetes]:
    tokens = (
        Token(token=PLATFORM, user="platform"),
        Token(token=TOKEN, user=identity.USER, namespaces=(), rules=identity.granted()),
    )
    simulate = Simulation(bad_images=(manifests.BAD_TAG,))
    with Kubernetes(KubernetesSettings(tokens=tokens, simulate=simulate)) as running:
        yield running


@pytest.fixture(scope="session", params=["double", pytest.param("real", marks=pytest.mark.cluster)])
def access(request: pytest.FixtureRequest) -> ClusterAccess:
    if request.param == "real":
        kubeconfig: Path = request.getfixturevalue("real_cluster")
        return ClusterAccess(kubeconfig=kubeconfig)
    running: Kubernetes = request.getfixturevalue("double")
    return ClusterAccess(server=running.url, token=lambda: PLATFORM)


@pytest.fixture
def place(access: ClusterAccess, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    name = f"slipway-test-{uuid.uuid4().hex[:10]}"
    double: Kubernetes | None = request.getfixturevalue("double") if access.server else None
    admin = Connection(access)
    worker = identity.let_in(admin, name, real=access.kubeconfig, token=TOKEN, folder=tmp_path)
    with connect_cluster(worker) as cluster:
        timeout = 20 if access.server else 120
        yield Place(cluster=cluster, worker=worker, access=access, namespace=name, timeout=timeout)
    if double is not None:
        used = double.rights_used(identity.USER, name)
        request.node.user_properties += [(identity.USED, " ".join(right)) for right in sorted(used)]
    with suppress(Missing):
        admin.send("DELETE", f"/api/v1/namespaces/{name}", what="clean up")
    admin.close()


@pytest.fixture
def admin_place(access: ClusterAccess) -> Iterator[Place]:
    """A namespace in which the worker is an administrator: making definitions takes more than its role in Azure."""
    name, timeout = f"slipway-test-{uuid.uuid4().hex[:10]}", 20 if access.server else 120
    with connect_cluster(access) as cluster:
        cluster.fenced(name, claim).apply([manifests.namespace(name)])
        yield Place(cluster=cluster, worker=access, access=access, namespace=name, timeout=timeout)
    connection = Connection(access)
    connection.send("DELETE", f"/api/v1/namespaces/{name}", what="clean up")
    connection.close()
