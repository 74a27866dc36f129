"""The sources of a bundle: a folder for each environment, with plain manifests or a Kustomization, or values for a
chart.

A file in the folder that is not read is a problem, so no file is left out unnoticed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from ..manifests.documents import MAX_BYTES, Document, read_text
from ..manifests.problems import ConfigError, Findings, Problem, nearest
from . import helm, kustomize
from .archive import MOST_FILES
from .contents import BundlePath, ContentPart, bundle_path
from .model import RenderTarget, Targets
from .rendering import Conditions, Program, RenderedObject, Renderer, differences, file_names, split

CHART_FOLDER: Final = "chart"
_ROOT: Final = "environments"
_PARTS: Final = frozenset(part.value for part in ContentPart if part is not ContentPart.MANIFESTS)


class FolderKind(StrEnum):
    """How an environment's folder becomes manifests."""

    PLAIN = "plain"
    HELM = "helm"
    KUSTOMIZE = "kustomize"


type Files = dict[str, tuple[BundlePath, tuple[Document, ...]]]
"""By path in the bundle."""


@dataclass(kw_only=True)
class Sources:
    """The manifests of every environment, and how they were made."""

    environments: dict[str, Files] = field(default_factory=dict)
    tools: dict[Program, str] = field(default_factory=dict)
    """Versions of the programs that rendered parts of it."""
    notes: list[str] = field(default_factory=list)
    """Parts of a chart that a bundle lacks or treats differently."""

    def add(self, path: str, position: BundlePath, documents: tuple[Document, ...]) -> None:
        taken = self.environments.setdefault(position.environment, {})
        if path in taken:
            raise ConfigError([Problem(file=documents[0].file, message=f"{path} is there too")])
        taken[path] = (position, documents)


@dataclass(frozen=True, kw_only=True)
class SourceFolder:
    """Where the files are, and the program that renders them."""

    root: Path
    """Contains `environments/<name>/`, and `chart/` and `values.yaml` if there is a chart."""
    chart: Path | None
    """The chart, if it is elsewhere."""
    targets: Targets
    render: Renderer


def read_sources(folder: SourceFolder, findings: Findings) -> Sources:
    """All manifests. Adds their problems to the findings; raises `ConfigError` if nothing can be read."""
    root = folder.root / _ROOT
    if not root.is_dir():
        expected = "a folder environments/ with a folder for each environment"
        raise ConfigError([Problem(file=folder.root.name or ".", expected=expected, got="none")])
    paths = sorted(path for path in root.rglob("*") if path.is_symlink() or not path.is_dir())
    if len(paths) > MOST_FILES:
        raise ConfigError([Problem(file=_ROOT, expected=f"at most {MOST_FILES} files", got=str(len(paths)))])
    sources = Sources()
    ways = {name: _folder_kind(root / name) for name in folder.targets.environments}
    for path in paths:
        with findings.collecting():
            _add_file(folder, path, ways, sources)
    for name, way in ways.items():
        if way is not FolderKind.PLAIN:
            with findings.collecting():
                _check_alone(root / name, folder)
                render = _render_chart if way is FolderKind.HELM else _render_kustomization
                render(folder, name, sources)
    if not paths:
        findings.add(Problem(file=_ROOT, expected="manifests in .yaml files", got="none"))
    return sources


def _folder_kind(folder: Path) -> FolderKind:
    if kustomize.kustomization_in(folder):
        return FolderKind.KUSTOMIZE
    return FolderKind.HELM if (folder / helm.VALUES_FILE).is_file() else FolderKind.PLAIN


def _check_alone(folder: Path, source: SourceFolder) -> None:
    file = kustomize.kustomization_in(folder)
    if file and (folder / helm.VALUES_FILE).is_file():
        got = f"{file.name} and {helm.VALUES_FILE}"
        raise ConfigError([Problem(file=_shown_path(folder, source), expected="one of both", got=got)])


def _shown_path(path: Path, folder: SourceFolder) -> str:
    return path.relative_to(folder.root).as_posix() if path.is_relative_to(folder.root) else path.name


