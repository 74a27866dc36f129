"""Keeps the identity provider's keys as they were published, so that anchors can name a set that can be read later.

A proof is verified with the provider's keys of its day. An anchor in storage that nobody can change names them, so
years later it shows that they were in use, even if the provider publishes others by then.
"""

import logging
from collections.abc import Callable
from typing import Protocol

from ..domain.identity import CannotVerify, KeySet
from .blobs import Blobs

log = logging.getLogger(__name__)
JSON = "application/json"


class PublishedKeySet(Protocol):
    """Knows the keys that the issuer publishes (`effects/identity`)."""

    def key_set(self) -> KeySet | CannotVerify: ...


class IssuerKeys:
    """Keeps each set once for as long as this process runs."""

    def __init__(self, source: Callable[[], PublishedKeySet], *, evidence: Callable[[], Blobs]) -> None:
        self._source, self._evidence = source, evidence
        self._kept = ""

    def hash(self) -> str | None:
        """The hash of the set in use now; None if the issuer is away and no set is known, in which case anchors name
        none. Raises `LedgerUnavailable`."""
        key_set = self._source().key_set()
        if isinstance(key_set, CannotVerify):
            log.warning("the next anchor names no keys of the identity provider: %s", key_set.why)
            return None
        if key_set.hash != self._kept:
            self._kept = self._evidence().put(key_set.content, JSON)
        return self._kept
