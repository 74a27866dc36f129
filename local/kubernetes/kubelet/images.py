"""Images on disk: pulled once, stored by digest, unpacked into a directory that containers share."""

import json
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..settings import RegistryLogin
from .reference import Reference, parse_reference
from .registry import Manifest, PullError, RegistryClient

MAX_UNPACKED = 2 * 1024 * 1024 * 1024
MAX_ENTRIES = 200_000
MAX_LAYERS = 128
_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_PLATFORM = ("linux", "amd64")


@dataclass(frozen=True, kw_only=True, slots=True)
class Image:
    """An unpacked image, and what its config says about the program."""

    id: str
    root: Path
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: dict[str, str]
    working_dir: str


class Images:
    """Pulls each digest at most once, however many callers need it at the same time."""

    def __init__(self, folder: Path, registries: Sequence[RegistryLogin]) -> None:
        self._folder = folder
        self._logins = {r.login_server: r for r in registries}
        self._clients: dict[str, RegistryClient] = {}
        self._tags: dict[tuple[str, str, str], str] = {}
        self._guard = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}

    def get(self, name: str, policy: str = "IfNotPresent") -> Image:
        """The image with that name. Raises InvalidImageNameError or PullError."""
        reference = parse_reference(name)
        digest = self._digest_of(reference, policy)
        if digest is not None and (image := self._stored_image(reference, digest)) is not None:
            return image
        if policy == "Never":
            raise PullError(f'Container image "{name}" is not present with pull policy of Never')
        client = self._client(reference.registry)
        manifest = client.manifest(reference.repository, reference.version)
        if reference.tag and not reference.digest:
            self._tags[reference.registry, reference.repository, reference.tag] = manifest.digest
        with self._one_at_a_time(manifest.digest):
            image = self._stored_image(reference, manifest.digest)
            try:
                return image or self._pull(client, reference, manifest)
            except (KeyError, TypeError, AttributeError) as error:
                raise PullError(f"{reference.repository}: the manifest or config is malformed: {error!r}") from error

    # ---- stored images

    def _digest_of(self, reference: Reference, policy: str) -> str | None:
        if reference.digest:
            return reference.digest
        if policy == "Always":
            return None
        return self._tags.get((reference.registry, reference.repository, reference.tag or "latest"))

    def _folder_of(self, digest: str) -> Path:
        return self._folder / digest.removeprefix("sha256:")

    def _stored_image(self, reference: Reference, digest: str) -> Image | None:
        config = self._folder_of(digest) / "config.json"
        if not config.is_file():
            return None
        return _image(reference, digest, self._folder_of(digest) / "rootfs", json.loads(config.read_text()))

    def _one_at_a_time(self, digest: str) -> threading.Lock:
        with self._guard:
            return self._busy.setdefault(digest, threading.Lock())

    def _client(self, registry: str) -> RegistryClient:
        with self._guard:
            if registry not in self._clients:
                login = self._logins.get(registry) or RegistryLogin(login_server=registry)
                self._clients[registry] = RegistryClient(login)
            return self._clients[registry]

    # ---- pulling

    def _pull(self, client: RegistryClient, reference: Reference, manifest: Manifest) -> Image:
        platform_manifest = _for_this_platform(client, reference, manifest)
        layers = platform_manifest.document.get("layers") or []
        if len(layers) > MAX_LAYERS:
            raise PullError(f"{reference.repository}: {len(layers)} layers, at most {MAX_LAYERS} are unpacked")
        config = client.document(reference.repository, str(platform_manifest.document["config"]["digest"]))
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="pull-") as scratch:
            root = Path(scratch) / "image" / "rootfs"
            root.mkdir(parents=True)
            budget = _Budget()
            for number, layer in enumerate(layers):
                blob = Path(scratch) / f"layer-{number}"
                client.download(reference.repository, str(layer["digest"]), blob)
                unpack(blob, root, budget)
                blob.unlink()
            (root.parent / "config.json").write_text(json.dumps(config))
            home = self._folder_of(manifest.digest)
            try:
                root.parent.rename(home)
            except OSError:
                if not (home / "config.json").is_file():  # otherwise another double with the same folder was faster
                    raise
        return _image(reference, manifest.digest, self._folder_of(manifest.digest) / "rootfs", config)


def _for_this_platform(client: RegistryClient, reference: Reference, manifest: Manifest) -> Manifest:
    if "manifests" not in manifest.document:
        if "config" not in manifest.document:
            raise PullError(f"{reference.repository}: {manifest.digest} is neither an image nor an index")
        return manifest
    for entry in manifest.document["manifests"]:
        platform = entry.get("platform") or {}
        if (platform.get("os"), platform.get("architecture")) == _PLATFORM:
            return client.manifest(reference.repository, str(entry["digest"]))
    raise PullError(f"{reference.repository}: no match for platform in manifest: expected {'/'.join(_PLATFORM)}")


def _image(reference: Reference, digest: str, root: Path, config: dict[str, Any]) -> Image:
    run_config = config.get("config") or {}
    pairs = (str(e).partition("=") for e in run_config.get("Env") or [])
    return Image(
        id=f"{reference.registry}/{reference.repository}@{digest}",
        root=root,
        entrypoint=tuple(run_config.get("Entrypoint") or ()),
        command=tuple(run_config.get("Cmd") or ()),
        environment={name: value for name, _, value in pairs},
        working_dir=str(run_config.get("WorkingDir") or "/"),
    )


class _Budget:
    """A limit on what all layers of one image may take together."""

    def __init__(self) -> None:
        self.bytes = MAX_UNPACKED
        self.entries = MAX_ENTRIES

    def take(self, member: tarfile.TarInfo) -> None:
        self.bytes -= member.size
        self.entries -= 1
        if self.bytes < 0 or self.entries < 0:
            raise PullError(f"image: unpacks to more than {MAX_UNPACKED} bytes or {MAX_ENTRIES} files")


def unpack(blob: Path, root: Path, budget: _Budget | None = None) -> None:
    """Lay a layer over the existing files: whiteouts remove files; devices and links out of the root are refused."""
    budget = budget or _Budget()
    try:
        with tarfile.open(blob, "r:*") as archive:
            for member in archive:
                budget.take(member)
                _extract_member(archive, member, root)
    except tarfile.TarError as error:
        raise PullError(f"layer: cannot be unpacked: {error}") from error
    except OSError as error:
        raise PullError(f"layer: cannot be written: {error.strerror}") from error


def _extract_member(archive: tarfile.TarFile, member: tarfile.TarInfo, root: Path) -> None:
    path = Path(member.name.lstrip("/"))
    if path.name.startswith(_WHITEOUT):
        _white_out(root, path)
        return
    if member.ischr() or member.isblk() or member.isfifo():
        return  # processes use the machine's own devices
    if member.issym() and member.linkname.startswith("/"):
        up = "../" * (len(path.parts) - 1)
        member = member.replace(linkname=up + member.linkname.lstrip("/") or ".", deep=False)
    target = root / path
    if (target.is_symlink() or target.is_file()) and not member.isdir():
        target.unlink()
    archive.extract(member, root, filter="data")


def _white_out(root: Path, path: Path) -> None:
    parent = root / path.parent
    if not parent.resolve().is_relative_to(root.resolve()):
        raise PullError(f"layer: whiteout {path} points out of the image")
    removed = (
        list(parent.iterdir()) if path.name == _OPAQUE and parent.is_dir() else [parent / path.name[len(_WHITEOUT) :]]
    )
    for entry in removed:
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink(missing_ok=True)
