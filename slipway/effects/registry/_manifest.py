"""Manifests: their media types and their references.

The bytes of a manifest are its identity and must never be serialised again; this module only reads them.
"""

import json
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from slipway.domain.model import Digest

from ._errors import ErrorSubject, OtherDigest, Unsupported

LARGEST_MANIFEST: Final = 4 * 1024 * 1024
"""Bytes; every tier of ACR refuses a larger manifest."""

OCI_INDEX: Final = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
OCI_ARTIFACT: Final = "application/vnd.oci.artifact.manifest.v1+json"
ORAS_ARTIFACT: Final = "application/vnd.cncf.oras.artifact.manifest.v1+json"

INDEXES: Final = frozenset({OCI_INDEX, DOCKER_LIST})
_IMAGES: Final = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
_ARTIFACTS: Final = frozenset({OCI_ARTIFACT, ORAS_ARTIFACT})
MANIFESTS: Final = INDEXES | _IMAGES | _ARTIFACTS
IMAGE_CONFIGS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
ACCEPT: Final = ", ".join(
    [OCI_INDEX, OCI_MANIFEST, DOCKER_LIST, DOCKER_MANIFEST, f"{OCI_ARTIFACT};q=0.8", f"{ORAS_ARTIFACT};q=0.8"]
)
_SAYS_NOTHING: Final = frozenset({"", "text/plain", "application/json", "application/octet-stream"})
_SCHEMA_1: Final = "application/vnd.docker.distribution.manifest.v1+"
_FOREIGN: Final = ("application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable.")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A manifest as the registry returned it, with the digest computed from its bytes."""

    raw: bytes = field(repr=False)
    media_type: str
    digest: str


class _Wire(BaseModel):
    model_config = ConfigDict(
        defer_build=True, frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True
    )


class Platform(_Wire):
    os: str = Field(default="", max_length=64)
    architecture: str = Field(default="", max_length=64)
    variant: str = Field(default="", max_length=64)

    @property
    def name(self) -> str:
        """`linux/arm64/v8`; empty if unknown, as for build attestations."""
        parts = [part for part in (self.os, self.architecture, self.variant) if part not in ("", "unknown")]
        return "/".join(parts)


class Descriptor(_Wire):
    """A reference to content, as OCI defines it."""

    media_type: str = Field(min_length=1, max_length=255)
    digest: Digest
    size: Annotated[int, Field(strict=True, ge=0, le=2**44)]
    platform: Platform | None = None
    artifact_type: str | None = Field(default=None, max_length=255)
    annotations: dict[str, str] | None = None
    urls: tuple[str, ...] | None = None

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether a registry may lack the bytes: clients fetch a foreign layer from the addresses that its descriptor
        names."""
        return bool(self.urls) or self.media_type.startswith(_FOREIGN)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(by_alias=True, exclude_none=True)


class _Document(_Wire):
    schema_version: Literal[2] | None = None
    media_type: str | None = None
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] | None = None
    manifests: tuple[Descriptor, ...] | None = None
    blobs: tuple[Descriptor, ...] | None = None
    subject: Descriptor | None = None


@dataclass(frozen=True, kw_only=True)
class Content:
    """The references of a manifest."""

    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: str | None = None
    """Digest of the manifest that this one is a referrer of."""

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        return ((self.config,) if self.config else ()) + self.layers


def type_of(announced: str, raw: bytes) -> str:
    """The media type of a manifest: the registry's, or the manifest's own if the registry only calls it text or
    bytes."""
    media_type = announced.partition(";")[0].strip()
    if media_type not in _SAYS_NOTHING:
        return media_type
    try:
        stated_type = json.loads(raw)["mediaType"]
    except (ValueError, LookupError, TypeError):
        return media_type
    return stated_type if stated_type in MANIFESTS else media_type


def content_of(manifest: Manifest, where: ErrorSubject) -> Content:
    """The references of the manifest. Raises `Unsupported` if it cannot be copied completely and unambiguously."""
    if manifest.media_type.startswith(_SCHEMA_1):
        raise Unsupported(where, "this is a Docker schema 1 image, whose digest does not cover its content")
    if manifest.media_type not in MANIFESTS:
        raise Unsupported(where, f"media type {manifest.media_type[:255]!r} is not that of a manifest")
    document = parsed(_Document, manifest.raw, where)
    if document.media_type is not None and document.media_type != manifest.media_type:
        raise Unsupported(
            where, f"the registry calls it {manifest.media_type!r}, it calls itself {document.media_type[:255]!r}"
        )
    _check_fields(manifest.media_type, document, where)
    _check_descriptors(document, where)
    return Content(
        config=document.config,
        layers=(document.layers or ()) + (document.blobs or ()),
        children=document.manifests or (),
        subject=document.subject.digest if document.subject else None,
    )


def parsed[M: BaseModel](model: type[M], raw: bytes, where: ErrorSubject) -> M:
    try:
        return model.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field_path = ".".join(str(part) for part in first["loc"]) or "document"
        if first["type"] != "string_pattern_mismatch":
            raise Unsupported(where, f"{field_path}: {first['msg']}") from None
        algorithm = re.match(r"[a-z0-9+._-]{1,32}(?=:)", str(first["input"]))
        if algorithm and algorithm[0] != "sha256":
            raise OtherDigest(where, f"{field_path}: expected a sha256 digest, got a {algorithm[0]} one") from None
        raise Unsupported(where, f"{field_path}: expected sha256: and 64 hex digits") from None


def _check_fields(media_type: str, document: _Document, where: ErrorSubject) -> None:
    """Refuses a manifest with the fields of two types, which readers may interpret differently (CVE-2021-41190)."""
    if media_type in INDEXES:
        needed, foreign = {"manifests"}, {"config", "layers", "blobs"}
    elif media_type in _IMAGES:
        needed, foreign = {"config", "layers"}, {"manifests", "blobs"}
    else:
        needed, foreign = set(), {"config", "layers", "manifests"}
    present = {name for name in ("config", "layers", "manifests", "blobs") if getattr(document, name) is not None}
    if missing := needed - present:
        raise Unsupported(where, f"{media_type} without {', '.join(sorted(missing))}")
    if unexpected := foreign & present:
        raise Unsupported(where, f"{media_type} with {', '.join(sorted(unexpected))}, which belongs to another type")


def _check_descriptors(document: _Document, where: ErrorSubject) -> None:
    for child in document.manifests or ():
        if child.media_type.startswith(_SCHEMA_1):
            raise Unsupported(
                where, f"{child.digest} is a Docker schema 1 image, whose digest does not cover its content"
            )
        if child.media_type not in MANIFESTS:
            raise Unsupported(
                where, f"{child.digest} in the index has media type {child.media_type!r}, not a manifest's"
            )
