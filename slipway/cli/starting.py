"""The folder that `slipway new` writes: an application of one program, or of two with a chart, with everything that its
delivery needs.

The files are in `start/`, in a folder for each kind and one for `both`; each has `.txt` added to its name. `@{name}` in
them is replaced.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

SUFFIX = ".txt"
_TEXT = re.compile(r"[a-z][a-z0-9/_-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_WITH_RUN = "    provenance: artifact # it has to be what a proved CI run says it built"
_WITHOUT_RUN = """    # No pipeline is named, so nobody knows who is behind a change, nor what built it. With one, write
    # `provenance: artifact` instead of the next line.
    least_gate: { require_known: false }"""


class _AtTemplate(Template):
    """`${…}` is left alone: manifests use it themselves."""

    delimiter = "@"


@dataclass(frozen=True, kw_only=True)
class PipelineName:
    """A pipeline of Azure DevOps."""

    project: str
    name: str


@dataclass(frozen=True, kw_only=True)
class NewApplication:
    """The answers that define the new application."""

    app: str
    project: str
    repository: str
    """The image's repository; with a chart the prefix of the repositories of images and bundle."""
    approvers: Sequence[str]
    pipeline: PipelineName | None = None
    chart: bool = False

    @property
    def folders(self) -> tuple[str, str]:
        """Folders below `start/`."""
        return "both", "chart" if self.chart else "image"

    @property
    def values(self) -> Mapping[str, str]:
        return {
            "app": self.app,  # within a longer word; by itself it is `name`
            "name": _scalar(self.app),
            "project": _scalar(self.project),
            "repository": _scalar(self.repository),
            "repositories": _scalar(f"{self.repository}/*" if self.chart else self.repository),
            **{each: _scalar(f"{self.repository}/{each}") for each in ("bundle", "prices", "web")},
            "approvers": ", ".join(json.dumps(approver) for approver in self.approvers),
            "variable": self.app.upper().replace("-", "_"),
            "start": _start(self.pipeline),
            "proof": _WITH_RUN if self.pipeline else _WITHOUT_RUN,
        }


def _scalar(text: str) -> str:
    """The text, in quotes if YAML would otherwise not read it as text."""
    return text if _TEXT.fullmatch(text) and text not in _WORDS else json.dumps(text)


def _start(pipeline: PipelineName | None) -> str:
    if pipeline is None:
        return "start: push # a push starts a release; `both` waits for the CI run too, with a `pipeline`"
    pipeline_line = (
        f"{{ project: {json.dumps(pipeline.project)}, name: {json.dumps(pipeline.name)}, branches: [main] }}"
    )
    return f"start: both # it was pushed, and its CI run succeeded\npipeline: {pipeline_line}"


def starting_files(wanted: NewApplication) -> dict[str, str]:
    """The files of the folder, by their path in it."""
    return {
        path.removesuffix(SUFFIX): _AtTemplate(source.read_text(encoding="utf-8")).substitute(wanted.values)
        for folder in wanted.folders
        for path, source in _sources(files(__package__) / "start" / folder, "")
    }


def _sources(folder: Traversable, above: str) -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _sources(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield above + entry.name, entry


def write_starting_files(folder: Path, contents: Mapping[str, str]) -> None:
    """Write files that do not exist yet. Raises `FileExistsError`, before anything is written, or `OSError`."""
    for path in contents:
        if (folder / path).exists():
            raise FileExistsError(folder / path)
    for path, text in contents.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
