"""Freezes and holds in force, for pages and the API."""

from dataclasses import dataclass
from datetime import datetime

from ..clock import Clock
from ..domain.blocks import Freeze, Hold
from ..domain.model import release_id
from ..domain.release import Lane
from ..domain.reports import FreezeShown
from ..ledger.freezes import freeze_of_everything, in_force
from .reading import Reader


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """Lists freezes and holds."""

    reader: Reader
    clock: Clock

    def everything(self) -> Freeze | None:
        """The freeze of everything that is in force; None if there is none. Raises `LedgerUnavailable`."""
        return in_force(freeze_of_everything(self.reader.ledger.table), self.clock())

    def freezes(self) -> tuple[FreezeShown, ...]:
        """The freezes and holds in force, widest first. Raises `LedgerUnavailable`."""
        now, freezes = self.clock(), list[FreezeShown]()
        if everything := self.everything():
            freezes.append(_frozen("", "", everything))
        for name in self.reader.catalogue.entries:
            for lane in self.reader.ledger.lanes(name).values():
                freezes += lane_freezes(name, lane, now)
        return tuple(freezes)


def lane_freezes(application: str, lane: Lane, now: datetime) -> list[FreezeShown]:
    freezes = []
    if lane.freeze is not None and lane.freeze.in_force(now):
        freezes.append(_frozen(application, lane.environment, lane.freeze))
    if lane.hold is not None:
        freezes.append(_held(application, lane.environment, lane.hold))
    return freezes


def _frozen(application: str, environment: str, freeze: Freeze) -> FreezeShown:
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


def _held(application: str, environment: str, hold: Hold) -> FreezeShown:
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
