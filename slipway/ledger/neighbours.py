"""Rows that lie side by side in a partition and are read in one request."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..domain.promotion import StepState
from ..domain.release import Head, Lane, Release
from ..domain.versions import Version
from . import keys
from .freezes import FreezeState, freeze_in
from .rows import read_or, read_row
from .table import Act, Row, Write


@dataclass
class ApplicationRows:
    """Neighbouring rows of an application's partition: its head, its version in force, its lanes, and the notes of
    steps under way."""

    head: Head | None = None
    version: str | None = None
    lanes: dict[str, Lane] = field(default_factory=dict)
    waits: dict[str, str] = field(default_factory=dict)
    """The reason why each step waits."""

    def take(self, row: Row) -> None:
        """Read a row; rows of other kinds that lie between are skipped."""
        if row.key == keys.HEAD:
            self.head = read_row(Head, row)
        elif row.key == keys.IN_FORCE:
            self.version = read_row(Version, row).document
        elif row.key.startswith(keys.LANE):
            lane = read_row(Lane, row)
            self.lanes[lane.environment] = lane
        elif row.key.startswith(keys.PROGRESS):
            state = read_or(StepState(step=""), row)  # no decision depends on it
            if state.waits:
                self.waits[state.step] = state.waits


def check_row(row: Row) -> None:
    """Raises `UnreadableRow` for a row of an application, or of the installation, on which decisions depend."""
    if row.key.startswith(keys.RELEASE):
        read_row(Release, row)
    elif (row.partition, row.key) == (keys.INSTALLATION, keys.FREEZE):
        read_row(FreezeState, row)
    else:
        ApplicationRows().take(row)


@dataclass(frozen=True, kw_only=True)
class Nearby:
    """A release and the neighbouring rows of its application, as they were at one moment, with their ETags."""

    rows: ApplicationRows
    release: Release | None
    etags: Mapping[str, str]

    @property
    def sequence(self) -> int:
        """The sequence of the chain's last record."""
        return self.rows.head.sequence if self.rows.head else 0

    def outbox_deletion(self, id: str) -> tuple[Write, ...]:
        """The deletion of the outbox row of the message with this id, if the row is still there."""
        rows = ((key, etag) for key, etag in self.etags.items() if keys.is_outbox_key_of(key, id))
        return tuple(Write(act=Act.DELETE, key=key, etag=etag) for key, etag in rows)


@dataclass(frozen=True, kw_only=True)
class InstallationRows:
    """The head of the installation's chain, and the freeze of everything."""

    head_row: Row | None = None
    freeze: FreezeState | None = None

    @property
    def head(self) -> Head:
        """The head. Raises `UnreadableRow` only here, since most callers only need the freeze."""
        return read_row(Head, self.head_row) if self.head_row else Head(application=keys.INSTALLATION)

    def with_row(self, row: Row) -> "InstallationRows":
        """A copy with the content of this row; unchanged for rows of another kind, which lie between the two."""
        match row.key:
            case keys.HEAD:
                return replace(self, head_row=row)
            case keys.FREEZE:
                return replace(self, freeze=freeze_in(row))
            case _:
                return self
