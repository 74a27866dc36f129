"""Clusters over a scripted API server."""

from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest

from slipway.effects.cluster import Cluster, ClusterAccess, connect_cluster
from tests.serving import in_a_thread

from .scripted import Server, handler_of


@pytest.fixture
def server() -> Iterator[Server]:
    scripted = Server()
    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), handler_of(scripted))) as listening:
        scripted.url = f"http://127.0.0.1:{listening.server_port}"
        yield scripted
        scripted.released.set()


@pytest.fixture
def connect(server: Server) -> Iterator[Callable[..., Cluster]]:
    """Creates clusters that talk to the scripted server."""
    clusters: list[Cluster] = []

    def make(token: Callable[[], str] = lambda: "t0ken-of-a-test") -> Cluster:
        clusters.append(connect_cluster(ClusterAccess(server=server.url, token=token)))
        return clusters[-1]

    yield make
    for cluster in clusters:
        cluster.close()


@pytest.fixture
def cluster(connect: Callable[..., Cluster]) -> Cluster:
    return connect()
