"""Blobs that are only added: in memory as in Azurite, the first of a list is the newest anchor."""

from collections.abc import Iterator
from itertools import islice

import pytest

from slipway.ledger.chain_anchors import AddedBlobs
from slipway.ledger.table import Conflict
from slipway.testing import MemoryAdded
from tests.contract.ledger.conftest import KINDS


@pytest.fixture(params=KINDS)
def added(request: pytest.FixtureRequest) -> AddedBlobs:
    """An empty container."""
    if request.param == "memory":
        return MemoryAdded()
    container: AddedBlobs = request.getfixturevalue("azure_added")
    return container


def read(blobs: Iterator[tuple[str, bytes]], most: int = 100) -> list[tuple[str, bytes]]:
    return list(islice(blobs, most))


def test_an_existing_blob_is_never_changed(added: AddedBlobs) -> None:
    added.add("chains/application:shop/1-1", b"one")
    with pytest.raises(Conflict):
        added.add("chains/application:shop/1-1", b"two")
    assert read(added.listed("chains/")) == [("chains/application:shop/1-1", b"one")]


def test_blobs_are_listed_by_name_and_a_second_one_of_the_same_record_follows_the_first(added: AddedBlobs) -> None:
    for name in ("1-3", "1-1", "1-1-1", "1-2", "1-4", "1-5", "1-6"):
        added.add(f"chains/application:shop/{name}", name.encode())
    added.add("chains/application:shop-2/0-0", b"another chain's")
    contents = [content for _, content in read(added.listed("chains/application:shop/"))]
    assert contents == [b"1-1", b"1-1-1", b"1-2", b"1-3", b"1-4", b"1-5", b"1-6"]
    assert read(added.listed("chains/application:shop/"), 1)[0][1] == b"1-1"


def test_folders_are_named_once(added: AddedBlobs) -> None:
    assert list(added.folders("chains/")) == []
    for name in ("application:shop/1", "application:shop/2", "installation/1"):
        added.add(f"chains/{name}", b"x")
    added.add("elsewhere/x/1", b"x")
    assert list(added.folders("chains/")) == ["application:shop", "installation"]
