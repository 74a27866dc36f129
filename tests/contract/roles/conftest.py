"""Azurite with every table and container, and the bus double with the access rules that the local stack derives from
the rights."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from local.servicebus import QueueSettings, ServiceBus
from local.stack.grants import PARTIES, make_storage, queue_rules
from slipway.domain.queues import Queue

KEYS = {party: f"the-bus-key-of-{party}" for party in PARTIES}


@dataclass(frozen=True)
class Storage:
    """Azurite with all tables and containers, and the owner's clients."""

    tables: TableServiceClient
    blobs: BlobServiceClient


@pytest.fixture(scope="module")
def storage(azurite: str) -> Iterator[Storage]:
    make_storage(azurite)
    with (
        TableServiceClient.from_connection_string(azurite) as tables,
        BlobServiceClient.from_connection_string(azurite) as blobs,
    ):
        yield Storage(tables, blobs)


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBus]:
    settings = (
        {"name": queue, "rules": queue_rules(queue, KEYS)} for queue in Queue
    )  # sessions do not matter to rights
    with ServiceBus(*(QueueSettings.model_validate(fields) for fields in settings)) as running:
        yield running
