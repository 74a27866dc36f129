"""Counts round trips that follow one another, with a logical clock that each request of any port moves by one.

A thread starts at the time of the thread that started it, and whoever waits for its result continues at the time of
the result. So requests in parallel count once, however busy the machine is. Copies in the audit index are not
counted: nobody waits for them.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, cast, override

import pytest

from slipway.bootstrap import Ports
from slipway.effects.cluster import Cluster, ClusterAccess
from slipway.effects.cluster.connection import ApiServerResponse, Connection
from slipway.testing import RegistryDouble
from slipway.testing.registry import MemoryRegistry

_PORTS = {
    "table": ("get", "rows", "transact"),
    "inbox_table": ("get", "rows", "add", "remove", "everything"),
    "blobs": ("get", "put"),
    "added_blobs": ("add", "listed"),
    "bus": ("send", "send_raw"),
}


@dataclass
class Trips:
    """The requests that were made, each with the number of trips up to it."""

    requests: list[tuple[int, str]] = field(default_factory=list)
    _thread: threading.local = field(default_factory=threading.local)

    @property
    def now(self) -> int:
        """The number of trips that this thread has waited for."""
        return getattr(self._thread, "now", 0)

    def wait_until(self, time: int) -> None:
        self._thread.now = max(self.now, time)

    def begin(self) -> None:
        """Count from zero again in this thread."""
        self.requests.clear()
        self._thread.now = 0

    def count_trip(self, request: str) -> None:
        self._thread.now = self.now + 1
        self.requests.append((self.now, request))

    def first(self, prefix: str) -> int:
        """The number of trips up to the first request that starts with `prefix`."""
        return next(time for time, request in self.requests if request.startswith(prefix))

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pass the time on to threads and back."""
        submit, result = ThreadPoolExecutor.submit, Future.result

        def submitted(
            pool: ThreadPoolExecutor, function: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Future[Any]:
            started_at, end_times = self.now, list[int]()

            def timed() -> Any:
                self._thread.now = started_at
                try:
                    return function(*args, **kwargs)
                finally:
                    end_times.append(self.now)

            future = submit(pool, timed)
            future.__dict__["ended"] = end_times
            return future

        def waited(future: Future[Any], timeout: float | None = None) -> Any:
            try:
                return result(future, timeout)
            finally:
                self.wait_until(max(future.__dict__.get("ended", ()), default=0))

        monkeypatch.setattr(ThreadPoolExecutor, "submit", submitted)
        monkeypatch.setattr(Future, "result", waited)

    def counted(self, ports: Ports, clusters: dict[str, str]) -> Ports:
        """The same ports with each request counted. `clusters` holds addresses by name."""
        counted_ports: dict[str, Any] = {
            name: partial(return_port, _Counted(getattr(ports, name)(), name, methods, self))
            for name, methods in _PORTS.items()
        }
        return replace(
            ports,
            **counted_ports,
            cluster={name: self._cluster(address) for name, address in clusters.items()}.__getitem__,
        )

    def count(self, registry: RegistryDouble) -> None:
        """Count the requests to the registry as well."""
        registry.held = cast(MemoryRegistry, _Counted(registry.held, "registry", ("handle",), self))

    def _cluster(self, address: str) -> Cluster:
        return Cluster(_CountedConnection(ClusterAccess(server=address, token=lambda: "token"), self))


def return_port(port: Any) -> Any:
    return port


class _CountedConnection(Connection):
    def __init__(self, access: ClusterAccess, trips: Trips) -> None:
        super().__init__(access)
        self._trips = trips

    @override
    def send(self, method: str, path: str, **options: Any) -> ApiServerResponse:
        try:
            return super().send(method, path, **options)
        finally:
            is_tried = ("dryRun", "All") in options.get("query", ())
            self._trips.count_trip(f"cluster {'try' if is_tried else method} {path}")


class _Counted:
    """A port on which each call of the named methods counts as a trip."""

    def __init__(self, port: Any, name: str, methods: tuple[str, ...], trips: Trips) -> None:
        self._port, self._name, self._methods, self._trips = port, name, methods, trips

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in self._methods:
            return method

        def called(*args: Any, **kwargs: Any) -> Any:
            response = method(*args, **kwargs)
            if isinstance(response, Iterator):
                response = iter(list(response))
            self._trips.count_trip(f"{self._name} {name} {args[0] if args else ''}")
            return response

        return called
