"""What the board shows: every application in every environment, in as few requests as there are applications.

Everything comes from the rows that lie beside an application's head; a release that is shown and is not among the
newest is read by itself, which is rare. Why something waits is `explain`'s answer, shortened.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..config import check_tag
from ..domain.application import Environment
from ..domain.blocks import Freeze
from ..domain.explain import explain, in_the_way
from ..domain.release import Lane, Release
from ..domain.rules import RuleResult
from ..ledger import Standing
from ..ledger.installation import Installation, OpenParked
from .catalogue import Entry
from .reading import NotFound, Reader

NEWEST = 8
"""Releases read with each application."""
NEWEST_OF_ONE = 25
"""And where one application is looked at."""


@dataclass(frozen=True, kw_only=True)
class Moving:
    """A release that has not ended, and what stands in its way."""

    release: Release
    headline: str
    next: str
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
        standing = reader.ledger.standing(entry.application.application, newest=count)
        rows.append(_row(reader, entry, standing))
        newest += standing.releases
    newest.sort(key=lambda release: release.created_at, reverse=True)
    return Board(rows=tuple(rows), newest=tuple(newest[:count]), parked=installation.open_parked())


def _entries(reader: Reader, application: str | None) -> Iterable[Entry]:
    if application is None:
        return reader.catalogue
    entry = reader.catalogue.get(application)
    if entry is None:
        raise NotFound(f"there is no application {application[:80]!r}")
    return (entry,)


def _row(reader: Reader, entry: Entry, standing: Standing) -> Row:
    name, lanes = entry.application.application, standing.lanes
    known = {release.number: release for release in standing.releases}
    for number in _named(lanes.values()):
        if number not in known and (found := reader.ledger.release(name, number)) is not None:
            known[number] = found

    def moving(numbers: Iterable[int | None]) -> Iterator[Moving]:
        for number in numbers:
            release = known.get(number or 0)
            if release is not None and not release.phase.final:
                yield _moving(reader, entry, standing, known, release)

    def cell(environment: Environment) -> Cell:
        lane = lanes.get(environment.name) or Lane(environment=environment.name)
        failed = known.get(lane.failed or 0)
        return Cell(
            environment=environment, lane=lane, moving=tuple(moving((lane.rolling, lane.waiting))), failed=failed
        )

    arriving = (number for number in reversed(standing.head.active) if _arrives(known.get(number)))
    return Row(
        application=name,
        cells=tuple(cell(environment) for environment in entry.application.environments),
        arriving=tuple(moving(arriving)),
        everything=standing.head.freeze,
    )


def _named(lanes: Iterable[Lane]) -> set[int]:
    """What is shown with its state. What is live is told by its lane alone."""
    return {number for lane in lanes for number in (lane.rolling, lane.waiting, lane.failed) if number is not None}


def _arrives(release: Release | None) -> bool:
    return release is not None and release.environment is None


def _moving(reader: Reader, entry: Entry, standing: Standing, known: dict[int, Release], release: Release) -> Moving:
    explanation = explain(
        entry.application,
        release,
        standing.lanes,
        known,
        delivery=entry.fingerprint,
        now=reader.clock(),
        everything=standing.head.freeze,
        tag_rule=check_tag(entry.application.image.tags, release.tag),
    )
    where = release.environment or entry.application.environments[0].name
    return Moving(
        release=release,
        headline=explanation.headline,
        next=explanation.next,
        rules=in_the_way(explanation, where),
    )
