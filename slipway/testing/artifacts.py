"""Builds images, indexes and referrers as bytes, for tests to store in a registry."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..effects.registry import Registry

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
DOCKER_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
SIGNATURE = "application/vnd.cncf.notary.signature"
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True, kw_only=True)
class ArtifactDouble:
    """A manifest with the blobs and manifests that it needs."""

    raw: bytes
    media_type: str
    blobs: tuple[bytes, ...] = ()
    children: tuple["ArtifactDouble", ...] = ()
    platform: dict[str, str] = field(default_factory=dict)
    artifact_type: str | None = None

    @property
    def digest(self) -> str:
        return digest_of(self.raw)

    def descriptor(self) -> dict[str, Any]:
        descriptor: dict[str, Any] = {"mediaType": self.media_type, "digest": self.digest, "size": len(self.raw)}
        if self.platform:
            descriptor["platform"] = self.platform
        if self.artifact_type:
            descriptor["artifactType"] = self.artifact_type
        return descriptor

    def parts(self) -> Iterable["ArtifactDouble"]:
        """Children before the manifest itself."""
        for child in self.children:
            yield from child.parts()
        yield self


def blob_descriptor(media_type: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def unusual_json(document: dict[str, Any]) -> bytes:
    """Unusually formatted JSON, so that a client that serialises it again changes its digest."""
    return json.dumps(document, indent=3).encode()


def image(
    *layers: bytes, architecture: str = "amd64", docker: bool = False, subject: ArtifactDouble | None = None
) -> ArtifactDouble:
    config = json.dumps({"os": "linux", "architecture": architecture, "rootfs": {"type": "layers", "diff_ids": []}})
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": blob_descriptor(DOCKER_CONFIG if docker else OCI_CONFIG, config.encode()),
        "layers": [blob_descriptor(DOCKER_LAYER if docker else OCI_LAYER, layer) for layer in layers],
    }
    if subject:
        document["subject"] = subject.descriptor()
    return ArtifactDouble(
        raw=unusual_json(document),
        media_type=media_type,
        blobs=(config.encode(), *layers),
        platform={"os": "linux", "architecture": architecture},
    )


def index(
    *children: ArtifactDouble, docker: bool = False, note: str = "", subject: ArtifactDouble | None = None
) -> ArtifactDouble:
    media_type = DOCKER_LIST if docker else OCI_INDEX
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": media_type}
    document["manifests"] = [child.descriptor() for child in children]
    if note:
        document["annotations"] = {"note": note}
    if subject:
        document["subject"] = subject.descriptor()
    return ArtifactDouble(raw=unusual_json(document), media_type=media_type, children=children)


def referrer(subject: ArtifactDouble, payload: bytes, artifact_type: str = SIGNATURE) -> ArtifactDouble:
    empty = b"{}"
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": blob_descriptor("application/vnd.oci.empty.v1+json", empty),
        "layers": [blob_descriptor("application/jose+json", payload)],
        "subject": {
            key: value for key, value in subject.descriptor().items() if key in ("mediaType", "digest", "size")
        },
    }
    return ArtifactDouble(
        raw=unusual_json(document), media_type=OCI_MANIFEST, blobs=(empty, payload), artifact_type=artifact_type
    )


def cosign_signature(*payloads: bytes) -> ArtifactDouble:
    config = b'{"architecture":"","os":"","config":{}}'
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": blob_descriptor(OCI_CONFIG, config),
        "layers": [
            blob_descriptor("application/vnd.dev.cosign.simplesigning.v1+json", payload)
            | {"annotations": {"dev.cosignproject.cosign/signature": digest_of(payload)}}
            for payload in payloads
        ],
    }
    return ArtifactDouble(raw=unusual_json(document), media_type=OCI_MANIFEST, blobs=(config, *payloads))


def push_artifact(registry: Registry, repository: str, built: ArtifactDouble, tag: str | None = None) -> str:
    """Store the artifact with its blobs and children through the client; returns its digest."""
    for part in built.parts():
        for blob in part.blobs:
            registry.put_blob(repository, digest_of(blob), len(blob), partial(iter, [blob]))
        registry.put_manifest(repository, part.digest, part.raw, part.media_type)
    if tag:
        registry.put_manifest(repository, tag, built.raw, built.media_type)
    return built.digest


def refer(registry: Registry, repository: str, subject: ArtifactDouble, *referrers: ArtifactDouble) -> None:
    """Store referrers, and write the index under a tag if the registry does not list referrers itself."""
    for manifest in referrers:
        push_artifact(registry, repository, manifest)
    if registry.referrers(repository, subject.digest).by_registry:
        return
    listing = index(*referrers)
    registry.put_manifest(repository, subject.digest.replace(":", "-"), listing.raw, listing.media_type)
