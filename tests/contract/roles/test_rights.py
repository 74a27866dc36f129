"""Each call that the table of rights allows works with the role's own tokens and keys, and every other is refused.

On Azurite and the bus double, with the tokens that the local stack derives from the table; in Azure, role assignments
take their place.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

import pytest
from azure.core.credentials import AzureSasCredential
from azure.core.exceptions import HttpResponseError
from azure.data.tables import TableClient, UpdateMode
from azure.servicebus import ServiceBusClient, ServiceBusMessage
from azure.servicebus.exceptions import ServiceBusAuthenticationError, ServiceBusAuthorizationError
from azure.storage.blob import ContainerClient

from local.servicebus import ServiceBus
from local.servicebus.server import key_connection
from local.stack.grants import PARTIES, storage_tokens
from slipway.domain.queues import Queue
from slipway.domain.rights import Container, Operation, Party, Resource, TableName, every_call, may, rights_of
from tests.contract.roles.conftest import KEYS, Storage

CALLS = [(party, *call) for party in PARTIES for call in every_call()]
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def clients(bus: ServiceBus) -> Iterator[Mapping[Party, ServiceBusClient]]:
    address = f"127.0.0.1:{bus.port}"
    by_party = {
        party: ServiceBusClient.from_connection_string(key_connection(address, str(party), key), retry_total=0)
        for party, key in KEYS.items()
    }
    yield by_party
    for client in by_party.values():
        client.close()


def table_call(storage: Storage, table: TableName, operation: Operation, token: str) -> Callable[[], object]:
    key = f"row{next(_numbers)}"
    if operation is not Operation.ADD:
        storage.tables.get_table_client(table).create_entity({"PartitionKey": "p", "RowKey": key})
    client = TableClient(storage.tables.url, table_name=table, credential=AzureSasCredential(token))
    row = {"PartitionKey": "p", "RowKey": key, "Changed": True}
    match operation:
        case Operation.READ:
            return lambda: [client.get_entity("p", key), next(iter(client.list_entities()))]
        case Operation.ADD:
            return lambda: client.create_entity(row)
        case Operation.CHANGE:
            return lambda: client.update_entity(row, mode=UpdateMode.REPLACE)
        case _:
            return lambda: client.delete_entity("p", key)


def container_call(storage: Storage, container: Container, operation: Operation, token: str) -> Callable[[], object]:
    name = f"blob{next(_numbers)}"
    if operation is not Operation.ADD:
        storage.blobs.get_blob_client(container, name).upload_blob(b"first")
    client = ContainerClient(storage.blobs.url, container, credential=AzureSasCredential(token))
    match operation:
        case Operation.READ:
            return lambda: client.download_blob(name).readall()
        case Operation.ADD:
            return lambda: client.upload_blob(name, b"new", overwrite=False)
        case Operation.CHANGE:
            return lambda: client.upload_blob(name, b"second", overwrite=True)
        case _:
            return lambda: client.delete_blob(name)


def storage_call(
    storage: Storage, resource: TableName | Container, operation: Operation, token: str
) -> Callable[[], object]:
    if isinstance(resource, TableName):
        return table_call(storage, resource, operation, token)
    return container_call(storage, resource, operation, token)


def queue_call(client: ServiceBusClient, queue: Queue, operation: Operation) -> None:
    if operation is Operation.SEND:
        with client.get_queue_sender(queue) as sender:
            sender.send_messages(ServiceBusMessage(b"{}"))
    else:
        with client.get_queue_receiver(queue) as receiver:
            receiver.peek_messages(max_message_count=1)


def name_of(call: object) -> str:
    return str(call)


@pytest.mark.parametrize(("party", "resource", "operation"), CALLS, ids=name_of)
def test_calls_that_the_table_of_rights_allows_work_and_all_others_are_refused(
    storage: Storage,
    clients: Mapping[Party, ServiceBusClient],
    party: Party,
    resource: Resource,
    operation: Operation,
) -> None:
    allowed = may(rights_of(party, event_grid_function=True), resource, operation)
    if isinstance(resource, Queue):
        if allowed:
            queue_call(clients[party], resource, operation)
            return
        with pytest.raises((ServiceBusAuthenticationError, ServiceBusAuthorizationError)):
            queue_call(clients[party], resource, operation)
        return
    tokens = storage_tokens(party)
    if allowed:
        storage_call(storage, resource, operation, tokens[resource])()
        return
    # Where the role has no token for the resource, none of its other tokens may open it.
    for token in [tokens[resource]] if resource in tokens else tokens.values():
        with pytest.raises(HttpResponseError) as refused:
            storage_call(storage, resource, operation, token)()
        assert refused.value.status_code == HTTPStatus.FORBIDDEN


def test_every_call_of_both_roles_is_tried() -> None:
    assert {party for party, *_ in CALLS} == {Party.FRONT, Party.WORKER}
    assert len(CALLS) == 2 * len(list(every_call()))
