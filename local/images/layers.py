"""Layers: folders of files as tar.gz, always with the same bytes, so that an unchanged layer is pushed only once."""

import gzip
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slipway.domain.model import sha256

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
MAX_FILES, MAX_BYTES = 2_000, 64 * 2**20
LEFT_OUT = ("__pycache__", ".git")
FILE_MODE, PROGRAM_MODE, FOLDER_MODE = 0o644, 0o755, 0o755


class SourceError(ValueError):
    """The folder cannot be made into an image."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a layer."""

    data: bytes = field(repr=False)
    executable: bool = False


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A layer as it is pushed, and the digest of its uncompressed content."""

    data: bytes = field(repr=False)
    digest: str
    diff_id: str
    made_by: str

    @property
    def descriptor(self) -> dict[str, object]:
        return {"mediaType": MEDIA_TYPE, "digest": self.digest, "size": len(self.data)}


def layer(files: Mapping[str, File], *, made_by: str) -> Layer:
    """Pack files, by their path in the image; no owner, no time, fixed order, so that equal files give equal bytes."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({str(parent) for path in files for parent in Path(path).parents} - {".", "/"}):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, FOLDER_MODE
            tar.addfile(entry)
        for path in sorted(files):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(files[path].data), PROGRAM_MODE if files[path].executable else FILE_MODE
            tar.addfile(entry, io.BytesIO(files[path].data))
    packed = gzip.compress(archive.getvalue(), compresslevel=6, mtime=0)
    return Layer(data=packed, digest=sha256(packed), diff_id=sha256(archive.getvalue()), made_by=made_by)


def read_folder(folder: Path, *, into: str) -> dict[str, File]:
    """The regular files below a folder, by their path in the image; links are refused, caches are left out."""
    if not folder.is_dir():
        raise SourceError(f"{folder}: expected a folder with the application's files, found none")
    files: dict[str, File] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if any(part in LEFT_OUT for part in relative.parts) or path.suffix == ".pyc":
            continue
        if path.is_symlink():
            raise SourceError(f"{path}: expected a file or a folder, found a link")
        if path.is_file():
            total += path.stat().st_size
            if len(files) >= MAX_FILES or total > MAX_BYTES:
                raise SourceError(f"{folder}: expected at most {MAX_FILES} files and {MAX_BYTES} bytes, found more")
            files[f"{into}/{relative.as_posix()}"] = File(data=path.read_bytes())
    if not files:
        raise SourceError(f"{folder}: expected the application's files, found an empty folder")
    return files
