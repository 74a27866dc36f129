"""The applications of this installation, looked up by the names in an event."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ..domain.application import Application
from ..domain.events import Event, ImagePushed, PipelineCompleted, StepFinished
from ..domain.snapshot import Policy
from . import Deliveries, Delivery, check_tag
from .fingerprint import fingerprint
from .windows import Calendar, calendar_of


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One application, with the hash of the folder it was read from."""

    delivery: Delivery
    fingerprint: str
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    """The calendar of each environment with time windows."""

    def policy(self, now: datetime) -> Policy:
        """The application's policy at one time, according to the folder."""
        return Policy(
            application=self.application,
            delivery=self.fingerprint,
            now=now,
            windows={name: calendar.at(now) for name, calendar in self.calendars.items()},
            check_tag=partial(check_tag, self.application.image.tags),
        )

    @property
    def application(self) -> Application:
        return self.delivery.application


class Catalogue:
    """All applications, read once at start-up."""

    def __init__(self, deliveries: Deliveries, *, hash_of: Callable[[Delivery], str] = fingerprint) -> None:
        self.entries: Mapping[str, Entry] = {
            name: Entry(delivery=delivery, fingerprint=hash_of(delivery), calendars=_calendars(delivery))
            for name, delivery in deliveries.items()
        }

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def get(self, application: str) -> Entry | None:
        return self.entries.get(application)

    def concerned(self, event: Event) -> tuple[Entry, ...]:
        """The applications that an event concerns; empty if none matches."""
        match event:
            case ImagePushed():
                return tuple(e for e in self.entries.values() if _delivers(e.application, event))
            case PipelineCompleted():
                return tuple(e for e in self.entries.values() if _built_by(e.application, event))
            case StepFinished():
                return self._named(event.step.application)
            case _:
                return self._named(event.application)

    def _named(self, application: str) -> tuple[Entry, ...]:
        entry = self.entries.get(application)
        return (entry,) if entry else ()


def _calendars(delivery: Delivery) -> dict[str, Calendar]:
    environments = delivery.application.environments
    return {e.name: calendar_of(delivery, e.windows) for e in environments if e.windows.given}


def _delivers(application: Application, event: ImagePushed) -> bool:
    return (application.image.registry, application.image.repository) == (event.registry, event.repository)


def _built_by(application: Application, event: PipelineCompleted) -> bool:
    pipeline, run = application.pipeline, event.run
    if event.repository is not None and event.repository != application.image.repository:
        return False
    if pipeline is None or pipeline.name.casefold() != run.pipeline.casefold():
        return False
    return run.project.casefold() in {name.casefold() for name in (pipeline.project, pipeline.project_id) if name}
