"""A bundle in a folder, as an OCI image layout: `build` writes it, `push` sends it, and other tools can read it."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ..domain.model import Digest, canonical, sha256
from ..manifests.problems import ConfigError, Problem
from .archive import LARGEST_LAYER
from .artifact import LARGEST_MANIFEST, PackedBundle, blobs_of
from .model import ARTIFACT_TYPE, LARGEST_CONFIG, MANIFEST_TYPE, read_model

_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_MARK = {"imageLayoutVersion": "1.0.0"}
_LARGEST_INDEX = 64 * 1024


class _Listed(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    digest: Digest


class _Index(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, extra="ignore")

    manifests: tuple[_Listed, ...] = Field(max_length=1000)


def is_layout(folder: Path) -> bool:
    return (folder / "oci-layout").is_file()


def write_layout(folder: Path, packed: PackedBundle, *, tag: str) -> None:
    """Write the bundle into the folder, which must be new, empty, or a layout that this function wrote.

    Raises `ConfigError` for a folder with anything else in it, and `OSError`.
    """
    if folder.exists() and not is_layout(folder) and any(folder.iterdir()):
        message = "it has other files in it: choose a new folder"
        raise ConfigError([Problem(file=str(folder), message=message)])
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for old in blobs.iterdir():
        old.unlink()
    for data in (packed.layer, packed.config, packed.manifest):
        (blobs / sha256(data).removeprefix("sha256:")).write_bytes(data)
    (folder / "index.json").write_bytes(canonical(_index(packed, tag)))
    # Last, so that a folder whose writing was cut off is not taken for a layout.
    (folder / "oci-layout").write_bytes(canonical(_MARK))


def _index(packed: PackedBundle, tag: str) -> dict[str, Any]:
    listed = {
        "mediaType": MANIFEST_TYPE,
        "artifactType": ARTIFACT_TYPE,
        "digest": packed.digest,
        "size": len(packed.manifest),
        "annotations": {"org.opencontainers.image.ref.name": tag},
    }
    return {"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": [listed]}


def read_layout(folder: Path) -> PackedBundle:
    """The only manifest of a layout, with its parts; none of it is checked yet.

    Raises `NotABundle` and `ConfigError`.
    """
    raw = _read(folder / "index.json", _LARGEST_INDEX)
    index = read_model(_Index, raw, name="index.json", limit=_LARGEST_INDEX)
    if len(index.manifests) != 1:
        expected, got = "one manifest", str(len(index.manifests))
        raise ConfigError([Problem(file="index.json", field="manifests", expected=expected, got=got)])
    manifest = _blob(folder, index.manifests[0].digest, LARGEST_MANIFEST)
    parts = blobs_of(manifest)
    return PackedBundle(
        manifest=manifest,
        config=_blob(folder, parts.config, LARGEST_CONFIG),
        layer=_blob(folder, parts.layer, LARGEST_LAYER),
    )


def _blob(folder: Path, digest: str, limit: int) -> bytes:
    path = folder / "blobs" / "sha256" / digest.removeprefix("sha256:")
    data = _read(path, limit)
    if sha256(data) != digest:
        raise ConfigError([Problem(file=path.name, expected=f"bytes with {digest}", got=sha256(data))])
    return data


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ConfigError([Problem(file=path.name, message=error.strerror or type(error).__name__)]) from None
    if len(data) > limit:
        raise ConfigError([Problem(file=path.name, expected=f"at most {limit} bytes", got="more")])
    return data


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write a bundle's files into a new or empty folder. Their paths were checked when they were read.

    Raises `ConfigError` for a folder with anything in it, and `OSError`.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError([Problem(file=str(folder), message="it is not empty: choose a new folder")])
    for path, data in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:  # `x`: never write through an existing file
            file.write(data)
