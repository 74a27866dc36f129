"""Counts the trips that wait for each other: a logical clock, which moves by one with each request of any port.

What is asked in a thread begins at the time of whoever began it, and whoever waits for its answer goes on at the time
of the answer. So what runs beside each other counts once, however busy the machine is. Copies in the audit index are
not counted: nobody waits for them.
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
    """What was asked, each with how many trips lay before it."""

    asked: list[tuple[int, str]] = field(default_factory=list)
    _here: threading.local = field(default_factory=threading.local)

    @property
    def now(self) -> int:
        """How many trips this thread has waited for."""
        return getattr(self._here, "now", 0)

    def wait_until(self, time: int) -> None:
        self._here.now = max(self.now, time)

    def begin(self) -> None:
        """Count from zero again, in this thread."""
        self.asked.clear()
        self._here.now = 0

    def made(self, what: str) -> None:
        self._here.now = self.now + 1
        self.asked.append((self.now, what))

    def first(self, what: str) -> int:
        """How many trips it took to the first one of these."""
        return next(time for time, asked in self.asked if asked.startswith(what))

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let threads take the time along."""
        submit, result = ThreadPoolExecutor.submit, Future.result

        def submitted(pool: ThreadPoolExecutor, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
            begun, ended = self.now, list[int]()

            def timed() -> Any:
                self._here.now = begun
                try:
                    return work(*args, **kwargs)
                finally:
                    ended.append(self.now)

            future = submit(pool, timed)
            future.__dict__["ended"] = ended
            return future

        def waited(future: Future[Any], timeout: float | None = None) -> Any:
            try:
                return result(future, timeout)
            finally:
                self.wait_until(max(future.__dict__.get("ended", ()), default=0))

        monkeypatch.setattr(ThreadPoolExecutor, "submit", submitted)
        monkeypatch.setattr(Future, "result", waited)

    def counted(self, ports: Ports, clusters: dict[str, str]) -> Ports:
        """The ports, with each request counted. `clusters`: addresses by name."""
        opened: dict[str, Any] = {
            name: partial(_given, _Counted(getattr(ports, name)(), name, methods, self))
            for name, methods in _PORTS.items()
        }
        return replace(
            ports,
            **opened,
            cluster={name: self._cluster(address) for name, address in clusters.items()}.__getitem__,
        )

    def count(self, registry: RegistryDouble) -> None:
        """Count what the registry is asked, too."""
        registry.held = cast(MemoryRegistry, _Counted(registry.held, "registry", ("handle",), self))

    def _cluster(self, address: str) -> Cluster:
        return Cluster(_CountedConnection(ClusterAccess(server=address, token=lambda: "token"), self))


def _given(port: Any) -> Any:
    return port


class _CountedConnection(Connection):
    def __init__(self, access: ClusterAccess, trips: Trips) -> None:
        super().__init__(access)
        self._trips = trips

    @override
    def send(self, method: str, path: str, **others: Any) -> ApiServerResponse:
        try:
            return super().send(method, path, **others)
        finally:
            is_tried = ("dryRun", "All") in others.get("query", ())
            self._trips.made(f"cluster {'try' if is_tried else method} {path}")


class _Counted:
    """A port whose named methods are trips."""

    def __init__(self, port: Any, name: str, methods: tuple[str, ...], trips: Trips) -> None:
        self._port, self._name, self._methods, self._trips = port, name, methods, trips

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name not in self._methods:
            return method

        def called(*args: Any, **kwargs: Any) -> Any:
            answer = method(*args, **kwargs)
            if isinstance(answer, Iterator):
                answer = iter(list(answer))
            self._trips.made(f"{self._name} {name} {args[0] if args else ''}")
            return answer

        return called
