"""The timeline of a release: its stages one after the other, read from the records of its trail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from .actions import NoStage
from .audit import AuditRecord
from .stages import Stage


@dataclass(frozen=True, kw_only=True)
class Span:
    """One stage of one release, in one environment."""

    stage: Stage
    environment: str
    """Empty before the first environment."""
    began: datetime
    ended: datetime | None
    """None while it lasts."""

    def length(self, now: datetime) -> timedelta:
        return max((self.ended or now) - self.began, timedelta())


def spans(records: Iterable[AuditRecord]) -> Iterator[Span]:
    """The stages of one release, from its records in order. An action that is not known moves nothing."""
    stage: Stage | None = None
    where, began = "", None
    for record in records:
        if record.known_action is None:
            continue
        match record.known_action.stage:
            case NoStage.GOES_ON:
                continue
            case NoStage.ENDS:
                following = None
            case Stage() as begun:
                following = begun
            case unreachable:
                assert_never(unreachable)
        if stage is not None and began is not None:
            yield Span(stage=stage, environment=where, began=began, ended=record.time)
        stage, where, began = following, record.environment or "", record.time
    if stage is not None and began is not None:
        yield Span(stage=stage, environment=where, began=began, ended=None)
