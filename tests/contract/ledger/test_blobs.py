"""Documents addressed by their content, on the double and on Azurite alike."""

from datetime import UTC, datetime, timedelta

import pytest

from slipway.domain.model import sha256
from slipway.ledger import Blobs
from slipway.ledger.azure_blobs import AzureBlobs
from slipway.ledger.blobs import BLOB_LIMIT
from slipway.testing import MemoryBlobs

PLAN = '{"plan": "für 🚢"}'.encode()


def overwrite(blobs: Blobs, digest: str, content: bytes) -> None:
    """Change a document behind the port's back."""
    if isinstance(blobs, MemoryBlobs):
        blobs.documents[digest] = content
        return
    assert isinstance(blobs, AzureBlobs)
    blobs._lazy.client.upload_blob(digest.replace(":", "/"), content, overwrite=True)


@pytest.mark.parametrize(
    "content", [PLAN, b"", b"\x00\xff" * 1000, b"x" * 5_000_000], ids=["json", "empty", "bytes", "5 MB"]
)
def test_a_document_is_found_by_the_hash_of_its_content(blobs: Blobs, content: bytes) -> None:
    digest = blobs.put(content, "application/json")
    assert digest == sha256(content)
    assert blobs.get(digest) == content


def test_putting_a_document_twice_changes_nothing(blobs: Blobs) -> None:
    first = blobs.put(PLAN, "application/json")
    assert blobs.put(PLAN, "text/plain") == first
    assert blobs.get(first) == PLAN


def test_reading_a_missing_document_gives_none(blobs: Blobs) -> None:
    assert blobs.get(sha256(b"nothing")) is None


@pytest.mark.parametrize("name", ["", "sha256:", "nonsense", "../x", "sha256:" + "G" * 64, "a?b=c", "x" * 2000, "a\n"])
def test_a_name_that_is_not_a_digest_names_no_document(blobs: Blobs, name: str) -> None:
    assert blobs.get(name) is None


def test_a_document_that_was_changed_is_not_given_out(blobs: Blobs) -> None:
    digest = blobs.put(PLAN, "application/json")
    overwrite(blobs, digest, PLAN + b" ")
    with pytest.raises(ValueError, match=f"the document {digest} was changed: its content has the hash sha256:"):
        blobs.get(digest)


def test_a_changed_document_is_not_mended_by_putting_it_again(blobs: Blobs) -> None:
    digest = blobs.put(PLAN, "application/json")
    overwrite(blobs, digest, b"other")
    blobs.put(PLAN, "application/json")
    with pytest.raises(ValueError, match="was changed"):
        blobs.get(digest)


def test_a_document_that_was_made_huge_is_not_read_to_its_end(blobs: Blobs) -> None:
    digest = blobs.put(PLAN, "application/json")
    overwrite(blobs, digest, b"x" * (BLOB_LIMIT + 2))
    with pytest.raises(ValueError, match="was changed"):
        blobs.get(digest)


def test_a_document_that_is_too_large_is_refused(blobs: Blobs) -> None:
    with pytest.raises(ValueError, match=f"at most {BLOB_LIMIT} bytes, this one has {BLOB_LIMIT + 1}"):
        blobs.put(b"x" * (BLOB_LIMIT + 1), "text/plain")


def test_only_documents_older_than_the_given_time_are_removed(blobs: Blobs) -> None:
    assert isinstance(blobs, MemoryBlobs | AzureBlobs)
    digests = [blobs.put(content, "application/json") for content in (b"one", b"two")]
    now = datetime.now(UTC)
    assert blobs.remove_old(now - timedelta(hours=1)) == 0
    assert [blobs.get(digest) for digest in digests] == [b"one", b"two"]
    assert blobs.remove_old(now + timedelta(hours=1), limit=1) == 1
    assert blobs.remove_old(now + timedelta(hours=1)) == 1
    assert [blobs.get(digest) for digest in digests] == [None, None]
