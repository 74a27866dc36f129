"""Tables and containers are made on first use: a worker that starts while storage is away works once it is back."""

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from slipway.ledger import LedgerUnavailable
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.azure_table import AzureTable
from slipway.ledger.containers import LazyClient
from tests.azurite import fresh_name

NOWHERE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
    "TableEndpoint=http://127.0.0.1:1/devstoreaccount1;BlobEndpoint=http://127.0.0.1:1/devstoreaccount1;"
)


def test_a_table_that_cannot_be_made_yet_is_opened_and_says_so_when_it_is_asked() -> None:
    with TableServiceClient.from_connection_string(NOWHERE, retry_total=0) as service:
        table = AzureTable(service.get_table_client("ledger"), makes=True)
        with pytest.raises(LedgerUnavailable):
            table.get("shop", "head")


def test_a_container_that_cannot_be_made_yet_is_opened_and_says_so_when_it_is_asked() -> None:
    with BlobServiceClient.from_connection_string(NOWHERE, retry_total=0) as service:
        blobs = AzureBlobs(service.get_container_client("evidence"), makes=True)
        with pytest.raises(LedgerUnavailable):
            blobs.put(b"log", "text/plain")


def test_a_table_that_could_not_be_made_is_tried_again_and_made_once() -> None:
    outcomes: list[Exception | None] = [ServiceRequestError("refused"), None]

    def make() -> None:
        outcome = outcomes.pop(0)
        if outcome is not None:
            raise outcome

    lazy = LazyClient("client", make, "table ledger")
    with pytest.raises(LedgerUnavailable, match="table ledger"):
        _ = lazy.client
    assert (lazy.client, lazy.client, outcomes) == ("client", "client", [])


def test_a_table_that_another_process_made_is_used(azurite: str) -> None:
    name = fresh_name("ledger")
    with TableServiceClient.from_connection_string(azurite) as service:
        for _ in range(2):
            assert AzureTable(service.get_table_client(name), makes=True).get("shop", "head") is None
