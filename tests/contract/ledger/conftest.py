"""Each test runs on the double and on Azurite: a double counts as honest when both pass the same tests."""

import pytest

from slipway.ledger import Blobs, Table
from slipway.ledger.table import PagedTable, RowTable
from slipway.testing import MemoryBlobs, MemoryTable

KINDS = ["memory", "azurite"]


@pytest.fixture(params=KINDS)
def table(request: pytest.FixtureRequest) -> Table:
    """An empty table; Azurite is started only for the tests that use it."""
    if request.param == "memory":
        return MemoryTable()
    azure_table: Table = request.getfixturevalue("azure_table")
    return azure_table


@pytest.fixture(params=KINDS)
def paged_table(request: pytest.FixtureRequest) -> PagedTable:
    """An empty table that is read page by page; the double returns short pages, as the service may."""
    if request.param == "memory":
        return MemoryTable(examined=100)
    azure_table: PagedTable = request.getfixturevalue("azure_table")
    return azure_table


@pytest.fixture(params=KINDS)
def blobs(request: pytest.FixtureRequest) -> Blobs:
    """An empty container."""
    if request.param == "memory":
        return MemoryBlobs()
    container: Blobs = request.getfixturevalue("azure_blobs")
    return container


@pytest.fixture(params=KINDS)
def row_table(request: pytest.FixtureRequest) -> RowTable:
    """An empty table that is written row by row."""
    if request.param == "memory":
        return MemoryTable()
    azure_table: RowTable = request.getfixturevalue("azure_table")
    return azure_table
