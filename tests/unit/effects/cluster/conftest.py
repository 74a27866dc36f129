"""Clusters over a server that answers as it is told."""

from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest

from slipway.effects.cluster import Cluster, ClusterAccess, connect_cluster
from tests.serving import in_a_thread

from .scripted import Server, handler_of


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    with in_a_thread(ThreadingHTTPServer(("127.0.0.1", 0), handler_of(told))) as listening:
        told.url = f"http://127.0.0.1:{listening.server_port}"
        yield told
        told.released.set()


@pytest.fixture
def connected(server: Server) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters over the server."""
    made: list[Cluster] = []

    def make(token: Callable[[], str] = lambda: "t0ken-of-a-test") -> Cluster:
        made.append(connect_cluster(ClusterAccess(server=server.url, token=token)))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def cluster(connected: Callable[..., Cluster]) -> Cluster:
    return connected()
