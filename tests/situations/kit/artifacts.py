"""What people push to a registry, built as bytes: images, indexes, and things that are not images."""

import hashlib
from dataclasses import replace

from slipway.testing.artifacts import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_LAYER,
    OCI_MANIFEST,
    ArtifactDouble,
    blob_descriptor,
    referrer,
    unusual_json,
)
from slipway.testing.artifacts import image as _image
from slipway.testing.artifacts import index as _index

type Artifact = ArtifactDouble
"""A manifest with everything it needs; `digest` names it."""


def image(content: str, *, architecture: str = "amd64") -> Artifact:
    """A Linux image; the same content gives the same digest, as a reproducible build does."""
    return _image(content.encode(), architecture=architecture)


def index(*platforms: Artifact) -> Artifact:
    return _index(*platforms)


def image_with_sha512_layer(content: str) -> Artifact:
    """An image with a layer that is named by SHA-512, as OCI allows and some tools can build."""
    plain = image(content)
    layer = f"sha512:{hashlib.sha512(content.encode()).hexdigest()}".encode()
    return replace(plain, raw=plain.raw.replace(blob_descriptor(OCI_LAYER, content.encode())["digest"].encode(), layer))


def signature(subject: Artifact) -> Artifact:
    return referrer(subject, b"a signature")


def sbom(subject: Artifact) -> Artifact:
    return referrer(subject, b"a list of parts", "application/spdx+json")


def windows_image(*, base_layer: str) -> Artifact:
    """Its base layer also names where Microsoft offers it; the bytes are pushed along all the same."""
    config = b'{"os":"windows","architecture":"amd64"}'
    base = blob_descriptor(base_layer, b"windows base")
    base["urls"] = ["https://mcr.example/v2/windows/blobs/" + base["digest"]]
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": blob_descriptor(DOCKER_CONFIG, config),
        "layers": [base, blob_descriptor(DOCKER_LAYER, b"app")],
    }
    return ArtifactDouble(
        raw=unusual_json(document),
        media_type=DOCKER_MANIFEST,
        blobs=(config, b"app", b"windows base"),
        platform={"os": "windows", "architecture": "amd64"},
    )


def buildkit_cache() -> Artifact:
    """What `buildx --cache-to type=registry,image-manifest=true` pushes."""
    return _manifest("application/vnd.buildkit.cacheconfig.v0", b"{}", OCI_LAYER, b"cached layer")


def helm_chart() -> Artifact:
    layer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    return _manifest("application/vnd.cncf.helm.config.v1+json", b'{"name":"shop"}', layer, b"chart")


def oci_artifact() -> Artifact:
    """What `oras push` makes of a file."""
    return _manifest("application/vnd.oci.empty.v1+json", b"{}", "text/plain", b"notes", kind="application/vnd.notes")


def empty_index() -> Artifact:
    """An index in which there is nothing to run."""
    return _index()


def _manifest(config_type: str, config: bytes, layer_type: str, layer: bytes, *, kind: str = "") -> Artifact:
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        **({"artifactType": kind} if kind else {}),
        "config": blob_descriptor(config_type, config),
        "layers": [blob_descriptor(layer_type, layer)],
    }
    return ArtifactDouble(raw=unusual_json(document), media_type=OCI_MANIFEST, blobs=(config, layer))
