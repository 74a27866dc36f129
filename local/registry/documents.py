"""Reading a manifest: its kind, and the blobs and manifests that it needs. Pure; the bytes are never changed."""

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
    """A manifest that was read and found well formed."""

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
    """Read the bytes as the media type says, or say what is wrong with them."""
    media_type = content_type.partition(";")[0].strip()
    if media_type not in IMAGES | INDEXES:
        raise _invalid(f"Content-Type: expected one of {', '.join(sorted(IMAGES | INDEXES))}, got {media_type[:200]!r}")
    data = _object(body)
    if data.get("schemaVersion") != 2:
        raise _invalid(f"schemaVersion: expected 2, got {data.get('schemaVersion')!r}")
    if data.get("mediaType", media_type) != media_type:
        raise _invalid(f"mediaType: expected {media_type} as the Content-Type says, got {data['mediaType']!r}")
    subject = _descriptor("subject", data["subject"]) if "subject" in data else None
    known: dict[str, Any] = {
        "digest": sha256(body),
        "media_type": media_type,
        "body": body,
        "subject": subject.digest if subject else None,
        "annotations": _annotations(data),
    }
    if media_type in INDEXES:
        return Document(**known, children=_list("manifests", data), artifact_type=data.get("artifactType"))
    config = _descriptor("config", data.get("config"))
    return Document(
        **known,
        config=config,
        blobs=(config, *_list("layers", data)),
        artifact_type=data.get("artifactType") or config.media_type,
    )


def platform(config: bytes) -> tuple[str | None, str | None]:
    """Architecture and operating system out of an image's config; (None, None) if the config does not say."""
    try:
        data = json.loads(config)
    except ValueError:
        return None, None
    if not isinstance(data, dict):
        return None, None
    architecture, system = data.get("architecture"), data.get("os")
    return architecture if isinstance(architecture, str) else None, system if isinstance(system, str) else None


def _object(body: bytes) -> dict[str, Any]:
    try:
        data = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _invalid("expected a JSON document") from error
    if not isinstance(data, dict):
        raise _invalid("expected a JSON object")
    return data


def _list(name: str, data: dict[str, Any]) -> tuple[Descriptor, ...]:
    values = data.get(name)
    if not isinstance(values, list):
        raise _invalid(f"{name}: expected a list of descriptors")
    found = []
    for number, value in enumerate(values):
        descriptor = _descriptor(f"{name}[{number}]", value)
        if name != "layers" or not _is_elsewhere(f"{name}[{number}]", descriptor, value):
            found.append(descriptor)
    return tuple(found)


def _is_elsewhere(where: str, layer: Descriptor, value: dict[str, Any]) -> bool:
    """Whether clients fetch the layer from the addresses that it names (Windows base layers), so that it may be missing
    here. docker-registry 2.8 was asked, once with `validation.manifests.urls.allow`; where it answers 500, here is
    400."""
    urls = value.get("urls") or []
    if layer.media_type == _FOREIGN and not urls:
        raise _invalid(f"{where}.urls: missing URL on layer")
    if layer.media_type != _DOCKER_LAYER and not all(isinstance(url, str) and _ADDRESS.fullmatch(url) for url in urls):
        raise _invalid(f"{where}.urls: invalid URL on layer")
    return bool(urls)


def _descriptor(where: str, value: object) -> Descriptor:
    if not isinstance(value, dict):
        raise _invalid(f"{where}: expected a descriptor")
    digest, size, media_type = value.get("digest"), value.get("size"), value.get("mediaType")
    if not isinstance(digest, str) or not is_digest(digest):
        raise _invalid(f"{where}.digest: expected sha256:<64 hex>, got {str(digest)[:100]!r}")
    if not isinstance(size, int) or size < 0:
        raise _invalid(f"{where}.size: expected a number of bytes, got {str(size)[:100]!r}")
    target = value.get("platform")
    known = target if isinstance(target, dict) else {}
    return Descriptor(
        digest=digest,
        size=size,
        media_type=str(media_type or ""),
        architecture=known.get("architecture"),
        os=known.get("os"),
    )


def _annotations(data: dict[str, Any]) -> dict[str, str]:
    found = data.get("annotations") or {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise _invalid("annotations: expected an object of strings")
    return found


def _invalid(detail: str) -> OciError:
    return OciError(Code.MANIFEST_INVALID, detail)
