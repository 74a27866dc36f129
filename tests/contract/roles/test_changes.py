"""A change of the catalogue goes from front to worker with the rights that the table of rights gives each of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from azure.core.credentials import AzureSasCredential
from azure.data.tables import TableClient
from azure.servicebus import ServiceBusClient
from azure.storage.blob import ContainerClient

from local.servicebus import ServiceBus
from local.servicebus.server import key_connection
from local.stack.grants import storage_tokens
from slipway.bootstrap import Ports
from slipway.commands.saying import Said
from slipway.domain.inbox import Received
from slipway.domain.rights import Container, Party, TableName
from slipway.effects.messaging.service_bus import ServiceBus as Bus
from slipway.ledger import LedgerUnavailable
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.azure_table import AzureTable
from slipway.ledger.blobs import BLOB_LIMIT, INCOMING_LIMIT
from slipway.queries.answers import SaidState
from slipway.testing import write_application
from tests.contract.roles.conftest import KEYS, Storage
from tests.unit.commands.live import Live


def never() -> NoReturn:
    raise AssertionError("a front holds no key that makes a record, a message or a link")


def limited(storage: Storage, bus: ServiceBus, party: Party) -> Callable[[Ports], Ports]:
    """The ports of one role: each with the token or the key of this role alone."""
    tokens = storage_tokens(party)

    def table(name: TableName) -> AzureTable:
        client = TableClient(storage.tables.url, table_name=name, credential=AzureSasCredential(tokens[name]))
        return AzureTable(client)

    def blobs(name: Container, *, limit: int = BLOB_LIMIT) -> AzureBlobs:
        client = ContainerClient(storage.blobs.url, name, credential=AzureSasCredential(tokens[name]))
        return AzureBlobs(client, limit=limit)

    def connect() -> ServiceBusClient:
        connection = key_connection(f"127.0.0.1:{bus.port}", str(party), KEYS[party])
        return ServiceBusClient.from_connection_string(connection, retry_total=0)

    def wrapped(ports: Ports) -> Ports:
        own = replace(
            ports,
            table=lambda: table(TableName.LEDGER),
            index_table=lambda: table(TableName.INDEX),
            inbox_table=lambda: table(TableName.INBOX),
            incoming=lambda: blobs(Container.INCOMING, limit=INCOMING_LIMIT),
            blobs=lambda: blobs(Container.EVIDENCE),
            bus=lambda: Bus(connect, encode=lambda message: never()),
        )
        if party is Party.WORKER:
            return own
        return replace(own, signer=never, private_keys=never)

    return wrapped


def test_the_front_applies_with_its_own_rights_alone_and_the_worker_makes_the_change(
    tmp_path: Path, storage: Storage, bus: ServiceBus
) -> None:
    write_application(tmp_path)
    front, worker = Live(tmp_path), Live(tmp_path)
    front.restart(wrap=limited(storage, bus, Party.FRONT))
    worker.restart(wrap=limited(storage, bus, Party.WORKER))
    said = front.say()
    assert isinstance(said, Said)
    assert front.reply(said).state is SaidState.RECEIVED
    assert front.app.catalogue.entries == {}
    worker.app.inbox_reader.take(said.partition, said.id)
    assert front.reply(said).state is SaidState.COUNTED
    front.app.catalogue.look_again()
    assert list(front.app.catalogue.entries) == ["shop"]
    assert list(storage.blobs.get_container_client(Container.INCOMING).list_blob_names()) == []


def test_a_front_that_tries_the_workers_half_is_refused_by_the_storage(
    tmp_path: Path, storage: Storage, bus: ServiceBus
) -> None:
    write_application(tmp_path, "cart")
    front = Live(tmp_path)
    front.restart(wrap=limited(storage, bus, Party.FRONT))
    said = front.say()
    assert isinstance(said, Said)
    received = front.app.inbox.get(said.partition, said.id)
    assert isinstance(received, Received)
    with pytest.raises(LedgerUnavailable):
        front.app.applying.take(received)
    with pytest.raises(LedgerUnavailable):
        front.app.versions.store(b"{}")
