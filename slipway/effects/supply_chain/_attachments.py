"""Reads the attachments of an image through the registry client: referrers, cosign's tags, buildx's attestations.

The client checks all bytes against their digest; this module checks the entries of lists against the manifests.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from ..registry import Descriptor, Manifest, NotInRegistry, Registry, TooLarge, Unsupported

MOST_ATTACHED: Final = 50
"""Maximum number of attachments of one kind to one manifest, the same as Notation's limit."""
MOST_PLATFORMS: Final = 64
_INDEXES: Final = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
_SAYS_NOTHING: Final = frozenset({None, "application/vnd.oci.empty.v1+json"})
"""Types in a list of referrers that reveal nothing, so that the manifest must be read: cosign's lists give the type of
the empty configuration for its bundles."""
_REFERENCE_TYPE: Final = "vnd.docker.reference.type"
_REFERENCE_DIGEST: Final = "vnd.docker.reference.digest"
_ATTESTATION: Final = "attestation-manifest"
_NO_PLATFORM: Final = ("unknown", "unknown")


class _AttachedDocument(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore", alias_generator=to_camel)

    artifact_type: str = Field(default="", max_length=255)
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    blobs: tuple[Descriptor, ...] = ()
    manifests: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    annotations: dict[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class AttachedManifest:
    """A manifest attached to an image."""

    digest: str
    kind: str
    """Its artifact type; older clients write it as the media type of the configuration."""
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CheckedImage:
    """The image to check: one manifest, or an index with a manifest per platform."""

    manifest: Manifest
    platforms: Mapping[str, str] = field(default_factory=dict)
    """Digest of each platform's manifest → name of the platform; empty for a single image."""
    attestations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Digest of each platform's manifest → digests of the attestation manifests that buildx put into the index."""


def _runs_nowhere(child: Descriptor) -> bool:
    """Whether no node treats it as an image: nodes choose by platform alone, whatever annotations say."""
    platform = child.platform
    return platform is not None and (platform.os, platform.architecture) == _NO_PLATFORM


class Attachments:
    """The attachments of the manifests of one repository. Each list of referrers is read once."""

    def __init__(self, registry: Registry, repository: str) -> None:
        self._registry, self._repository = registry, repository
        self._referrers: dict[str, tuple[Descriptor, ...]] = {}

    def image(self, digest: str) -> CheckedImage:
        manifest = self._registry.manifest(self._repository, digest)
        if manifest.media_type not in _INDEXES:
            return CheckedImage(manifest=manifest)
        platforms: dict[str, str] = {}
        attestations: dict[str, tuple[str, ...]] = {}
        for child in self._parsed(manifest).manifests:
            annotations = child.annotations or {}
            if annotations.get(_REFERENCE_TYPE) == _ATTESTATION and _runs_nowhere(child):
                subject = annotations.get(_REFERENCE_DIGEST, "")
                attestations[subject] = (*attestations.get(subject, ()), child.digest)
            else:
                platforms[child.digest] = child.platform.name if child.platform else child.digest
        if len(platforms) > MOST_PLATFORMS:
            where = self._registry.where(self._repository, digest)
            raise TooLarge(where, f"expected at most {MOST_PLATFORMS} platforms, got {len(platforms)}")
        return CheckedImage(manifest=manifest, platforms=platforms, attestations=attestations)

    def referrers(self, digest: str, kinds: Collection[str]) -> Iterator[AttachedManifest]:
        """The referrers of a manifest of these kinds, ordered by digest. Each is read only when iterated."""
        if digest not in self._referrers:
            listed = self._registry.referrers(self._repository, digest).listed
            self._referrers[digest] = tuple(sorted(listed, key=lambda descriptor: descriptor.digest))
        may_be = _SAYS_NOTHING | set(kinds)
        candidates = [descriptor for descriptor in self._referrers[digest] if descriptor.artifact_type in may_be]
        for count, descriptor in enumerate(candidates):
            if count == MOST_ATTACHED:
                where = self._registry.where(self._repository, digest)
                raise TooLarge(
                    where, f"expected at most {MOST_ATTACHED} referrers of these kinds, got {len(candidates)}"
                )
            try:
                attached, subject = self._read(descriptor.digest)
            except NotInRegistry:
                continue  # still listed, but purged
            if attached.kind in kinds and subject == digest:
                yield attached

    def tagged(self, digest: str, suffix: str) -> AttachedManifest | None:
        """The manifest that cosign stores under the tag `sha256-<hex>` with a suffix; None if there is none."""
        digest_of_tag = self._registry.resolve(self._repository, digest.replace(":", "-") + suffix)
        with suppress(NotInRegistry):  # purged since
            return self._read(digest_of_tag)[0] if digest_of_tag else None
        return None

    def attestation_manifest(self, digest: str) -> AttachedManifest:
        """An attestation manifest that buildx put into the index."""
        return self._read(digest)[0]

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        if descriptor.size > limit:
            where = self._registry.where(self._repository, descriptor.digest)
            raise TooLarge(where, f"expected at most {limit} bytes, got {descriptor.size}")
        return b"".join(self._registry.open_blob(self._repository, descriptor.digest, descriptor.size))

    def _read(self, digest: str) -> tuple[AttachedManifest, str | None]:
        document = self._parsed(self._registry.manifest(self._repository, digest))
        attached = AttachedManifest(
            digest=digest,
            kind=document.artifact_type or (document.config.media_type if document.config else ""),
            layers=document.layers + document.blobs,
            annotations=document.annotations,
        )
        return attached, document.subject.digest if document.subject else None

    def _parsed(self, manifest: Manifest) -> _AttachedDocument:
        try:
            return _AttachedDocument.model_validate_json(manifest.raw)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            field_path = ".".join(str(part) for part in first["loc"]) or "document"
            where = self._registry.where(self._repository, manifest.digest)
            raise Unsupported(where, f"{field_path}: {first['msg']}") from None
