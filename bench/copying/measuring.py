"""The rounds of a copy. Each copier gets a fresh target registry, on a port of which no tool remembers anything."""

import os
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

from bench.rows import Row, compared_row, missing
from slipway.effects.registry import (
    Anonymous,
    CopySource,
    CopyTarget,
    Registry,
    RegistryEndpoint,
    copy_artifact,
    new_pool,
)

from .copiers import FLOOR, OURS, SKOPEO, Copier, Copy, Measured, copiers
from .images import SIZES, Builder, Image, Size
from .registries import PROGRAM, SOURCE_ADDRESS, TARGET_ADDRESS, tls_registry
from .tls import make_certificates

REPOSITORY: Final = "team/shop"
ROUNDS: Final = {("240 MB", "cold"): 3}
"""Rounds of the slow cases; the others get more, because they scatter more."""
MORE_ROUNDS: Final = 5
AIMS: Final = {
    ("cold", SKOPEO): 0.75,
    ("cold", FLOOR): 1.05,
    ("one new layer", SKOPEO): 0.45,
    ("nothing new", SKOPEO): 0.35,
}
LARGEST_MEMORY: Final = 60.0
_MEBIBYTE: Final = 1024 * 1024
CASES: Final = ("cold", "one new layer", "nothing new")


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Two versions of an image: the second has another application layer."""

    first: Image
    second: Image

    def images_for(self, case: str) -> tuple[Image, Image | None]:
        """The image to copy, and the one that the target already holds."""
        match case:
            case "cold":
                return self.second, None
            case "one new layer":
                return self.second, self.first
            case _:
                return self.second, self.second


@dataclass
class Bench:
    """The registries and copiers, and what was measured with them."""

    folder: Path
    source: str
    copiers: tuple[Copier, ...]
    measured: dict[tuple[str, str, str], list[Measured]] = field(default_factory=lambda: defaultdict(list))

    @property
    def certificates(self) -> Path:
        return self.folder

    def client(self, login_server: str) -> Registry:
        pool = new_pool(authority=str(self.certificates / "ca.crt"))
        return Registry(RegistryEndpoint(login_server), Anonymous(), pool=pool)

    def measure(self, size: Size, case: str, versions: Versions) -> None:
        """One round: each copier once."""
        image, present = versions.images_for(case)
        for copier in self.copiers:
            with self._target(present) as target:
                copy = Copy(
                    source=self.source,
                    target=target,
                    image=image,
                    missing=image.blobs_missing_from(present),
                    certificates=self.certificates,
                )
                self.measured[size.name, case, copier.name].append(copier.copy(copy))
                self._check(target, image, copier)

    @contextmanager
    def _target(self, present: Image | None) -> Iterator[str]:
        storage = self.folder / "target"
        shutil.rmtree(storage, ignore_errors=True)
        if present:
            shutil.copytree(self._storage_with(present), storage, copy_function=_copy_or_link)
        with tls_registry(TARGET_ADDRESS, storage, self.certificates) as target:
            yield target

    def _storage_with(self, image: Image) -> Path:
        """The storage of a registry that holds the image; filled once, and copied for each target."""
        storage = self.folder / f"holding-{image.tag}"
        if not storage.exists():
            with tls_registry(TARGET_ADDRESS, storage, self.certificates) as target:
                copy_artifact(
                    CopySource(registry=self.client(self.source), repository=REPOSITORY, digest=image.digest),
                    CopyTarget(registry=self.client(target), repository=REPOSITORY, digest=image.digest, tag=image.tag),
                )
        return storage

    def _check(self, target: str, image: Image, copier: Copier) -> None:
        """An incomplete copy must not become a figure."""
        registry = self.client(target)
        if registry.resolve(REPOSITORY, image.tag) != image.digest:
            raise RuntimeError(f"{copier.name} did not copy {image.digest} to the tag {image.tag}")
        absent = [blob.digest for blob in image.blobs if not registry.blob_exists(REPOSITORY, blob.digest)]
        if absent:
            raise RuntimeError(f"{copier.name} did not copy {absent[0]}")


def _copy_or_link(source: str, target: str) -> None:
    """Large files are blobs, which a registry never changes, so a link will do."""
    if Path(source).stat().st_size > _MEBIBYTE:
        os.link(source, target)
    else:
        shutil.copy(source, target)


def rows() -> list[Row]:
    """Empty without docker-registry: then there is nothing to copy between."""
    if PROGRAM is None:
        return []
    all_copiers = copiers()
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as name:
        folder = Path(name)
        make_certificates(folder, (SOURCE_ADDRESS, TARGET_ADDRESS))
        with tls_registry(SOURCE_ADDRESS, folder / "source", folder) as source:
            bench = Bench(
                folder=folder, source=source, copiers=tuple(copier for copier in all_copiers if copier.installed)
            )
            for size in SIZES:
                versions = _versions(bench, size)
                for case in CASES:
                    for _ in range(ROUNDS.get((size.name, case), MORE_ROUNDS)):
                        bench.measure(size, case, versions)
    return [row for size in SIZES for case in CASES for row in _rows(bench, size, case, all_copiers)]


def _versions(bench: Bench, size: Size) -> Versions:
    builder = Builder(registry=bench.client(bench.source), repository=REPOSITORY)
    tag = size.name.replace(" ", "")
    return Versions(first=builder.build(size, 1, f"{tag}-1"), second=builder.build(size, 2, f"{tag}-2"))


def _rows(bench: Bench, size: Size, case: str, everybody: tuple[Copier, ...]) -> Iterator[Row]:
    name = f"copying.{size.name.replace(' ', '')}.{case.replace(' ', '-')}"
    our_copies = bench.measured[size.name, case, OURS]
    seconds = [copy.seconds for copy in our_copies]
    for copier in everybody:
        if copier.name == OURS:
            continue
        if not copier.installed:
            yield missing(name, seconds, peer_name=copier.name, unit="s", why=copier.how_to_install)
            continue
        peer_copies = bench.measured[size.name, case, copier.name]
        yield compared_row(
            name,
            seconds,
            [copy.seconds for copy in peer_copies],
            peer_name=copier.name + (" (the floor)" if copier.name == FLOOR else ""),
            aim=AIMS.get((case, copier.name)),
            more={"ours_process": _process(our_copies), "peer_process": _process(peer_copies)},
        )
    yield from _memory(bench, size, case, name)


def _memory(bench: Bench, size: Size, case: str, name: str) -> Iterator[Row]:
    """CPU time of the copy alone; memory of the whole process, Python and imports included."""
    peer = SKOPEO if (size.name, case, SKOPEO) in bench.measured else FLOOR
    our_copies, peer_copies = bench.measured[size.name, case, OURS], bench.measured[size.name, case, peer]
    yield compared_row(
        f"{name}.cpu",
        [copy.cpu_seconds for copy in our_copies],
        [copy.cpu_seconds for copy in peer_copies],
        peer_name=peer,
    )
    yield compared_row(
        f"{name}.peak-memory",
        [copy.process.peak_bytes / _MEBIBYTE for copy in our_copies],
        [copy.process.peak_bytes / _MEBIBYTE for copy in peer_copies],
        peer_name=f"{peer}, whole process",
        unit="MiB",
        most=LARGEST_MEMORY,
    )


def _process(measured: list[Measured]) -> dict[str, float]:
    """Medians of the whole processes, from start to end."""
    return {
        "wall_seconds": round(median(copy.process.wall_seconds for copy in measured), 4),
        "cpu_seconds": round(median(copy.process.cpu_seconds for copy in measured), 4),
        "peak_mib": round(median(copy.process.peak_bytes for copy in measured) / _MEBIBYTE, 1),
    }
