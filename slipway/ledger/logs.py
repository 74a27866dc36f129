"""Files that only grow: the anchors, a line at a time. In Azure a policy can forbid everything else."""

from typing import Protocol

CONTAINER = "audit"
BLOCK_LIMIT = 4 * 1024 * 1024
"""Bytes that one append takes, in every version of the service."""


class AppendLog(Protocol):
    """Append blobs of one container."""

    def names(self, prefix: str) -> list[str]:
        """All names that begin so, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """All of it; nothing where it is not there."""
        ...

    def append(self, name: str, content: bytes, *, at: int) -> None:
        """Add to its end, in one piece or not at all. Raises `Conflict` where its length is not `at`, so that of two
        writers one is first; `LedgerUnavailable`; ValueError where it is too much for one append."""
        ...


def limited(content: bytes) -> bytes:
    """The content, if one append takes it."""
    if len(content) > BLOCK_LIMIT:
        raise ValueError(f"one append takes {BLOCK_LIMIT} bytes, this one has {len(content)}")
    return content
