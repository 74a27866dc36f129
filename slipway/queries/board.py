"""The board: every application in every environment, with one storage request per application.

The data comes from the rows next to an application's head. A shown release that is not among the newest needs a request
of its own, which is rare. The reason why a release waits is `explain`'s answer, shortened.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..catalogue.entries import Entry
from ..domain.blocks import Freeze
from ..domain.environment import Environment
from ..domain.explain import explain, rules_in_the_way
from ..domain.release import Lane, Release
from ..domain.reports import NotShown
from ..domain.rules import RuleResult
from ..domain.snapshot import Lookups, Snapshot
from ..ledger.installation import OpenParked
from ..ledger.proposals import Proposals
from ..ledger.table import gathered
from .open_changes import ShownChange, open_changes
from .reading import Reader

NEWEST = 8
"""Releases read with each application on the whole board."""
NEWEST_OF_ONE = 25
"""Releases read for the board of a single application."""


@dataclass(frozen=True, kw_only=True)
class Moving:
    """A release that has not ended, and what it waits for."""

    release: Release
    rules: tuple[RuleResult, ...]
    """The rules that it waits for, as `explain` names them."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One application in one environment."""

    environment: Environment
    lane: Lane
    moving: tuple[Moving, ...]
    """The release that rolls out, and those next in the lane."""
    failed: Release | None
    """The last release that failed here, unless one has gone live since."""


@dataclass(frozen=True, kw_only=True)
class ApplicationRow:
    """One application."""

    application: str
    cells: tuple[Cell, ...]
    arriving: tuple[Moving, ...]
    """Releases that have not reached the first environment yet, newest first."""
    everything: Freeze | None = None
    """This application's copy of the freeze of everything; it may have ended."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """The whole installation at one moment."""

    rows: tuple[ApplicationRow, ...]
    newest: tuple[Release, ...]
    parked: tuple[OpenParked, ...]
    changes: tuple[ShownChange, ...] = ()
    """Changes of the catalogue that people vote on."""
    not_shown: tuple[NotShown, ...] = ()


def board(reader: Reader, proposals: Proposals, application: str | None = None) -> Board:
    """The board of all applications, or of the named one: one request per application, one for parked input, and one
    for the changes that people vote on.

    Raises `NotFound`, `LedgerUnavailable`.
    """
    count = NEWEST if application is None else NEWEST_OF_ONE

    def snapshot(entry: Entry) -> Snapshot:
        return reader.snapshot(entry, Lookups(newest=count))

    each_snapshot = (
        reader.read_each_application(snapshot)
        if application is None
        else [snapshot(reader.catalogue.entry(application))]
    )
    snapshots, changes = gathered(each_snapshot), open_changes(proposals)
    newest = [
        each.releases[number] for each in snapshots.read for number in sorted(each.releases, reverse=True)[:count]
    ]
    newest.sort(key=lambda release: release.created_at, reverse=True)
    return Board(
        rows=tuple(map(row, snapshots.read)),
        newest=tuple(newest[:count]),
        parked=proposals.installation.open_parked(),
        changes=tuple(each for each in changes.read if application is None or application in each.applications),
        not_shown=(*snapshots.not_shown, *changes.not_shown),
    )


def row(snapshot: Snapshot) -> ApplicationRow:
    """One application's row, from its snapshot."""

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
    return ApplicationRow(
        application=snapshot.application.application,
        cells=tuple(cell(environment) for environment in snapshot.application.environments),
        arriving=tuple(moving(arriving)),
        everything=snapshot.head.freeze,
    )


def _arrives(release: Release | None) -> bool:
    return release is not None and release.environment is None


def _moving(snapshot: Snapshot, release: Release) -> Moving:
    where = release.environment or snapshot.application.environments[0].name
    return Moving(release=release, rules=rules_in_the_way(explain(snapshot, release), where))
