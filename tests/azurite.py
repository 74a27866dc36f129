"""One Azurite for each test process, and a table or a container of its own for each test that asks.

Azure's clients are imported only when a test asks for them: most tests need none of them, and would wait for the
import.
"""
# ruff: noqa: PLC0415

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from slipway.ledger.azure_blobs import AzureAdded, AzureBlobs
    from slipway.ledger.azure_table import AzureTable

_numbers = itertools.count(1)


def fresh_name(prefix: str) -> str:
    """A name that no other test has; lower-case letters and digits only, as tables and containers want it."""
    return f"{prefix}{os.getpid()}n{next(_numbers)}"


@pytest.fixture(scope="session")
def azurite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Azurite's connection string. Skips where Azurite is not installed; a start that fails is an error."""
    from local.stack import azurite as emulator

    if not emulator.MAIN.exists():
        pytest.skip("Azurite is not installed: run `make install`")
    folder = tmp_path_factory.mktemp("azurite")
    # Azurite keeps everything in memory: with a folder it would write all its data every few seconds.
    part, connection = emulator.start(None, log=folder / "azurite.log")
    try:
        yield connection
    finally:
        part.stop()


@contextmanager
def empty_table(azurite: str) -> "Iterator[AzureTable]":
    from azure.data.tables import TableServiceClient

    from slipway.ledger.azure_table import AzureTable

    with TableServiceClient.from_connection_string(azurite) as service:
        yield AzureTable(service.get_table_client(fresh_name("ledger")), makes=True)


@pytest.fixture
def azure_table(azurite: str) -> "Iterator[AzureTable]":
    """An empty table in Azurite."""
    with empty_table(azurite) as table:
        yield table


@pytest.fixture
def azure_blobs(azurite: str) -> "Iterator[AzureBlobs]":
    """An empty container in Azurite."""
    from azure.storage.blob import BlobServiceClient

    from slipway.ledger.azure_blobs import AzureBlobs

    with BlobServiceClient.from_connection_string(azurite) as service:
        yield AzureBlobs(service.get_container_client(fresh_name("evidence")), makes=True)


@pytest.fixture
def azure_added(azurite: str) -> "Iterator[AzureAdded]":
    """An empty container in Azurite, for blobs that are only added."""
    from azure.storage.blob import BlobServiceClient

    from slipway.ledger.azure_blobs import AzureAdded

    with BlobServiceClient.from_connection_string(azurite) as service:
        yield AzureAdded(service.get_container_client(fresh_name("added")), makes=True)
