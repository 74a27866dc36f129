"""Documents too large for a row (plans, manifests and logs), stored as blobs named by their hash."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from ..domain.model import sha256

CONTAINER = "evidence"
BLOB_LIMIT = 16 * 1024 * 1024
"""Bytes of one document; plans and logs are far smaller."""
INCOMING_LIMIT = 4 * 1024 * 1024
"""Bytes of content that a front passes on because no row can hold it."""
INCOMING_KEPT = timedelta(days=1)
"""Content that nobody takes stays there for this long."""


class Blobs(Protocol):
    """A store of immutable documents, addressed by content."""

    def put(self, content: bytes, content_type: str) -> str:
        """Store the content and return its name, `sha256:…`. Idempotent."""
        ...

    def get(self, digest: str) -> bytes | None:
        """The content; None if there is none. Raises ValueError if its hash is not its name."""
        ...


class IncomingBlobs(Blobs, Protocol):
    """Content on its way from the front to the worker: created, never replaced, and removed once it was taken.

    A blob larger than `INCOMING_LIMIT` is not one of ours.
    """

    def remove(self, digest: str) -> None:
        """Remove the content; does nothing if there is none. Raises `LedgerUnavailable`."""
        ...

    def remove_old(self, before: datetime, *, limit: int = 1000) -> int:
        """Remove content that was created before the time and that nobody took; returns how much. Raises
        `LedgerUnavailable`."""
        ...


def check_hash(digest: str, content: bytes) -> bytes:
    """The content unchanged. Raises ValueError if its hash is not `digest`."""
    if sha256(content) != digest:
        raise ValueError(f"the document {digest} was changed: its content has the hash {sha256(content)}")
    return content


def check_blob_size(content: bytes, limit: int = BLOB_LIMIT) -> bytes:
    """The content unchanged. Raises ValueError if it is larger than the limit."""
    if len(content) > limit:
        raise ValueError(f"a document holds at most {limit} bytes, this one has {len(content)}")
    return content


class LateBlobs:
    """Opens the store at each use, not at start-up: most processes never read the archive."""

    def __init__(self, open: Callable[[], Blobs]) -> None:
        self._open = open

    def put(self, content: bytes, content_type: str) -> str:
        return self._open().put(content, content_type)

    def get(self, digest: str) -> bytes | None:
        return self._open().get(digest)
