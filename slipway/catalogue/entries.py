"""The applications of this installation, looked up by the names in an event."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from ..domain.application import Application, SourceKind
from ..domain.environment import Environment
from ..domain.errors import NotFound
from ..domain.events import Event, ImagePushed, PipelineCompleted, StepFinished
from ..domain.model import canonical, sha256
from ..domain.snapshot import Policy
from ..domain.versions import Subject, SubjectKind, VersionsInForce
from ..manifests.problems import did_you_mean
from .definition import Definition
from .tags import check_tag, is_lower
from .windows import Calendar, calendar_of

_SHOWN: Final = 80


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One application, with the hash of its definition."""

    definition: Definition
    fingerprint: str
    calendars: Mapping[str, Calendar]
    """The calendar of each environment with time windows."""
    versions: VersionsInForce | None
    """The versions that it was made from; None if no ledger keeps any, as in some tests."""
    problems: tuple[str, ...]
    """Problems that it has had since it was applied. It opens nothing until they are mended."""

    def policy(self, now: datetime) -> Policy:
        """The application's policy at one time."""
        return Policy(
            application=self.application,
            definition=self.fingerprint,
            problems=self.problems,
            now=now,
            windows={name: calendar.status_at(now) for name, calendar in self.calendars.items()},
            check_tag=partial(check_tag, self.application.versions),
            is_lower=partial(is_lower, self.application.versions),
        )

    @property
    def application(self) -> Application:
        return self.definition.application


def entry_of(definition: Definition, *, versions: VersionsInForce | None, problems: tuple[str, ...]) -> Entry:
    environments, files = definition.application.environments, definition.files
    return Entry(
        definition=definition,
        fingerprint=definition_hash(definition),
        calendars={e.name: calendar_of(files, e.windows) for e in environments if e.windows.exists},
        versions=versions,
        problems=problems,
    )


def definition_hash(definition: Definition) -> str:
    """Hash of everything that plans are made from. When it changes, plans are made again."""
    content = {
        "application": definition.application.model_dump(mode="json"),
        "files": {path: sha256(text.encode()) for path, text in definition.files.contents.items()},
    }
    return sha256(canonical(content))


@dataclass(frozen=True, kw_only=True)
class Broken:
    """An application or project whose version in force cannot be read."""

    name: str
    problems: tuple[str, ...]
    unread: bool = False
    """Whether the problem is an unreadable row, which is mended without applying a version."""


class Catalogue:
    """All applications."""

    def __init__(self, definitions: Mapping[str, Definition]) -> None:
        self._entries: Mapping[str, Entry] = {
            name: entry_of(definition, versions=None, problems=()) for name, definition in definitions.items()
        }

    @property
    def entries(self) -> Mapping[str, Entry]:
        """By name."""
        return self._entries

    @property
    def broken(self) -> tuple[Broken, ...]:
        """Applications that cannot be read at all: no release of theirs goes on."""
        return ()

    def look_again(self) -> None:
        """Have the next question read the entries that are then in force."""

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def get(self, application: str) -> Entry | None:
        """The application of this name; None if there is none."""
        return self.entries.get(application)

    def of_step(self, application: str) -> Entry | None:
        """Like `get`, but may be ten seconds old: a step and its report compare the version with the one stored beside
        the release."""
        return self.get(application)

    def entry(self, application: str) -> Entry:
        """The application of this name, which a person gave. Raises `NotFound`, with the name that was probably
        meant."""
        entry = self.get(application)
        if entry is None:
            raise NotFound(not_found_message("application", application, self.entries))
        return entry

    def names(self, kind: SubjectKind) -> Iterable[str]:
        """The names in force, as far as they are known here."""
        return self.entries if kind is SubjectKind.APPLICATION else ()

    def not_found_message(self, subject: Subject) -> str:
        """The message that nothing has this name, with the name that was probably meant."""
        return not_found_message(subject.kind, subject.name, self.names(subject.kind))

    def environment(self, application: str, name: str) -> Environment | None:
        """An environment of an application in force."""
        entry = self.get(application)
        return entry.application.environment(name) if entry else None

    def concerned(self, event: Event) -> tuple[Entry, ...]:
        """The applications that an event concerns; empty if none matches."""
        match event:
            case ImagePushed():
                return tuple(e for e in self if _delivers(e.application, event))
            case PipelineCompleted():
                return tuple(e for e in self if _is_built_by(e.application, event))
            case StepFinished():
                return _as_tuple(self.of_step(event.step.application))
            case _:
                return _as_tuple(self.get(event.application))

    def comes_with_a_bundle(self, event: ImagePushed) -> bool:
        """Whether a bundle may bring the pushed image along: some bundle is delivered from the same registry."""
        applications = (entry.application for entry in self.entries.values())
        return any(a.source is SourceKind.BUNDLE and a.pushed.registry == event.registry for a in applications)


def not_found_message(what: str, name: str, known: Iterable[str]) -> str:
    """The message that nothing has this name, with the name that was probably meant."""
    parts = (f"there is no {what} {name[:_SHOWN]!r}", did_you_mean(name[:_SHOWN], known))
    return "; ".join(part for part in parts if part)


def _as_tuple(entry: Entry | None) -> tuple[Entry, ...]:
    return (entry,) if entry else ()


def _delivers(application: Application, event: ImagePushed) -> bool:
    pushed = application.pushed
    return (pushed.registry, pushed.repository) == (event.registry, event.repository)


def _is_built_by(application: Application, event: PipelineCompleted) -> bool:
    if event.repository is not None and event.repository != application.pushed.repository:
        return False
    return application.pipeline is not None and application.pipeline.owns(event.run)
