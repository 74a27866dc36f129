"""What is too large for a row: plans, manifests and logs, kept as blobs named by their hash."""

from collections.abc import Callable
from typing import Protocol

from ..domain.model import sha256

CONTAINER = "evidence"
BLOB_LIMIT = 16 * 1024 * 1024
"""Bytes of one document; plans and logs are far smaller."""


class Blobs(Protocol):
    """A store of immutable documents, addressed by content."""

    def put(self, content: bytes, content_type: str) -> str:
        """Keep the content; returns its name, `sha256:…`. Putting it again changes nothing."""
        ...

    def get(self, digest: str) -> bytes | None:
        """The content, checked against its name. Raises ValueError when it was changed behind our back."""
        ...


def checked(digest: str, content: bytes) -> bytes:
    """The content, if it has the hash."""
    if sha256(content) != digest:
        raise ValueError(f"the document {digest} was changed: its content has the hash {sha256(content)}")
    return content


def limited(content: bytes) -> bytes:
    """The content, if it is not too large."""
    if len(content) > BLOB_LIMIT:
        raise ValueError(f"a document holds at most {BLOB_LIMIT} bytes, this one has {len(content)}")
    return content


class LateBlobs:
    """Documents whose store is opened when the first is asked for: most processes never look into the archive."""

    def __init__(self, open: Callable[[], Blobs]) -> None:
        self._open = open

    def put(self, content: bytes, content_type: str) -> str:
        return self._open().put(content, content_type)

    def get(self, digest: str) -> bytes | None:
        return self._open().get(digest)
