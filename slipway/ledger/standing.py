"""Rows that lie side by side in a partition and are read in one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..domain.release import Head, Lane, Release
from ..domain.versions import Version
from . import keys
from .freezes import FreezeState
from .rows import unpack
from .table import Act, Row, Write
from .under_way import of_row


@dataclass
class Standing:
    """Neighbouring rows of an application's partition: its head, its version in force, its lanes, and the notes of
    steps under way."""

    head: Head | None = None
    version: str | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)
    """By step."""

    def take(self, row: Row) -> None:
        """Reads a row; rows of another kind that lie between are passed over."""
        if row.key == keys.HEAD:
            self.head = unpack(Head, row.values)
        elif row.key == keys.IN_FORCE:
            self.version = unpack(Version, row.values).document
        elif row.key.startswith(keys.LANE):
            lane = unpack(Lane, row.values)
            self.lanes[lane.environment] = lane
        elif row.key.startswith(keys.PROGRESS):
            state = of_row(row)
            if state.waits:
                self.waits[state.step] = state.waits


@dataclass(frozen=True, kw_only=True)
class Nearby:
    """A release and what stands in its application's partition, as they were at one moment, with their ETags."""

    standing: Standing
    release: Release | None
    etags: Mapping[str, str]

    @property
    def sequence(self) -> int:
        """The sequence of the chain's last record."""
        return self.standing.head.sequence if self.standing.head else 0

    def asked_by(self, id: str) -> tuple[Write, ...]:
        """The deletion of the outbox's row for the message with this id, if it is still there."""
        rows = ((key, etag) for key, etag in self.etags.items() if keys.asked_by(key, id))
        return tuple(Write(act=Act.DELETE, key=key, etag=etag) for key, etag in rows)


@dataclass(frozen=True, kw_only=True)
class InstallationStanding:
    """The head of the installation's chain, and the freeze of everything."""

    head: Head
    freeze: FreezeState | None = None

    def with_row(self, row: Row) -> "InstallationStanding":
        """A copy with the content of this row; unchanged for rows of another kind, which lie between the two."""
        match row.key:
            case keys.HEAD:
                return replace(self, head=unpack(Head, row.values))
            case keys.FREEZE:
                return replace(self, freeze=unpack(FreezeState, row.values))
            case _:
                return self
