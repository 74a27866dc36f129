"""Builds a bundle from a folder of plain manifests: every image resolved to its digest, every registry written out.

The only thing asked of a registry is which digest a name has now (`Resolver`). Everything else follows from the files,
`targets.json` and the options, so that building twice gives the same bytes.
"""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..manifests.documents import MAX_BYTES, Document, read_text
from ..manifests.problems import ConfigError, Findings, Problem, nearest
from .archive import MOST_FILES
from .artifact import Packed, content_of, pack
from .contents import FilePlace, Member, in_namespace, object_problems, place_of, read_environments
from .images import Reference, image_places
from .model import BundleConfig, BundleEnvironment, BundleSource, RenderTarget, Targets, Tools, folder_of
from .pinning import Pinned, Resolver
from .writing import written


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """What to build."""

    folder: Path
    """Has `environments/<name>/*.yaml`."""
    targets: Targets
    version: str
    registry: str
    """Login server of the registry that CI pushes to, where the images are."""
    given: Mapping[str, Reference] = field(default_factory=dict)
    """Tag or digest by repository, for the images that manifests name without one."""
    created: datetime | None = None
    source: BundleSource = field(default_factory=BundleSource)
    helm: str = ""
    kustomize: str = ""


@dataclass(frozen=True, kw_only=True)
class BuiltBundle:
    """A bundle, and its content for a person to look at."""

    packed: Packed
    config: BundleConfig
    missing: tuple[str, ...]
    """Environments of `targets.json` that the bundle lacks: a release of it ends before the first of them."""


def build(wanted: BuildOptions, resolve: Resolver) -> BuiltBundle:
    """Raises `ConfigError` with every problem of the folder, and whatever `resolve` raises."""
    findings = Findings()
    sources = _read_folder(wanted, findings)
    images = Pinned(wanted.registry, wanted.targets, wanted.given, resolve)
    files: dict[str, bytes] = {}
    for name in sorted(sources):
        target = wanted.targets.environments[name]
        for path, (origin, documents) in sources[name].items():
            with findings.collecting():
                files[path] = _rendered(documents, origin, target, images)
    findings.raise_any()
    config = BundleConfig(
        schema_version=1,
        application=wanted.targets.application,
        version=wanted.version,
        created=wanted.created,
        source=wanted.source,
        tools=Tools(slipway=__version__, helm=wanted.helm, kustomize=wanted.kustomize),
        targets=wanted.targets.hash,
        content=content_of(files),
        images=images.listed(),
        environments={
            name: _entry(name, wanted.targets.environments[name], images.names_in(files, name)) for name in sources
        },
    )
    read_environments(config, files)  # by the rules of whoever reads it
    missing = tuple(name for name in wanted.targets.environments if name not in sources)
    return BuiltBundle(packed=pack(config, files), config=config, missing=missing)


def _entry(name: str, target: RenderTarget, images: tuple[str, ...]) -> BundleEnvironment:
    return BundleEnvironment(
        path=folder_of(name),
        images=images,
        registry=target.registry,
        namespace=target.namespace,
        kubernetes=target.kubernetes,
    )


type _Sources = dict[str, dict[str, tuple[FilePlace, tuple[Document, ...]]]]
"""By environment and path in the bundle."""


def _read_folder(wanted: BuildOptions, findings: Findings) -> _Sources:
    """The manifests below `environments/`. Whatever is there and is not read is a problem."""
    root = wanted.folder / "environments"
    if not root.is_dir():
        expected = "a folder environments/ with a folder for each environment"
        raise ConfigError([Problem(file=wanted.folder.name or ".", expected=expected, got="none")])
    paths = sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    if len(paths) > MOST_FILES:
        raise ConfigError([Problem(file="environments", expected=f"at most {MOST_FILES} files", got=str(len(paths)))])
    sources: _Sources = {}
    for path in paths:
        with findings.collecting():
            name = path.relative_to(wanted.folder).as_posix()
            file_place = _place(path, name, wanted.targets)
            target_path = name.removesuffix(".yml") + ".yaml" if name.endswith(".yml") else name
            taken = sources.setdefault(file_place.environment, {})
            if target_path in taken:
                raise ConfigError([Problem(file=name, message=f"{target_path} is there too")])
            taken[target_path] = (file_place, _documents(path, name))
    if not paths:
        findings.add(Problem(file="environments", expected="manifests in .yaml files", got="none"))
    return sources


def _place(path: Path, name: str, targets: Targets) -> FilePlace:
    if path.is_symlink():
        raise ConfigError([Problem(file=name, expected="a file", got="a symbolic link")])
    file_place = place_of(name.removesuffix(".yml") + ".yaml" if name.endswith(".yml") else name)
    if isinstance(file_place, str):
        raise ConfigError([Problem(file=name, message=file_place)])
    if file_place.environment not in targets.environments:
        expected, got = "an environment of targets.json", repr(file_place.environment)
        raise ConfigError(
            [
                Problem(
                    file=name, expected=expected, got=got, message=nearest(file_place.environment, targets.environments)
                )
            ]
        )
    return file_place


def _documents(path: Path, name: str) -> tuple[Document, ...]:
    try:
        with path.open("rb") as file:
            documents = read_text(file.read(MAX_BYTES + 1), name=name)
    except OSError as error:
        raise ConfigError([Problem(file=name, message=f"the file cannot be read: {error.strerror}")]) from None
    if not documents:
        raise ConfigError([Problem(file=name, expected="a manifest", got="an empty file")])
    return documents


def _rendered(documents: tuple[Document, ...], place: FilePlace, target: RenderTarget, images: Pinned) -> bytes:
    findings = Findings()
    values = []
    for document in documents:
        with findings.collecting():
            values.append(_object(document, place, target, images))
    findings.raise_any()
    data = written(values)
    if [document.value for document in read_text(data, name=documents[0].file)] != values:
        raise ConfigError([Problem(file=documents[0].file, message="it cannot be written so that it reads the same")])
    return data


def _object(document: Document, place: FilePlace, target: RenderTarget, images: Pinned) -> dict[str, Any]:
    problems = list(object_problems(Member(file=place.file, document=document), place.part, namespace=target.namespace))
    value = deepcopy(document.value)
    for image in image_places(value):
        try:
            image.holder[image.key] = images.pinned(document, image, target)
        except ConfigError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigError(problems)
    return in_namespace(value, target.namespace)