def _add_file(folder: SourceFolder, path: Path, ways: dict[str, FolderKind], sources: Sources) -> None:
    name = path.relative_to(folder.root).as_posix()
    if path.is_symlink():
        raise ConfigError([Problem(file=name, expected="a file", got="a symbolic link")])
    _, environment, *rest = name.split("/")
    way = ways.get(environment, FolderKind.PLAIN)
    if way is FolderKind.HELM and rest == [helm.VALUES_FILE]:
        return
    if way is FolderKind.KUSTOMIZE and rest and (len(rest) == 1 or rest[0] not in _PARTS):
        return
    target_path = name.removesuffix(".yml") + ".yaml" if name.endswith(".yml") else name
    sources.add(target_path, _bundle_path(name, target_path, folder.targets), _documents(path, name))


def _bundle_path(name: str, path: str, targets: Targets) -> BundlePath:
    file_place = bundle_path(path)
    if isinstance(file_place, str):
        raise ConfigError([Problem(file=name, message=file_place)])
    environment = file_place.environment
    if environment not in targets.environments:
        expected, advice = "an environment of targets.json", nearest(environment, targets.environments)
        raise ConfigError([Problem(file=name, expected=expected, got=repr(environment), message=advice)])
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


def _render_kustomization(folder: SourceFolder, environment: str, sources: Sources) -> None:
    kustomization = folder.root / _ROOT / environment
    file = kustomize.kustomization_in(kustomization)
    shown = _shown_path(file or kustomization, folder)
    kustomize.check_folder(kustomization, relative_to=folder.root)
    rendered = _render_twice(
        folder, Program.KUSTOMIZE, kustomize.kustomize_arguments(kustomization.resolve()), shown, sources
    )
    for name, each in zip(file_names(rendered), rendered, strict=True):
        _add_rendered(environment, ContentPart.MANIFESTS, name, each.document, sources)


def _render_chart(folder: SourceFolder, environment: str, sources: Sources) -> None:
    values = folder.root / _ROOT / environment / helm.VALUES_FILE
    common = folder.root / helm.VALUES_FILE
    chart = folder.chart or folder.root / CHART_FOLDER
    shown = _shown_path(values, folder)
    _check_chart(chart, shown)
    target: RenderTarget = folder.targets.environments[environment]
    files = [file.resolve() for file in (common, values) if file.is_file()]
    arguments = helm.helm_arguments(chart, files, target, application=folder.targets.application)
    made = helm.sort_chart_objects(_render_twice(folder, Program.HELM, arguments, shown, sources))
    for part, documents in made.parts.items():
        for name, document in documents.items():
            _add_rendered(environment, part, name, document, sources)
    sources.notes += [f"{environment}: {note}" for note in made.notes]


def _check_chart(chart: Path, named: str) -> None:
    if chart.is_dir():
        if not (chart / "Chart.yaml").is_file():
            raise ConfigError([Problem(file=named, expected=f"a chart in {chart.name}/", got="no Chart.yaml there")])
        if link := next((path for path in chart.rglob("*") if path.is_symlink()), None):
            raise ConfigError([Problem(file=link.name, expected="a file of the chart", got="a symbolic link")])
    elif not (chart.is_file() and chart.suffix == ".tgz"):
        advice = f"put it into {CHART_FOLDER}/ beside environments/, or name it with --chart"
        raise ConfigError([Problem(file=named, expected="a chart for these values", got="none", message=advice)])


def _render_twice(
    folder: SourceFolder, program: Program, arguments: tuple[str, ...], named: str, sources: Sources
) -> tuple[RenderedObject, ...]:
    """The objects that a program renders, if they are the same under both conditions. Raises `ConfigError`."""
    if program not in sources.tools:
        sources.tools[program] = folder.render.version(program, named)
    one, other = (
        split(folder.render.run(program, arguments, conditions, named), whole=named) for conditions in Conditions
    )
    if problems := list(differences(one, other)):
        raise ConfigError(problems)
    if not one:
        raise ConfigError([Problem(file=named, expected=f"objects from {program.title}", got="none")])
    if len(one) > MOST_FILES:
        raise ConfigError([Problem(file=named, expected=f"at most {MOST_FILES} objects", got=str(len(one)))])
    return one


def _add_rendered(environment: str, part: ContentPart, name: str, document: Document, sources: Sources) -> None:
    folders: Iterator[str] = (text for text in (_ROOT, environment, part.value, name) if text)
    path = "/".join(folders)
    sources.add(path, BundlePath(environment=environment, part=part, file=name), (document,))
