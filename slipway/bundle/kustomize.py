"""Kustomize: how a folder is rendered, and which parts of it would reach beyond the repository.

Kustomize fetches everything that is not a local path, without asking. So every file that it would read by name is
looked for first, in the folder and in the bases that it leads to. A missing file is a problem, and no file is ever
fetched.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from ..manifests.documents import Document, read_file
from ..manifests.problems import Findings, Problem, Steps, short_value

FILES: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_MOST_FOLDERS: Final = 200
_PATHS: Final = (
    "resources",
    "bases",
    "components",
    "crds",
    "configurations",
    "transformers",
    "generators",
    "validators",
    "patchesStrategicMerge",
)
"""Fields with lists of paths, or of inline YAML."""
_WITH_PATH: Final = ("patches", "patchesJson6902", "replacements")
_CHARTS: Final = ("helmCharts", "helmChartInflationGenerator", "helmGlobals")
_OF_THIS_MACHINE: Final = frozenset({"originAnnotations", "transformerAnnotations"})


def kustomization_in(folder: Path) -> Path | None:
    """The file that makes the folder a kustomization."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def kustomize_arguments(folder: Path) -> tuple[str, ...]:
    return ("build", "--load-restrictor", "LoadRestrictionsRootOnly", str(folder))


def check_folder(folder: Path, *, relative_to: Path) -> None:
    """Raises `ConfigError` for anything that leads out of the repository, or that cannot be rendered here."""
    findings = Findings()
    waiting, visited = [folder], {folder.resolve()}
    while waiting:
        file = kustomization_in(waiting.pop())
        if file is None:
            continue
        with findings.collecting():
            for document in read_file(file, name=_name(file, relative_to)):
                if isinstance(document.value, dict):
                    findings.extend(_problems(document, document.value, file.parent))
                    waiting += _take_unvisited(_folders(document.value, file.parent), visited)
        if len(visited) > _MOST_FOLDERS:
            findings.add(
                Problem(file=_name(folder, relative_to), expected=f"at most {_MOST_FOLDERS} bases", got="more")
            )
            break
    findings.raise_any()


def _name(path: Path, relative_to: Path) -> str:
    return Path(os.path.relpath(path, relative_to)).as_posix()


def _take_unvisited(folders: Iterable[Path], visited: set[Path]) -> list[Path]:
    new = [folder for folder in folders if folder.resolve() not in visited]
    visited.update(folder.resolve() for folder in new)
    return new


def _folders(value: dict[str, Any], folder: Path) -> list[Path]:
    return [folder / text for _, text in _paths_in(value) if (folder / text).is_dir()]


def _problems(document: Document, value: dict[str, Any], folder: Path) -> Iterator[Problem]:
    for steps, text in _paths_in(value):
        if not (folder / text).exists():
            advice = "copy it into the repository: nothing is fetched while a bundle is built"
            yield document.problem(steps, advice, expected="a file or folder of this repository", got=short_value(text))
    for key in _CHARTS:
        if key in value:
            advice = "let Helm render the chart: environments/<name>/values.yaml in place of a kustomization"
            yield document.problem((key,), advice, expected="no chart in a kustomization", got=short_value(value[key]))
    listed = value.get("buildMetadata")
    for index, text in enumerate(listed if isinstance(listed, list) else []):
        if text in _OF_THIS_MACHINE:
            advice = "it records paths of this machine"
            yield document.problem(
                ("buildMetadata", index), advice, expected="managedByLabel or none", got=short_value(text)
            )


def _paths_in(value: dict[str, Any]) -> Iterator[tuple[Steps, str]]:
    """Every path that the kustomization names, with its place in it."""
    for key in _PATHS:
        for index, text in enumerate(_list_at(value, key)):
            if isinstance(text, str) and "\n" not in text:
                yield (key, index), text
    for key in _WITH_PATH:
        for index, item in enumerate(_list_at(value, key)):
            if isinstance(item, dict) and isinstance(item.get("path"), str):
                yield (key, index, "path"), item["path"]
    schema = value.get("openapi")
    if isinstance(schema, dict) and isinstance(schema.get("path"), str):
        yield ("openapi", "path"), schema["path"]


def _list_at(value: dict[str, Any], key: str) -> list[Any]:
    listed = value.get(key)
    return listed if isinstance(listed, list) else []
