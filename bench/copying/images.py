"""Two-platform images of given sizes, with the same bytes each time, and second versions that change one layer."""

import gzip
import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from slipway.effects.registry import Registry

INDEX: Final = "application/vnd.oci.image.index.v1+json"
MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
CONFIG: Final = "application/vnd.oci.image.config.v1+json"
LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURES: Final = ("amd64", "arm64")
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Size:
    """The sizes of an image's layers, in bytes."""

    name: str
    of_platform: tuple[int, ...]
    """Layers that each platform has of its own."""
    shared: int
    """The layer of the application, the same for both platforms: the one that a new version changes."""


SIZES: Final = (
    Size(
        name="240 MB",
        of_platform=tuple(part * MEGABYTE for part in (60, 40, 12, 5, 2)),
        shared=2 * MEGABYTE,
    ),
    Size(name="2 MB", of_platform=(600_000, 250_000, 50_000), shared=200_000),
)


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A blob or a manifest by its digest."""

    digest: str
    size: int
    media_type: str

    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True, kw_only=True)
class Image:
    """A two-platform image in a registry."""

    repository: str
    tag: str
    digest: str
    manifests: tuple[Piece, ...]
    """Platforms before the index."""
    blobs: tuple[Piece, ...]

    def blobs_missing_from(self, other: "Image | None") -> tuple[Piece, ...]:
        """The blobs that the other image does not have."""
        present = {blob.digest for blob in other.blobs} if other else set()
        return tuple(blob for blob in self.blobs if blob.digest not in present)


@dataclass
class Builder:
    """Writes images into one repository of the source registry."""

    registry: Registry
    repository: str
    _blobs: dict[str, Piece] = field(default_factory=dict)

    def build(self, size: Size, version: int, tag: str) -> Image:
        self._blobs = {}
        shared = self._layer(size.shared, f"{size.name} application {version}")
        platforms = [self._platform(size, name, shared, version) for name in ARCHITECTURES]
        listed = [
            piece.descriptor() | {"platform": {"os": "linux", "architecture": name}}
            for piece, name in zip(platforms, ARCHITECTURES, strict=True)
        ]
        index = self._manifest({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}, INDEX, tag)
        return Image(
            repository=self.repository,
            tag=tag,
            digest=index.digest,
            manifests=(*platforms, index),
            blobs=tuple(self._blobs.values()),
        )

    def _platform(self, size: Size, name: str, shared: Piece, version: int) -> Piece:
        layers = [self._layer(length, f"{size.name} {name} {n}") for n, length in enumerate(size.of_platform)]
        document = {"os": "linux", "architecture": name, "config": {"Labels": {"version": str(version)}}}
        config = self._blob(json.dumps(document | {"rootfs": {"type": "layers", "diff_ids": []}}).encode(), CONFIG)
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": [layer.descriptor() for layer in (*layers, shared)],
        }
        return self._manifest(manifest, MANIFEST)

    def _layer(self, length: int, seed: str) -> Piece:
        """Real gzip, because skopeo compresses uncompressed layers; of stored blocks, because the layer is made again
        each time."""
        return self._blob(gzip.compress(random.Random(seed).randbytes(length), 0, mtime=0), LAYER)

    def _blob(self, data: bytes, media_type: str) -> Piece:
        piece = Piece(digest=_digest(data), size=len(data), media_type=media_type)
        self._blobs[piece.digest] = piece
        if not self.registry.blob_exists(self.repository, piece.digest):
            self.registry.put_blob(self.repository, piece.digest, piece.size, lambda: _one_chunk(data))
        return piece

    def _manifest(self, document: dict[str, Any], media_type: str, tag: str | None = None) -> Piece:
        raw = json.dumps(document, indent=2).encode()
        digest = _digest(raw)
        self.registry.put_manifest(self.repository, tag or digest, raw, media_type)
        return Piece(digest=digest, size=len(raw), media_type=media_type)


def _one_chunk(data: bytes) -> Iterator[bytes]:
    yield data


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()
