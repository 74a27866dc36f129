"""Which kind of artifact a pushed manifest is, read from the registry."""

import json
from typing import Any

import pytest

from slipway.domain.model import sha256
from slipway.effects.registry import ErrorSubject, Manifest, why_no_image

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
LINUX = {"os": "linux", "architecture": "amd64"}
UNKNOWN = {"os": "unknown", "architecture": "unknown"}


def described(media_type: str, **fields: Any) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": sha256(media_type.encode()), "size": 2, **fields}


def manifest(media_type: str, **fields: Any) -> Manifest:
    raw = json.dumps({"schemaVersion": 2, "mediaType": media_type, **fields}).encode()
    return Manifest(raw=raw, media_type=media_type, digest=sha256(raw))


def image(config: str, media_type: str = OCI_MANIFEST, **fields: Any) -> Manifest:
    return manifest(media_type, config=described(config), layers=[], **fields)


def index(*children: dict[str, Any], media_type: str = OCI_INDEX) -> Manifest:
    return manifest(media_type, manifests=list(children))


IMAGES = {
    "of OCI": image("application/vnd.oci.image.config.v1+json"),
    "of Docker": image("application/vnd.docker.container.image.v1+json", DOCKER_MANIFEST),
    "an index": index(described(OCI_MANIFEST, platform=LINUX)),
    "an index with attestations": index(
        described(OCI_MANIFEST, platform=LINUX), described(OCI_MANIFEST, platform=UNKNOWN)
    ),
    "a list of Docker": index(described(DOCKER_MANIFEST, platform=LINUX), media_type=DOCKER_LIST),
    "an index of one image without a platform": index(described(OCI_MANIFEST)),
}
OTHERS = {
    "a Helm chart": (image("application/vnd.cncf.helm.config.v1+json"), "helm.config"),
    "a cache of BuildKit": (image("application/vnd.buildkit.cacheconfig.v0"), "buildkit.cacheconfig"),
    "what oras pushes": (image("application/vnd.oci.empty.v1+json", artifactType="text/plain"), "oci.empty"),
    "an empty index": (index(), "no image of a known platform"),
    "an index of attestations alone": (index(described(OCI_MANIFEST, platform=UNKNOWN)), "no image of a known"),
    "an index of artifacts": (index(described(OCI_MANIFEST, artifactType="text/plain")), "no image of a known"),
    "an older cache of BuildKit": (index(described("application/vnd.buildkit.cacheconfig.v0")), "not a manifest's"),
    "an image of schema 1": (
        manifest("application/vnd.docker.distribution.manifest.v1+prettyjws"),
        "Docker schema 1",
    ),
    "no document at all": (Manifest(raw=b"[]", media_type=OCI_MANIFEST, digest=sha256(b"[]")), "document"),
}
WHERE = ErrorSubject(registry="nonprod", repository="team/shop")


@pytest.mark.parametrize("name", IMAGES)
def test_each_form_of_image_is_accepted_as_an_image(name: str) -> None:
    assert why_no_image(IMAGES[name], WHERE) == ""


@pytest.mark.parametrize("name", OTHERS)
def test_an_artifact_other_than_an_image_is_reported_by_its_kind(name: str) -> None:
    pushed_manifest, expected = OTHERS[name]
    assert expected in why_no_image(pushed_manifest, WHERE)
