"""Parses manifests: their kind, and the blobs and manifests that they need. Pure; the bytes are never changed."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from slipway.domain.model import sha256

from .errors import Code, OciError
from .names import is_digest

MAX_MANIFEST_BYTES = 4 * 2**20

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_IMAGE = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
IMAGES = frozenset({OCI_IMAGE, DOCKER_IMAGE})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
PLATFORM_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
_ADDRESS = re.compile(r"https?://[^#]+")


@dataclass(frozen=True, kw_only=True)
class Descriptor:
    """A reference to content: digest, size, media type, and a platform if there is one."""

    digest: str
    size: int
    media_type: str
    architecture: str | None = None
    os: str | None = None


@dataclass(frozen=True, kw_only=True)
class Document:
    """A manifest that was parsed and is well-formed."""

    digest: str
    media_type: str
    body: bytes = field(repr=False)
    config: Descriptor | None = None
    blobs: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: str | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.body)

    @property
    def image_size(self) -> int:
        return sum(blob.size for blob in self.blobs)


def parse(body: bytes, content_type: str) -> Document:
    """Parse the bytes as the media type says. Raises OciError, which says what is wrong."""
    media_type = content_type.partition(";")[0].strip()
    if media_type not in IMAGES | INDEXES:
        raise _invalid(f"Content-Type: expected one of {', '.join(sorted(IMAGES | INDEXES))}, got {media_type[:200]!r}")
    document = _object(body)
    if document.get("schemaVersion") != 2:
        raise _invalid(f"schemaVersion: expected 2, got {document.get('schemaVersion')!r}")
    if document.get("mediaType", media_type) != media_type:
        raise _invalid(f"mediaType: expected {media_type} as the Content-Type says, got {document['mediaType']!r}")
    subject = _descriptor("subject", document["subject"]) if "subject" in document else None
    common: dict[str, Any] = {
        "digest": sha256(body),
        "media_type": media_type,
        "body": body,
        "subject": subject.digest if subject else None,
        "annotations": _annotations(document),
    }
    if media_type in INDEXES:
        return Document(**common, children=_list("manifests", document), artifact_type=document.get("artifactType"))
    config = _descriptor("config", document.get("config"))
    return Document(
        **common,
        config=config,
        blobs=(config, *_list("layers", document)),
        artifact_type=document.get("artifactType") or config.media_type,
    )


def platform(config: bytes) -> tuple[str | None, str | None]:
    """Architecture and operating system from an image's config; (None, None) if it does not state them."""
    try:
        document = json.loads(config)
    except ValueError:
        return None, None
    if not isinstance(document, dict):
        return None, None
    architecture, system = document.get("architecture"), document.get("os")
    return architecture if isinstance(architecture, str) else None, system if isinstance(system, str) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid("expected a JSON document") from error
    if not isinstance(document, dict):
        raise _invalid("expected a JSON object")
    return document


def _list(name: str, data: dict[str, Any]) -> tuple[Descriptor, ...]:
    values = data.get(name)
    if not isinstance(values, list):
        raise _invalid(f"{name}: expected a list of descriptors")
    descriptors = []
    for number, value in enumerate(values):
        descriptor = _descriptor(f"{name}[{number}]", value)
        if name != "layers" or not _is_external(f"{name}[{number}]", descriptor, value):
            descriptors.append(descriptor)
    return tuple(descriptors)


def _is_external(path: str, layer: Descriptor, value: dict[str, Any]) -> bool:
    """Whether clients fetch the layer from the addresses that it names (Windows base layers), so that it may be missing
    here. Compared with docker-registry 2.8, also with `validation.manifests.urls.allow`; where it responds with 500,
    this responds with 400."""
    urls = value.get("urls") or []
    if layer.media_type == _FOREIGN and not urls:
        raise _invalid(f"{path}.urls: missing URL on layer")
    if layer.media_type != _DOCKER_LAYER and not all(isinstance(url, str) and _ADDRESS.fullmatch(url) for url in urls):
        raise _invalid(f"{path}.urls: invalid URL on layer")
    return bool(urls)


def _descriptor(path: str, value: object) -> Descriptor:
    if not isinstance(value, dict):
        raise _invalid(f"{path}: expected a descriptor")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    if not isinstance(digest, str) or not is_digest(digest):
        raise _invalid(f"{path}.digest: expected sha256:<64 hex>, got {str(digest)[:100]!r}")
    if not isinstance(size, int) or size < 0:
        raise _invalid(f"{path}.size: expected a number of bytes, got {str(size)[:100]!r}")
    target = value.get("platform")
    platform = target if isinstance(target, dict) else {}
    return Descriptor(
        digest=digest,
        size=size,
        media_type=str(media_type or ""),
        architecture=platform.get("architecture"),
        os=platform.get("os"),
    )


def _annotations(data: dict[str, Any]) -> dict[str, str]:
    annotations = data.get("annotations") or {}
    if not isinstance(annotations, dict) or not all(isinstance(value, str) for value in annotations.values()):
        raise _invalid("annotations: expected an object of strings")
    return annotations


def _invalid(detail: str) -> OciError:
    return OciError(Code.MANIFEST_INVALID, detail)
