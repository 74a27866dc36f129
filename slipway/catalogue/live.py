"""The catalogue of a running installation: read from the ledger when it has changed, document by document.

Readers get the entries in force, at most `MAX_AGE` old, for the price of one small row. Only new documents are read and
checked. A decision does not rely on that age: it compares the version with the one that it read together with the
application's head (`engine/handle.py`), and an entry that seems to be missing is looked for again.
"""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from ..clock import Clock
from ..domain.application import WrittenApplication
from ..domain.environment import Environment
from ..domain.errors import CannotBeRead
from ..domain.events import Event
from ..domain.governing import breaches, governed
from ..domain.project import Project
from ..domain.versions import CatalogueEntry, Subject, SubjectKind, Version, VersionsInForce
from ..manifests.problems import ConfigError, Problem
from .checking import SettingsNames, permissive_project, unknown_names
from .definition import Definition
from .entries import Broken, Catalogue, Entry, entry_of
from .stored import StoredDocument, read_stored
from .validation import validate

log = logging.getLogger(__name__)

MAX_AGE: Final = timedelta(seconds=1)
MENDED_WITHOUT_NOTICE: Final = "?"
"""Equals no catalogue's marker. Mending an unreadable row changes no marker, so the row is read again."""
STEP_AGE: Final = timedelta(seconds=10)
"""For a step. The application's version is compared with the one in force before any decision, and in class production
the project's as well; elsewhere a step may use a project version of this age."""


class VersionInForce(Protocol):
    """A version in force, as the ledger reads it."""

    @property
    def version(self) -> Version | None: ...


class VersionStore(Protocol):
    """The ledger as the catalogue reads it."""

    def marker(self) -> str: ...

    def listed(self) -> tuple[CatalogueEntry, ...]: ...

    def current(self, subject: Subject) -> VersionInForce: ...

    def document(self, digest: str) -> bytes | None: ...


@dataclass(frozen=True, kw_only=True)
class InForceProject:
    """A project in force."""

    project: Project
    document: str


@dataclass(frozen=True, kw_only=True)
class _Read:
    """Everything, as it was at one marker."""

    marker: str
    at: datetime
    entries: Mapping[str, Entry]
    projects: Mapping[str, InForceProject]
    broken: tuple[Broken, ...]


