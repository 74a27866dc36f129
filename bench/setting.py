"""Slipway's stack as the benchmarks need it, and beside it the trivial app on the same kind of host."""

from pathlib import Path
from typing import Any, Final

from local.functions.launch import HostProcess
from local.stack import Stack, StackOptions

from .proxy import Proxy

TRIVIAL: Final = Path(__file__).parent / "trivial"


class BenchStack(Stack):
    """A stack in which the ways to storage and to the clusters can be watched, and events come from the benchmark."""

    def __init__(
        self, options: StackOptions | None = None, *, watch_storage: bool = False, watch_clusters: bool = False
    ) -> None:
        super().__init__(options)
        self._watch_storage, self._watch_clusters = watch_storage, watch_clusters
        self.proxies: dict[str, Proxy] = {}

    def __enter__(self) -> "BenchStack":
        super().__enter__()
        return self

    def stop(self) -> None:
        super().stop()
        for proxy in self.proxies.values():
            proxy.stop()

    def _start_storage(self) -> str:
        connection = super()._start_storage()
        if not self._watch_storage:
            return connection
        return ";".join(self._watch_endpoint(part) for part in connection.split(";"))

    def _start_cluster(self, name: str, secrets: Any) -> dict[str, Any]:
        found = super()._start_cluster(name, secrets)
        return found | {"server": self._watch(f"cluster-{name}", found["server"])} if self._watch_clusters else found

    def _subscribe(self) -> None:
        """The registry tells nobody: the benchmark sends the events itself, and so knows when."""

    def _watch_endpoint(self, part: str) -> str:
        name, _, url = part.partition("Endpoint=")
        if not url or name not in ("Blob", "Table"):
            return part
        address, account = url.rsplit("/", 1)
        return f"{name}Endpoint={self._watch(name.lower(), address)}/{account}"

    def _watch(self, name: str, address: str) -> str:
        self.proxies[name] = Proxy(address)
        return self.proxies[name].url


def trivial_host(state: Path) -> HostProcess:
    return HostProcess.start(TRIVIAL, state, name="trivial", environment=None)
