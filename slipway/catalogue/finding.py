"""Finds projects and applications in files, with everything that belongs to them. Used by the command line and tests.

A file may have several documents. In a folder, every `project.yaml` and `application.yaml` counts, at any depth;
everything else in a repository is ignored.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel

from slipway.domain.application import SourceKind, WrittenApplication
from slipway.domain.around import Side
from slipway.domain.project import Project

from ..manifests.documents import MAX_BYTES, Document, bytes_of, read_with_problems
from ..manifests.problems import ConfigError, Findings, Problem, Steps, short_value, shown_path
from .files import LARGEST, MOST_FILES, Files, path_inside
from .validation import parse_document

PROJECT_FILE: Final = "project.yaml"
APPLICATION_FILE: Final = "application.yaml"
MOST_DOCUMENTS: Final = 500

Kind = Literal["project", "application"]
MODELS: Final[Mapping[Kind, type[BaseModel]]] = {"project": Project, "application": WrittenApplication}


@dataclass(frozen=True, kw_only=True)
class FoundDocument:
    """One document, and the files that it names."""

    kind: Kind
    name: str
    document: Document
    files: Files
    problems: tuple[Problem, ...] = ()
    """The problems of its text, and of the files that it names and that cannot be read."""


def find(path: Path, findings: Findings) -> tuple[FoundDocument, ...]:
    """Every readable document in a file or folder, projects first; the problems are added to the findings."""
    root = path.resolve()
    documents, files = list[FoundDocument](), list[Path]()
    with findings.collecting():
        files = _documents_below(root) if root.is_dir() else [root]
    for file in files:
        with findings.collecting():
            name = shown_path(file, root=root if root.is_dir() else root.parent)
            if file.is_symlink():
                raise ConfigError([Problem(file=name, expected="a file", got="a link")])
            for document in read_with_problems(bytes_of(file, name=name), name=name):
                if document.value is None:
                    findings.extend(document.problems)
                    continue
                with findings.collecting():
                    documents.append(_read_document(document, file.parent))
    findings.extend(_duplicates(documents))
    return tuple(sorted(documents, key=lambda each: each.kind != "project"))


def document_kind(document: Document) -> Kind:
    """The kind of the document. Raises ConfigError if it is neither."""
    value = document.value
    if isinstance(value, dict):
        if "application" in value:
            return "application"
        if "project" in value:
            return "project"
    got = f"the fields {', '.join(list(value)[:3])}" if isinstance(value, dict) and value else short_value(value)
    raise ConfigError([document.problem((), expected="a document with the field project or application", got=got)])


def _documents_below(root: Path) -> list[Path]:
    names = (PROJECT_FILE, APPLICATION_FILE)
    files = sorted(
        path
        for path in root.rglob("*.yaml")
        if path.name in names and not any(part.startswith(".") for part in path.relative_to(root).parts)
    )
    if not files:
        expected = f"a {PROJECT_FILE} or an {APPLICATION_FILE} in it, or in a folder inside it"
        raise ConfigError([Problem(file=root.name, expected=expected, got="none")])
    if len(files) > MOST_DOCUMENTS:
        expected = f"at most {MOST_DOCUMENTS} documents"
        raise ConfigError([Problem(file=root.name, expected=expected, got=str(len(files)))])
    return files


def _read_document(document: Document, folder: Path) -> FoundDocument:
    kind = document_kind(document)
    name, files, findings = str(document.value[kind]), Files(document=document.file), Findings()
    if kind == "application" and (application := parse_document(document, WrittenApplication).value):
        files = _Collector(document, folder, findings).collect(application)
    problems = (*document.problems, *findings.problems)
    return FoundDocument(kind=kind, name=name, document=document, files=files, problems=problems)


def _path_and_parents(relative: str) -> Iterator[PurePosixPath]:
    """The file, and the folders that it lies in."""
    path = PurePosixPath(relative)
    yield path
    yield from (parent for parent in path.parents if parent.name)


def _duplicates(documents: list[FoundDocument]) -> Iterator[Problem]:
    first: dict[tuple[str, str], str] = {}
    for each in documents:
        position = each.document.position(())
        shown = f"{each.document.file}:{position.line}"
        before = first.setdefault((each.kind, each.name), shown)
        if before != shown:
            yield each.document.problem((each.kind,), f"{each.kind} {each.name} is in {before} already")


class _Collector:
    """Reads only the files that an application names: a repository has much that is nobody's business."""

    def __init__(self, document: Document, folder: Path, findings: Findings) -> None:
        self._document, self._folder, self._findings = document, folder, findings
        self._contents: dict[str, str] = {}
        self._unread = set[str]()
        self._bytes = 0

    def collect(self, application: WrittenApplication) -> Files:
        """The files that can be read; the problems of the others are added to the findings."""
        with self._findings.collecting():
            self._collect(application)
        return Files(document=self._document.file, contents=self._contents, unread=frozenset(self._unread))

    def _collect(self, application: WrittenApplication) -> None:
        for index, environment in enumerate(application.environments):
            at: Steps = ("environments", index)
            if application.source is SourceKind.IMAGE:
                self._take_folder(environment.manifests, (*at, "manifests"))
                self._take(environment.verification.job, (*at, "verification", "job"))
                for side in Side:
                    for number, name in enumerate(environment.jobs(side)):
                        self._take(name, (*at, str(side), number))
            for field, name in environment.require.files():
                self._take(name, (*at, "require", *field))
            self._take(environment.windows.holidays_file, (*at, "windows", "holidays_file"))

    def _take_folder(self, name: str, steps: Steps) -> None:
        path = self._path(name, steps)
        if path is None:
            return
        if path == self._folder:
            self._problem(steps, expected="a folder for the manifests alone", got=repr(name))
            return
        for file in sorted(path.rglob("*")) if path.is_dir() else ():
            if not file.is_dir():
                self._read(file, steps)

    def _take(self, name: str | None, steps: Steps) -> None:
        path = self._path(name, steps) if name is not None else None
        if path is not None and path.is_file():
            self._read(path, steps)

    def _path(self, name: str, steps: Steps) -> Path | None:
        relative = path_inside(name)
        if relative is None:
            self._problem(steps, expected="a path beside the application's document", got=repr(name))
            return None
        return self._folder / relative

    def _read(self, path: Path, steps: Steps) -> None:
        relative = path.relative_to(self._folder).as_posix()
        if relative in self._contents or relative in self._unread:
            return
        self._unread.add(relative)
        if any((self._folder / part).is_symlink() for part in _path_and_parents(relative)):
            # A reviewer would see one name, but another file would be applied.
            self._problem(steps, expected="files and folders", got=f"{relative}, which is a link or lies behind one")
            return
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        self._bytes += len(data)
        shown_name = Files(document=self._document.file).shown(relative)
        if len(data) > MAX_BYTES:
            expected = f"at most {MAX_BYTES // 1024} KiB"
            self._findings.add(Problem(file=shown_name, expected=expected, got="a larger file"))
        elif self._bytes > LARGEST or len(self._contents) >= MOST_FILES:
            expected = f"at most {MOST_FILES} files of {LARGEST // 1024 // 1024} MiB together"
            raise ConfigError([self._document.problem(steps, expected=expected, got="more")])
        else:
            self._decode(relative, data, shown_name)

    def _decode(self, relative: str, data: bytes, shown_name: str) -> None:
        try:
            self._contents[relative] = data.decode("utf-8-sig")
            self._unread.remove(relative)
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            got = f"the byte 0x{data[error.start]:02x}"
            self._findings.add(Problem(file=shown_name, line=line, expected="text in UTF-8", got=got))

    def _problem(self, steps: Steps, **fields: Any) -> None:
        self._findings.add(self._document.problem(steps, **fields))
