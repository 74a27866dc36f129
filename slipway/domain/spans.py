"""The timeline of a release: its stages one after the other, read from the records of its trail."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from .audit import AuditRecord
from .stages import Stage


@dataclass(frozen=True, kw_only=True)
class StageSpan:
    """One stage of one release, in one environment."""

    stage: Stage
    environment: str
    """Empty before the first environment."""
    began: datetime
    ended: datetime | None
    """None while it lasts."""

    def length(self, now: datetime) -> timedelta:
        return max((self.ended or now) - self.began, timedelta())


def spans(records: Iterable[AuditRecord]) -> Iterator[StageSpan]:
    """The stages of one release, from its records in order. An unknown action changes nothing."""
    stage: Stage | None = None
    where, began = "", None
    for record in records:
        action = record.known_action
        if action is None or not action.ends_stage:
            continue
        if stage is not None and began is not None:
            yield StageSpan(stage=stage, environment=where, began=began, ended=record.time)
        stage, where, began = action.begins, record.environment or "", record.time
    if stage is not None and began is not None:
        yield StageSpan(stage=stage, environment=where, began=began, ended=None)
