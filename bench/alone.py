"""The round trips of a release that cannot be avoided, each timed alone on the parts of a running stack."""

import time
import uuid
from collections.abc import Callable
from statistics import median
from typing import Final

from azure.data.tables import TransactionOperation
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.storage.blob import BlobServiceClient

from slipway.effects.registry import (
    CopySource,
    CopyTarget,
    EntraCredential,
    Registry,
    RegistryEndpoint,
    copy_artifact,
)

from .events import hook_body
from .example import APPLICATION
from .setting import PROBE, BenchStack, Peer

TIMES: Final = 15
ROWS: Final = 8
"""Rows of a decision's transaction: the mark, head, lane, release, two audit records, two messages."""
DOCUMENT: Final = 5000
"""Bytes of the example's plan."""
OBJECTS: Final = 3
"""Objects of the example: a config map, a service and a deployment."""


class TripTimer:
    """Times single round trips. `trivial_url` is the address of the peer's front."""

    def __init__(self, stack: BenchStack, peer: Peer, *, trivial_url: str) -> None:
        self._stack, self._peer, self._trivial_url = stack, peer, trivial_url

    def medians(self, digest: str) -> dict[str, float]:
        """Median seconds of each round trip."""
        return {
            "accept": self._accept(),
            "hop": self._hop(),
            **self._storage(),
            "manifest": self._manifest(digest),
            "preview": self._preview(),
            "copy": self._copy(digest),
        }

    def _accept(self) -> float:
        body = hook_body(1)
        return _median(lambda: self._stack.http.request("POST", f"{self._trivial_url}/trivial", body=body))

    def _hop(self) -> float:
        """Sending, receiving and settling a message."""
        with (
            ServiceBusClient.from_connection_string(self._peer.bus) as client,
            client.get_queue_sender(PROBE) as sender,
            client.get_queue_receiver(PROBE) as receiver,
        ):

            def hop() -> None:
                sender.send_messages(ServiceBusMessage(b"{}"))
                (message,) = receiver.receive_messages(max_message_count=1, max_wait_time=5)
                receiver.complete_message(message)

            return _median(hop)

    def _storage(self) -> dict[str, float]:
        """A decision's transaction; writing a row, as a lease does; reading one; storing a document; fetching it."""
        table = self._peer.table
        blobs = BlobServiceClient.from_connection_string(self._stack.storage).create_container(PROBE)
        blobs.upload_blob("document", b"x" * DOCUMENT)
        row = {"PartitionKey": "one", "RowKey": "row", "Body": "x" * 500}

        def commit() -> None:
            name = uuid.uuid4().hex
            table.submit_transaction(
                [(TransactionOperation.CREATE, row | {"RowKey": f"{name}{number}"}) for number in range(ROWS)]
            )

        return {
            "commit": _median(commit),
            "write": _median(lambda: table.upsert_entity(row)),
            "read": _median(lambda: table.get_entity("one", "row")),
            "keep": _median(lambda: blobs.upload_blob(uuid.uuid4().hex, b"x" * DOCUMENT)),
            "fetch": _median(lambda: blobs.download_blob("document").readall()),
        }

    def _registry(self, name: str) -> Registry:
        token = self._stack.secrets.registry_token
        return Registry(RegistryEndpoint(self._stack.registries[name]), EntraCredential(lambda: token))

    def _manifest(self, digest: str) -> float:
        registry = self._registry("nonprod")
        return _median(lambda: registry.manifest(APPLICATION, digest))

    def _preview(self) -> float:
        """One request per object to read it and one to dry-run it, on an open connection."""
        cluster = self._stack.clusters["staging"]
        address = f"{cluster['server']}/api/v1/namespaces/hello-staging/configmaps/hello"
        headers = {"Authorization": f"Bearer {cluster['token']}"}

        def preview() -> None:
            for _ in range(2 * OBJECTS):
                self._stack.http.request("GET", address, headers=headers)

        return _median(preview)

    def _copy(self, digest: str) -> float:
        """Copies into a new repository each time, so that there is always something to copy."""
        source, target = self._registry("nonprod"), self._registry("prod")

        def copy() -> None:
            copy_artifact(
                CopySource(registry=source, repository=APPLICATION, digest=digest),
                CopyTarget(registry=target, repository=f"alone/{uuid.uuid4().hex}", digest=digest, tag="1"),
            )

        return _median(copy)


def _median(trip: Callable[[], object]) -> float:
    trip()
    durations = []
    for _ in range(TIMES):
        begin = time.perf_counter()
        trip()
        durations.append(time.perf_counter() - begin)
    return median(durations)
