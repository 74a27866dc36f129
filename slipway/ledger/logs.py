"""Append-only files, used for the anchors. In Azure an immutability policy can forbid any other change."""

from typing import Protocol

CONTAINER = "audit"
BLOCK_LIMIT = 4 * 1024 * 1024
"""Bytes that one append may have in every version of the service."""


class AppendLog(Protocol):
    """Append blobs of one container."""

    def names(self, prefix: str) -> list[str]:
        """All names with the prefix, sorted."""
        ...

    def read(self, name: str) -> bytes:
        """The whole content; empty if the file does not exist."""
        ...

    def append(self, name: str, content: bytes, *, at: int) -> None:
        """Append the content atomically; `at` is the length in bytes that the file must have.

        Raises `Conflict` if it has another length, so only one of two writers succeeds; `LedgerUnavailable`;
        ValueError if the content is larger than `BLOCK_LIMIT`.
        """
        ...


def check_block_size(content: bytes) -> bytes:
    """The content unchanged. Raises ValueError if it is larger than `BLOCK_LIMIT`."""
    if len(content) > BLOCK_LIMIT:
        raise ValueError(f"one append takes {BLOCK_LIMIT} bytes, this one has {len(content)}")
    return content
