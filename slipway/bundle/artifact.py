"""A bundle as an OCI artifact: an image manifest with `bundle.json` as its config and a tar of manifests as its layer.

It is never an index, and never has a second layer of a tar's type: Flux and Argo CD would not read it
(docs/reference/bundle.md).
"""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ..domain.model import Digest, canonical, sha256
from ..manifests.problems import ConfigError, Problem
from .archive import LARGEST_LAYER, BadArchive, Files, compress, decompress, read_tar, write_tar
from .model import (
    ARTIFACT_TYPE,
    CONFIG_FILE,
    CONFIG_TYPE,
    LARGEST_CONFIG,
    LAYER_TYPE,
    MANIFEST_TYPE,
    BundleConfig,
    read_config,
    read_model,
)

LARGEST_MANIFEST = 64 * 1024
_ORAS = {"org.opencontainers.image.title": ".", "io.deis.oras.content.unpack": "true"}
"""Lets `oras pull` unpack the layer into the folder that it is called in."""


class NotABundle(ValueError):  # noqa: N818 - it is what was found
    """The manifest is that of something else; the message says what that is."""


@dataclass(frozen=True, kw_only=True)
class PackedBundle:
    """A bundle as the bytes that a registry stores. Their digests are its identity."""

    manifest: bytes = field(repr=False)
    config: bytes = field(repr=False)
    layer: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        return sha256(self.manifest)


class _Descriptor(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    mediaType: str = Field(max_length=255)  # noqa: N815 - the name in the manifest
    digest: Digest
    size: int = Field(strict=True, ge=0)


class _Manifest(BaseModel):
    # Unknown fields are allowed, since OCI adds some; digests bind all fields that are used.
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    schemaVersion: Literal[2]  # noqa: N815
    mediaType: str = ""  # noqa: N815
    artifactType: str = Field(default="", max_length=255)  # noqa: N815
    config: _Descriptor | None = None
    layers: tuple[_Descriptor, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BundleBlobs:
    """The parts of a bundle: the digests and sizes of its config and of its layer."""

    config: str
    config_size: int
    layer: str
    layer_size: int


def pack_bundle(config: BundleConfig, files: Files) -> PackedBundle:
    """The artifact of these files. `config.content` must be the digest of their tar (`content_digest`).

    Raises `ConfigError` beyond a limit of the format.
    """
    try:
        layer = compress(write_tar(files))
    except BadArchive as error:
        raise ConfigError([Problem(file="environments", message=str(error))]) from None
    document = config.document()
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "config": _descriptor(CONFIG_TYPE, document),
        "layers": [_descriptor(LAYER_TYPE, layer) | {"annotations": _ORAS}],
        "annotations": _annotations(config),
    }
    return PackedBundle(manifest=canonical(manifest), config=document, layer=layer)


def content_digest(files: Files) -> str:
    """The digest of the files' tar, for `BundleConfig.content`. Raises `ConfigError` beyond a limit of the format."""
    try:
        return sha256(write_tar(files))
    except BadArchive as error:
        raise ConfigError([Problem(file="environments", message=str(error))]) from None


def _descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(data), "size": len(data)}


def _annotations(config: BundleConfig) -> dict[str, str]:
    """The annotations that registries, Flux and Argo CD show."""
    prefix = "org.opencontainers.image."
    annotations = {
        "created": config.created.isoformat().replace("+00:00", "Z") if config.created else "",
        "revision": config.source.commit,
        "source": config.source.repository,
        "version": config.version,
        "title": config.application,
    }
    return {prefix + name: value for name, value in annotations.items() if value}


def blobs_of(manifest: bytes) -> BundleBlobs:
    """The parts that a manifest names. Raises `NotABundle` for another artifact, `ConfigError` for a broken one."""
    document = _kind_of(manifest)
    if document.get("artifactType") != ARTIFACT_TYPE:
        raise NotABundle(_wrong_type(document))
    manifest_fields = read_model(_Manifest, manifest, name="manifest", limit=LARGEST_MANIFEST)
    faults = list(_faults(manifest_fields))
    if faults or manifest_fields.config is None:
        raise ConfigError(faults)
    (layer,) = manifest_fields.layers
    return BundleBlobs(
        config=manifest_fields.config.digest,
        config_size=manifest_fields.config.size,
        layer=layer.digest,
        layer_size=layer.size,
    )


def _kind_of(manifest: bytes) -> dict[str, Any]:
    try:
        document = json.loads(manifest)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise NotABundle("it is not an OCI manifest")
    return document


def _wrong_type(document: dict[str, Any]) -> str:
    config = document.get("config")
    config_type = config.get("mediaType") if isinstance(config, dict) else None
    kind = document.get("artifactType") or config_type or document.get("mediaType") or "nothing that is known"
    return f"expected an artifact of type {ARTIFACT_TYPE}, got {str(kind)[:255]!r}"


def _faults(manifest: _Manifest) -> list[Problem]:
    def fault(field_name: str, expected: str, got: object) -> Problem:
        return Problem(file="manifest", field=field_name, expected=expected, got=repr(got)[:300])

    faults = []
    if manifest.mediaType != MANIFEST_TYPE:
        faults.append(fault("mediaType", MANIFEST_TYPE, manifest.mediaType))
    if manifest.config is None:
        return [*faults, fault("config", CONFIG_FILE, None)]
    if manifest.config.mediaType != CONFIG_TYPE:
        faults.append(fault("config.mediaType", CONFIG_TYPE, manifest.config.mediaType))
    if manifest.config.size > LARGEST_CONFIG:
        faults.append(fault("config.size", f"at most {LARGEST_CONFIG} bytes", manifest.config.size))
    if len(manifest.layers) != 1:
        return [*faults, fault("layers", "one layer", len(manifest.layers))]
    (layer,) = manifest.layers
    if layer.mediaType != LAYER_TYPE:
        faults.append(fault("layers[0].mediaType", LAYER_TYPE, layer.mediaType))
    if layer.size > LARGEST_LAYER:
        faults.append(fault("layers[0].size", f"at most {LARGEST_LAYER} bytes", layer.size))
    return faults


def unpack_bundle(packed: PackedBundle) -> tuple[BundleConfig, dict[str, bytes]]:
    """Config and files of an artifact, with its parts checked against each other.

    The content of the files is not checked here (`contents.py`). Raises `NotABundle` and `ConfigError`.
    """
    parts = blobs_of(packed.manifest)
    for what, data, digest, size in (
        ("config", packed.config, parts.config, parts.config_size),
        ("layers[0]", packed.layer, parts.layer, parts.layer_size),
    ):
        if (sha256(data), len(data)) != (digest, size):
            got = f"{len(data)} bytes with {sha256(data)}"
            raise ConfigError([Problem(file="manifest", field=what, expected=f"{size} bytes with {digest}", got=got)])
    config = read_config(packed.config)
    try:
        tar = decompress(packed.layer)
        files = read_tar(tar)
    except BadArchive as error:
        raise ConfigError([Problem(file="layer", message=str(error))]) from None
    if sha256(tar) != config.content:
        raise ConfigError([Problem(file=CONFIG_FILE, field="content", expected=sha256(tar), got=config.content)])
    return config, files
