"""Builds an OCI image for two platforms from a folder, in memory, with the standard library only.

The image is real: layers, configs, manifests and an index with correct digests, which any client can copy and unpack.
Its base layer is only a token one without an operating system, because the local stack starts the application itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.domain.model import sha256

from .layers import MEDIA_TYPE as LAYER
from .layers import File, Layer, layer, read_folder

CONFIG = "application/vnd.oci.image.config.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
PLATFORMS = (("linux", "amd64"), ("linux", "arm64"))
ENTRYPOINT = ("python3", "/app/server.py")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A blob or a manifest."""

    media_type: str
    data: bytes = field(repr=False)
    digest: str

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """Everything to push, in that order: blobs, then a manifest for each platform, then the index."""

    blobs: tuple[Part, ...]
    manifests: tuple[Part, ...]
    index: Part

    @property
    def digest(self) -> str:
        return self.index.digest


def build(
    source_folder: Path,
    *,
    version: str,
    variant: str = "",
    revision: str = "",
    source: str = "",
    entrypoint: Sequence[str] = ENTRYPOINT,
    cmd: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    created: datetime = EPOCH,
) -> BuiltImage:
    """Put the files of `source_folder/app` into /app; equal input gives equal digests.

    The files of a variant, `source_folder/variants/<variant>/app`, are laid over them, as the Dockerfile's argument
    does.
    """
    files = read_folder(source_folder / "app", into="app")
    if variant:
        files |= read_folder(source_folder / "variants" / variant / "app", into="app")
    application = layer(files, made_by="COPY app /app")
    origin = {"version": version, "revision": revision, "source": source}
    settings: dict[str, Any] = {
        "Env": [f"{name}={value}" for name, value in {"PATH": PATH, "APP_VERSION": version, **(env or {})}.items()],
        "Entrypoint": list(entrypoint),
        "Cmd": list(cmd) or None,
        "WorkingDir": "/app",
        "Labels": {f"org.opencontainers.image.{n}": v for n, v in origin.items() if v} | dict(labels or {}),
    }
    config = {name: value for name, value in settings.items() if value is not None}
    blobs: dict[str, Part] = {}
    manifests = []
    for system, architecture in PLATFORMS:
        layers = (_base(system, architecture), application)
        image_config = _part(CONFIG, _config(system, architecture, layers, config, created))
        blobs |= {part.digest: Part(media_type=LAYER, data=part.data, digest=part.digest) for part in layers}
        blobs[image_config.digest] = image_config
        manifests.append(_manifest(image_config, layers))
    index = _part(INDEX, _index(manifests, origin))
    return BuiltImage(blobs=tuple(blobs.values()), manifests=tuple(manifests), index=index)


def _base(system: str, architecture: str) -> Layer:
    release = f'ID=slipway-local\nNAME="Slipway local base"\nVARIANT_ID={system}-{architecture}\n'
    passwd = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    files = {"etc/os-release": File(data=release.encode()), "etc/passwd": File(data=passwd.encode())}
    return layer(files, made_by=f"base {system}/{architecture}")


def _config(
    system: str, architecture: str, layers: Sequence[Layer], config: Mapping[str, Any], created: datetime
) -> dict[str, Any]:
    moment = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "created": moment,
        "architecture": architecture,
        "os": system,
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [part.diff_id for part in layers]},
        "history": [{"created": moment, "created_by": part.made_by} for part in layers],
    }


def _manifest(config: Part, layers: Sequence[Layer]) -> Part:
    return _part(
        MANIFEST,
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor,
            "layers": [part.descriptor for part in layers],
        },
    )


def _index(manifests: Sequence[Part], origin: Mapping[str, str]) -> dict[str, Any]:
    entries = [
        {**manifest.descriptor, "platform": {"architecture": architecture, "os": system}}
        for manifest, (system, architecture) in zip(manifests, PLATFORMS, strict=True)
    ]
    annotations = {f"org.opencontainers.image.{name}": value for name, value in origin.items() if value}
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": annotations}


def _part(media_type: str, document: Mapping[str, Any]) -> Part:
    content = json.dumps(document, separators=(",", ":")).encode()
    return Part(media_type=media_type, data=content, digest=sha256(content))
