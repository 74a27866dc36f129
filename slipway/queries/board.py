"""What the board shows: every application in every environment, in as few requests as there are applications.

Everything comes from the rows that lie beside an application's head; a release that is shown and is not among the
newest is read by itself, which is rare. Why something waits is `explain`'s answer, shortened.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..catalogue.entries import Entry
from ..domain.application import Environment
from ..domain.blocks import Freeze
from ..domain.errors import NotFound
from ..domain.explain import explain, in_the_way
from ..domain.release import Lane, Release
from ..domain.rules import RuleResult
from ..domain.snapshot import Lookups, Snapshot
from ..ledger.installation import Installation, OpenParked
from .reading import Reader

NEWEST = 8
"""Releases read with each application."""
NEWEST_OF_ONE = 25
"""And where one application is looked at."""


@dataclass(frozen=True, kw_only=True)
class Moving:
    """A release that has not ended, and what stands in its way."""

    release: Release
    rules: tuple[RuleResult, ...]
    """Those that it waits for, as `explain` names them."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One application in one environment."""

    environment: Environment
    lane: Lane
    moving: tuple[Moving, ...]
    """What rolls out, and what comes next."""
    failed: Release | None
    """What failed here last, where nothing went live here since."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One application."""

    application: str
    cells: tuple[Cell, ...]
    arriving: tuple[Moving, ...]
    """Releases that have not come to the first environment yet, newest first."""
    everything: Freeze | None = None
    """The freeze of everything, as far as this application knows of it; it may be over."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """The whole installation at one moment."""

    rows: tuple[Row, ...]
    newest: tuple[Release, ...]
    parked: tuple[OpenParked, ...]


def board(reader: Reader, installation: Installation, application: str | None = None) -> Board:
    """One request for each application (or for the one that is named), and one for parked input.

    Raises `NotFound`, `LedgerUnavailable`.
    """
    rows, newest, count = list[Row](), list[Release](), NEWEST if application is None else NEWEST_OF_ONE
    for entry in _entries(reader, application):
        snapshot = reader.snapshot(entry, Lookups(newest=count))
        rows.append(row(snapshot))
        newest += [snapshot.releases[number] for number in sorted(snapshot.releases, reverse=True)[:count]]
    newest.sort(key=lambda release: release.created_at, reverse=True)
    return Board(rows=tuple(rows), newest=tuple(newest[:count]), parked=installation.open_parked())


def _entries(reader: Reader, application: str | None) -> Iterable[Entry]:
    if application is None:
        return reader.catalogue
    entry = reader.catalogue.get(application)
    if entry is None:
        raise NotFound(f"there is no application {application[:80]!r}")
    return (entry,)


def row(snapshot: Snapshot) -> Row:
    """One application, from what may be known of it."""

    def moving(numbers: Iterable[int]) -> Iterator[Moving]:
        for number in numbers:
            release = snapshot.release(number)
            if release is not None and not release.phase.final:
                yield _moving(snapshot, release)

    def cell(environment: Environment) -> Cell:
        lane = snapshot.lane(environment.name)
        return Cell(
            environment=environment,
            lane=lane,
            moving=tuple(moving(lane.numbers)),
            failed=snapshot.release(lane.failed),
        )

    arriving = (number for number in reversed(snapshot.head.active) if _arrives(snapshot.release(number)))
    return Row(
        application=snapshot.application.application,
        cells=tuple(cell(environment) for environment in snapshot.application.environments),
        arriving=tuple(moving(arriving)),
        everything=snapshot.head.freeze,
    )


def _arrives(release: Release | None) -> bool:
    return release is not None and release.environment is None


def _moving(snapshot: Snapshot, release: Release) -> Moving:
    where = release.environment or snapshot.application.environments[0].name
    return Moving(release=release, rules=in_the_way(explain(snapshot, release), where))
