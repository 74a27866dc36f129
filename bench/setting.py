"""Slipway's stack as the benchmarks need it, and the peer apps on the same kind of host."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from azure.data.tables import TableServiceClient
from azure.servicebus import ServiceBusClient, ServiceBusMessage

from local.functions.launch import HostProcess
from local.process import Part, python
from local.stack import Stack, StackOptions
from slipway.bootstrap.roles import AppRole

from .proxy import Proxy

PEER: Final = Path(__file__).parent / "peer"
PROBE: Final = "probe"
"""The name of the peer's queue, and of its table."""


class BenchStack(Stack):
    """A stack whose traffic to storage and clusters can be watched, and whose events come from the benchmark."""

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
        cluster = super()._start_cluster(name, secrets)
        return (
            cluster | {"server": self._proxy_url(f"cluster-{name}", cluster["server"])}
            if self._watch_clusters
            else cluster
        )

    def _subscribe(self) -> None:
        """Subscribe nobody: the benchmark sends the events itself, and so knows when."""

    def _watch_endpoint(self, part: str) -> str:
        name, _, url = part.partition("Endpoint=")
        if not url or name not in ("Blob", "Table"):
            return part
        address, account = url.rsplit("/", 1)
        return f"{name}Endpoint={self._proxy_url(name.lower(), address)}/{account}"

    def _proxy_url(self, name: str, address: str) -> str:
        self.proxies[name] = Proxy(address)
        return self.proxies[name].url


class Peer:
    """The peers of front and worker: the apps of `bench/peer`, on the same kind of host, with the stack's storage. They
    have a bus of their own, because the stack's queues belong to the app. A context manager that stops the bus."""

    SECRET: Final = "a-secret-of-the-peer"

    def __init__(self, stack: BenchStack) -> None:
        self._folder = stack.folder
        configuration = {
            "queues": [{"name": PROBE, "lock_seconds": 60}],
            "key_name": "local",
            "key": stack.secrets.bus_key,
        }
        file = stack.folder / "probe.json"
        file.write_text(json.dumps(configuration))
        command = python("local.servicebus", "--config", str(file), "--port", "0", "--stop-with-parent")
        self._part = Part("probe", command, log=stack.folder / "probe.log")
        self.bus = str(self._part.ready()["connection_string"])
        self.table = TableServiceClient.from_connection_string(stack.storage).create_table_if_not_exists(PROBE)
        self.table.upsert_entity({"PartitionKey": "one", "RowKey": "row", "Body": ""})
        for role in (AppRole.FRONT, AppRole.WORKER):
            values = {"PEER": role, "SECRET": self.SECRET, "BUS": self.bus, "STORAGE": stack.storage}
            self.settings(role).write_text(json.dumps({"Values": values}))

    def settings(self, role: AppRole) -> Path:
        return self._folder / f"peer-{role}.settings.json"

    def start(self, role: AppRole, state: Path) -> HostProcess:
        return HostProcess.start(PEER, state, "--settings", str(self.settings(role)), name="peer")

    def row(self) -> Mapping[str, Any]:
        """The row that the worker writes."""
        return self.table.get_entity("one", "row")

    def send(self, text: str) -> None:
        """One message to the worker's queue."""
        with (
            ServiceBusClient.from_connection_string(self.bus) as client,
            client.get_queue_sender(PROBE) as sender,
        ):
            sender.send_messages(ServiceBusMessage(text))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._part.stop()
