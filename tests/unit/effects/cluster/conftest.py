"""Clusters over a server that answers as it is told."""

import threading
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer

import pytest

from slipway.effects.cluster import Cluster, ClusterAccess, connect

from .scripted import Server, handler_of


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(told))
    listening.daemon_threads = True
    told.url = f"http://127.0.0.1:{listening.server_port}"
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    told.released.set()
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def connected(server: Server) -> Iterator[Callable[..., Cluster]]:
    """Makes clusters over the server."""
    made: list[Cluster] = []

    def make(token: Callable[[], str] = lambda: "t0ken-of-a-test") -> Cluster:
        made.append(connect(ClusterAccess(server=server.url, token=token)))
        return made[-1]

    yield make
    for cluster in made:
        cluster.close()


@pytest.fixture
def cluster(connected: Callable[..., Cluster]) -> Cluster:
    return connected()
