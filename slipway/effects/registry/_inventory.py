"""Finds out what the target already has, while the source is still being read."""

import threading
from collections.abc import Iterator
from functools import partial

from ._client import Registry
from ._errors import NotInRegistry
from ._manifest import Content, Manifest
from ._parallel import Question


class TargetInventory:
    """Asks the target for each manifest found at the source, and for its blobs."""

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry, self._repository = registry, repository
        self._lock = threading.Lock()
        self._asked: set[str] = set()
        self.manifests: set[str] = set()
        """Digests of manifests that were read and hashed, and need not be read back later."""
        self.blobs: set[str] = set()

    def questions_about(self, manifest: Manifest, content: Content) -> Iterator[Question]:
        yield partial(self._manifest, manifest.digest)
        for blob in content.blobs:
            with self._lock:
                new = blob.digest not in self._asked
                self._asked.add(blob.digest)
            if new:
                yield partial(self._blob, blob.digest)

    def _manifest(self, digest: str) -> tuple[Question, ...]:
        if has_manifest(self._registry, self._repository, digest):
            self.manifests.add(digest)
        return ()

    def _blob(self, digest: str) -> tuple[Question, ...]:
        if self._registry.blob_exists(self._repository, digest):
            self.blobs.add(digest)
        return ()


def has_manifest(registry: Registry, repository: str, digest: str) -> bool:
    """Whether the manifest exists with the right content: `Registry.manifest` raises if its bytes have another hash."""
    try:
        registry.manifest(repository, digest)
    except NotInRegistry:
        return False
    return True
