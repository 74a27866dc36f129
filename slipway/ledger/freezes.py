"""The freeze of everything: one row in the installation's partition, which stays after it has ended."""

import json
from datetime import datetime

from pydantic import Field

from ..domain.attribution import NAME_LIMIT, SYSTEM
from ..domain.blocks import REASON_LIMIT, Freeze
from ..domain.errors import present
from ..domain.model import Record, Timestamp, sha256
from . import keys
from .rows import read_row
from .table import Row, Table, UnreadableRow


class FreezeState(Record):
    """The last freeze of everything, and whether somebody ended it."""

    freeze: Freeze
    ended_by: str = Field(default="", max_length=NAME_LIMIT)
    ended_name: str = Field(default="", max_length=NAME_LIMIT)
    """Their name as their sign-in said it, for display."""
    ended_at: Timestamp | None = None
    ended_because: str = Field(default="", max_length=REASON_LIMIT)
    submission: str = Field(default="", max_length=128)
    """Id of the submission that last set or ended it."""


def not_ended(state: FreezeState | None) -> Freeze | None:
    """The freeze, unless there never was one or somebody ended it; its own end may have passed."""
    return None if state is None or state.ended_by else state.freeze


def in_force(state: FreezeState | None, now: datetime) -> Freeze | None:
    freeze = not_ended(state)
    return freeze if freeze is not None and freeze.in_force(now) else None


def freeze_of_everything(table: Table) -> FreezeState | None:
    """The last freeze of everything, ended or not; None if there never was one."""
    return with_etag(table)[0]


def with_etag(table: Table) -> tuple[FreezeState | None, str]:
    row = table.get(keys.INSTALLATION, keys.FREEZE)
    return (freeze_in(row), row.etag) if row else (None, "")


def freeze_in(row: Row) -> FreezeState:
    """The state in the row. An unreadable row may be a freeze, so it counts as one, which a person has to end."""
    try:
        return read_row(FreezeState, row)
    except UnreadableRow as unreadable:
        id = sha256(json.dumps(dict(row.values), sort_keys=True, default=str).encode())[7:27]
        at = present(row.written_at, "the time at which the row was written")
        return FreezeState(freeze=Freeze(id=id, owner=SYSTEM, reason=str(unreadable)[:REASON_LIMIT], at=at))
