"""Freezes and holds in force, for pages and the API."""

from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from ..catalogue.entries import Entry
from ..clock import Clock
from ..domain.blocks import Freeze, Hold
from ..domain.model import release_id
from ..domain.release import Lane
from ..domain.reports import FreezeShown
from ..ledger.freezes import freeze_of_everything, in_force
from ..ledger.table import ReadOfEach, gathered
from .reading import Reader


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Lists freezes and holds."""

    reader: Reader
    clock: Clock

    def everything(self) -> Freeze | None:
        """The freeze of everything that is in force; None if there is none. Raises `LedgerUnavailable`."""
        return in_force(freeze_of_everything(self.reader.ledger.table), self.clock())

    def of_everything(self) -> tuple[FreezeShown, ...]:
        """The freeze of everything that is in force, if there is one. Raises `LedgerUnavailable`."""
        everything = self.everything()
        return (_frozen(everything),) if everything else ()

    def freezes(self) -> ReadOfEach[FreezeShown]:
        """The freezes and holds in force, widest first. Raises `LedgerUnavailable`."""
        now = self.clock()

        def of_lanes(entry: Entry) -> list[FreezeShown]:
            name = entry.application.application
            return [each for lane in self.reader.ledger.lanes(name).values() for each in lane_freezes(name, lane, now)]

        each = gathered(self.reader.read_each_application(of_lanes))
        return ReadOfEach(read=(*self.of_everything(), *chain.from_iterable(each.read)), not_shown=each.not_shown)


def lane_freezes(application: str, lane: Lane, now: datetime) -> list[FreezeShown]:
    freezes = []
    if lane.freeze is not None and lane.freeze.in_force(now):
        freezes.append(_frozen(lane.freeze, application, lane.environment))
    if lane.hold is not None:
        freezes.append(_shown_hold(application, lane.environment, lane.hold))
    return freezes


def _frozen(freeze: Freeze, application: str | None = None, environment: str | None = None) -> FreezeShown:
    return FreezeShown(
        kind="freeze",
        application=application,
        environment=environment,
        owner=freeze.owner,
        name=freeze.name,
        reason=freeze.reason,
        at=freeze.at,
        until=freeze.until,
    )


def _shown_hold(application: str, environment: str, hold: Hold) -> FreezeShown:
    return FreezeShown(
        kind="hold",
        application=application,
        environment=environment,
        owner=hold.owner,
        name=hold.name,
        reason=hold.reason,
        at=hold.at,
        release=release_id(application, hold.to),
    )