class LiveCatalogue(Catalogue):
    """All applications that are in force."""

    def __init__(
        self,
        versions: Callable[[], VersionStore],
        *,
        known: SettingsNames | None,
        clock: Clock,
        max_age: timedelta = MAX_AGE,
    ) -> None:
        """`known` is None for an app that knows no names of registries, clusters and channels, and so judges none."""
        super().__init__({})
        self._versions, self._known, self._clock, self._max_age = versions, known, clock, max_age
        self._lock = threading.Lock()
        self._read: _Read | None = None
        self._cache: dict[tuple[str, str], Entry] = {}
        """Entries by the documents of application and project."""

    @property
    def entries(self) -> Mapping[str, Entry]:
        """By name. Raises `LedgerUnavailable`."""
        return self._current_read().entries

    @property
    def projects(self) -> Mapping[str, InForceProject]:
        """By name. Raises `LedgerUnavailable`."""
        return self._current_read().projects

    def names(self, kind: SubjectKind) -> Iterable[str]:
        return self.projects if kind is SubjectKind.PROJECT else self.entries

    @property
    def broken(self) -> tuple[Broken, ...]:
        return self._current_read().broken

    def look_again(self) -> None:
        with self._lock:
            self._read = None if self._read is None else _made_older(self._read, max(STEP_AGE, self._max_age))

    def get(self, application: str) -> Entry | None:
        return self._fresh_answer(partial(super().get, application))

    def of_step(self, application: str) -> Entry | None:
        return self._current_read(max(STEP_AGE, self._max_age)).entries.get(application) or self.get(application)

    def environment(self, application: str, name: str) -> Environment | None:
        return self._fresh_answer(partial(super().environment, application, name))

    def concerned(self, event: Event) -> tuple[Entry, ...]:
        return self._fresh_answer(partial(super().concerned, event))

    def _fresh_answer[T](self, ask: Callable[[], T]) -> T:
        """The answer. An empty one never comes from what was read before: another instance may have applied an
        application a moment ago, and the answer here is final, since a push is dropped or a step is parked."""
        if entry := ask():
            return entry
        self.look_again()
        return ask()

    def _current_read(self, age: timedelta | None = None) -> _Read:
        with self._lock:
            now = self._clock()
            if self._read is not None and timedelta(0) <= now - self._read.at < (age or self._max_age):
                return self._read
            marker = self._versions().marker()
            if self._read is not None and self._read.marker == marker:
                self._read = _with_time(self._read, now)
            else:
                self._read = self._read_everything(marker, now)
            return self._read

    def _read_everything(self, marker: str, now: datetime) -> _Read:
        listed = [each for each in self._versions().listed() if not each.removed]
        projects, entries = dict[str, InForceProject](), dict[str, Entry]()
        broken = list[Broken]()
        cache = dict[tuple[str, str], Entry]()
        for each in listed:
            if each.subject.kind is SubjectKind.PROJECT:
                self._collect_broken(broken, each, partial(self._project, each, projects))
        for each in listed:
            if each.subject.kind is SubjectKind.APPLICATION:
                self._collect_broken(broken, each, partial(self._application, each, projects, entries, cache))
        self._cache = cache
        if any(each.unread for each in broken):
            marker = MENDED_WITHOUT_NOTICE
        return _Read(marker=marker, at=now, entries=entries, projects=projects, broken=tuple(broken))

    def _collect_broken(self, broken: list[Broken], listed: CatalogueEntry, read: Callable[[], None]) -> None:
        """Collect an application that cannot be read, so that the others go on."""
        try:
            read()
        except (ConfigError, CannotBeRead) as error:
            log.warning("%s is stalled: %s", listed.subject, error)
            problems = error.problems if isinstance(error, ConfigError) else (error,)
            unread = isinstance(error, CannotBeRead)
            broken.append(Broken(name=str(listed.subject), problems=tuple(map(str, problems)), unread=unread))

    def _project(self, listed: CatalogueEntry, projects: dict[str, InForceProject]) -> None:
        if (document := self._document(listed)) is None:
            return
        project = validate(self._stored_document(document).document, Project)
        projects[project.project] = InForceProject(project=project, document=document)

    def _application(
        self,
        listed: CatalogueEntry,
        projects: Mapping[str, InForceProject],
        entries: dict[str, Entry],
        cache: dict[tuple[str, str], Entry],
    ) -> None:
        if (document := self._document(listed)) is None:
            return  # it was announced, but its first version never came
        name = listed.subject.name
        for project in projects.values():
            if (key := (document, project.document)) in self._cache:
                entries[name] = cache[key] = self._cache[key]
                return
        entry = self._entry(document, self._stored_document(document), projects)
        entries[name] = entry
        if entry.versions is not None:
            cache[document, entry.versions.project] = entry

    def _document(self, listed: CatalogueEntry) -> str | None:
        version = None if listed.document else self._versions().current(listed.subject).version
        return version.document if version else listed.document

    def _entry(self, document: str, stored: StoredDocument, projects: Mapping[str, InForceProject]) -> Entry:
        written = validate(stored.document, WrittenApplication)
        project = projects.get(written.project)
        wrong = unknown_names(stored.document, written, self._known) if self._known else ()
        problems = [str(problem) for problem in wrong]
        if project is None:
            problems.append(f"project: expected a project of this installation, got {written.project!r}")
        else:
            problems += [
                str(stored.document.problem(each.field, expected=each.expected, got=each.got))
                for each in breaches(written, project.project)
            ]
        own = project.project if project is not None else None
        within = permissive_project(written, own) if own is None or problems else own
        return entry_of(
            Definition(application=governed(written, within), files=stored.beside),
            versions=VersionsInForce(application=document, project=project.document) if project else None,
            problems=tuple(problems),
        )

    def _stored_document(self, digest: str) -> StoredDocument:
        try:
            content = self._versions().document(digest)
        except ValueError as error:
            raise ConfigError([Problem(file=digest, message=str(error))]) from None
        if content is None:
            raise ConfigError([Problem(file=digest, message="the stored document is gone")])
        return read_stored(content)


def _with_time(read: _Read, now: datetime) -> _Read:
    return _Read(marker=read.marker, at=now, entries=read.entries, projects=read.projects, broken=read.broken)


def _made_older(read: _Read, age: timedelta) -> _Read:
    return _with_time(read, read.at - age)
