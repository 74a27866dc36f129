"""One bus, one client and one bench for each module."""

from collections.abc import Iterator

import pytest
from azure.servicebus import ServiceBusClient

from local.servicebus import ServiceBus
from tests.contract.servicebus.support import BEARER_TOKEN, QUEUES, Bench


@pytest.fixture(scope="module")
def bus() -> Iterator[ServiceBus]:
    with ServiceBus(*QUEUES, bearer_token=BEARER_TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def client(bus: ServiceBus) -> Iterator[ServiceBusClient]:
    with ServiceBusClient.from_connection_string(bus.connection_string, retry_total=0) as opened:
        yield opened


@pytest.fixture(scope="module")
def bench(client: ServiceBusClient) -> Iterator[Bench]:
    shared = Bench(client)
    try:
        yield shared
    finally:
        shared.close()
