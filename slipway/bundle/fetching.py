"""Fetches a bundle from a registry: manifest, then config, then layer, so that it can be refused as early as possible.

Sizes are limited before anything is downloaded. The registry is a protocol, which `effects.registry` fulfils.
"""

from collections.abc import Iterable
from typing import Protocol

from ..manifests.problems import ConfigError, Problem
from .artifact import LARGEST_MANIFEST, BundleBlobs, PackedBundle, blobs_of
from .model import BundleConfig, read_config


class _BundleManifest(Protocol):
    @property
    def raw(self) -> bytes: ...


class Shelf(Protocol):
    """A registry, as far as bundles need it. Both calls check the digest of what they return."""

    def manifest(self, repository: str, reference: str) -> _BundleManifest: ...

    def open_blob(self, repository: str, digest: str, size: int) -> Iterable[bytes]: ...


def fetch(shelf: Shelf, repository: str, reference: str) -> PackedBundle:
    """All parts. Raises `NotABundle`, `ConfigError`, and the errors of the registry."""
    manifest, parts = _parts(shelf, repository, reference)
    config = b"".join(shelf.open_blob(repository, parts.config, parts.config_size))
    layer = b"".join(shelf.open_blob(repository, parts.layer, parts.layer_size))
    return PackedBundle(manifest=manifest, config=config, layer=layer)


def fetch_config(shelf: Shelf, repository: str, reference: str) -> BundleConfig:
    """`bundle.json` without the manifests. Raises as `fetch` does."""
    _, parts = _parts(shelf, repository, reference)
    return read_config(b"".join(shelf.open_blob(repository, parts.config, parts.config_size)))


def _parts(shelf: Shelf, repository: str, reference: str) -> tuple[bytes, BundleBlobs]:
    manifest = shelf.manifest(repository, reference).raw
    if len(manifest) > LARGEST_MANIFEST:
        expected, got = f"at most {LARGEST_MANIFEST} bytes", str(len(manifest))
        raise ConfigError([Problem(file="manifest", expected=expected, got=got)])
    return manifest, blobs_of(manifest)
