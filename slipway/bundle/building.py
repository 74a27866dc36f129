"""Builds a bundle from a folder: every image resolved to its digest, every registry written out.

A registry is asked for the digest that a name has now (`Resolver`), and Helm and Kustomize are asked to render a folder
(`Renderer`). Everything else follows from the files, `targets.json` and the options, so that building twice gives the
same bytes.
"""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from .. import __version__
from ..manifests.documents import Document, read_text
from ..manifests.problems import ConfigError, Findings, Problem, short_value
from ..manifests.references import Reference, image_places
from ..manifests.together import together_problems
from .artifact import PackedBundle, content_digest, pack_bundle
from .contents import BundlePath, Member, in_namespace, object_problems, read_environments
from .model import BundleConfig, BundleEnvironment, BundleSource, RenderTarget, Targets, Tools, folder_of
from .pinning import ImagePinner, Resolver
from .rendering import Program, Renderer
from .sources import SourceFolder, read_sources
from .writing import write_documents


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """The options of a build."""

    folder: Path
    """Contains `environments/<name>/` with plain manifests, a kustomization, or values for the chart."""
    chart: Path | None = None
    """The chart, if it is not in the folder."""
    targets: Targets
    version: str
    registry: str
    """Login server of the registry that CI pushes to, where the images are."""
    references: Mapping[str, Reference] = field(default_factory=dict)
    """Tag or digest by repository; it replaces the tag in the manifests."""
    created: datetime | None = None
    source: BundleSource = field(default_factory=BundleSource)


@dataclass(frozen=True, kw_only=True)
class BuiltBundle:
    """A bundle, and its content for a person to look at."""

    packed: PackedBundle
    config: BundleConfig
    missing: tuple[str, ...]
    """Environments of `targets.json` that the bundle lacks: its release ends before the first of them."""
    notes: tuple[str, ...] = ()
    """Parts of a chart that the bundle lacks or treats differently."""


class SchemaComparison(Protocol):
    """Compares with the schemas of Kubernetes, which only the command line has."""

    def __call__(self, document: Document, value: Mapping[str, Any], version: str) -> Iterable[Problem]:
        """The fields of a sound object that an API server of the minor version would refuse, or drop."""


def build(options: BuildOptions, resolve: Resolver, render: Renderer, compare: SchemaComparison) -> BuiltBundle:
    """Raises `ConfigError` with every problem of the folder, and the errors of `resolve`."""
    findings = Findings()
    folder = SourceFolder(root=options.folder, chart=options.chart, targets=options.targets, render=render)
    read = read_sources(folder, findings)
    sources = read.environments
    images = ImagePinner(options.registry, options.targets, options.references, resolve)
    files: dict[str, bytes] = {}
    for name in sorted(sources):
        target = options.targets.environments[name]
        for path, (origin, documents) in sources[name].items():
            with findings.collecting():
                files[path] = _rendered_file(documents, origin, target, images, compare)
    findings.raise_any()
    if unused := images.unused():
        raise ConfigError([_unnamed_image(repository, images, options.folder) for repository in unused])
    config = BundleConfig(
        schema_version=1,
        application=options.targets.application,
        version=options.version,
        created=options.created,
        source=options.source,
        tools=Tools(
            slipway=__version__,
            helm=read.tools.get(Program.HELM, ""),
            kustomize=read.tools.get(Program.KUSTOMIZE, ""),
        ),
        targets=options.targets.hash,
        content=content_digest(files),
        images=images.listed(),
        image_paths=options.targets.image_paths,
        foreign_images=options.targets.foreign_images,
        unpinned=options.targets.unpinned,
        environments={
            name: _entry(name, number, target, images.names_in(files, name))
            for number, (name, target) in enumerate(options.targets.environments.items(), start=1)
            if name in sources
        },
    )
    read_environments(config, files)  # by the same rules as its readers
    missing = tuple(name for name in options.targets.environments if name not in sources)
    return BuiltBundle(packed=pack_bundle(config, files), config=config, missing=missing, notes=tuple(read.notes))


def _unnamed_image(repository: str, images: ImagePinner, folder: Path) -> Problem:
    """The problem of a tag that was given for an image which no manifest names: without it, the manifests' own tag,
    perhaps an old one, would be used silently."""
    repositories = ", ".join(image.repository for image in images.listed()) or "none"
    return Problem(
        file=str(folder),
        field="--image",
        expected="an image that a manifest of the bundle names",
        got=short_value(repository),
        message=f"they name {repositories}",
    )


def _entry(name: str, position: int, target: RenderTarget, images: tuple[str, ...]) -> BundleEnvironment:
    return BundleEnvironment(
        path=folder_of(name),
        position=position,
        images=images,
        registry=target.registry,
        namespace=target.namespace,
        kubernetes=target.kubernetes,
    )


def _rendered_file(
    documents: tuple[Document, ...],
    position: BundlePath,
    target: RenderTarget,
    images: ImagePinner,
    compare: SchemaComparison,
) -> bytes:
    findings = Findings()
    values = []
    for document in documents:
        with findings.collecting():
            values.append(_checked_object(document, position, target, images, compare))
    findings.raise_any()
    data = write_documents(values)
    if [document.value for document in read_text(data, name=documents[0].file)] != values:
        raise ConfigError(
            [Problem(file=documents[0].file, message="it cannot be written in a form that reads back the same")]
        )
    return data


def _checked_object(
    document: Document, position: BundlePath, target: RenderTarget, images: ImagePinner, compare: SchemaComparison
) -> dict[str, Any]:
    problems = list(
        object_problems(
            Member(file=position.file, document=document), position.part, namespace=target.namespace, rules=images.rules
        )
    )
    if not problems:
        problems.extend(compare(document, document.value, target.kubernetes))
    if not problems:  # a misspelt field is reported as misspelt, not as missing
        problems.extend(together_problems(document, document.value))
    value = deepcopy(document.value)
    for image in image_places(value, images.rules):
        try:
            image.holder[image.key] = images.pinned(document, image, target)
        except ConfigError as error:
            problems.extend(() if images.rules.leaves(value) else error.problems)
    if problems:
        raise ConfigError(problems)
    return in_namespace(value, target.namespace)
