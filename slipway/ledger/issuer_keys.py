"""The identity provider's keys, kept as they were published, so that anchors name a set that can be looked at later.

A proof is verified with the provider's keys of its day. An anchor that names them, stored where nobody can change it,
shows years later that they were in use then, even if the provider publishes others by that time.
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
        """The hash of the set in use now; None if the issuer is away and no set is known: then an anchor is written
        without it. Raises `LedgerUnavailable`."""
        known = self._source().key_set()
        if isinstance(known, CannotVerify):
            log.warning("the next anchor names no keys of the identity provider: %s", known.why)
            return None
        if known.hash != self._kept:
            self._kept = self._evidence().put(known.content, JSON)
        return self._kept
