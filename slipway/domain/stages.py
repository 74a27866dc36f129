"""Stages: what a release was doing between two records of its trail, and whether it worked or waited.

The timeline of a release and the numbers of an installation are both made of these.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from .audit import AuditRecord


class Stage(StrEnum):
    """What takes a release's time."""

    JOIN = "join"
    """Waits for the other of the two facts that it starts from."""
    RESOLVE = "resolve"
    """Its tag is looked up in the registry."""
    QUEUE = "queue"
    """Waits for another rollout to end."""
    PLAN = "plan"
    """What a rollout would do is worked out."""
    SOAK = "soak"
    """Waits until it has been live in an earlier environment for long enough."""
    APPROVAL = "approval"
    """Waits for people."""
    HELD_BACK = "held-back"
    """Waits for a freeze, a hold or a closed window to end."""
    PROMOTE = "promote"
    """The artifact is copied into the environment's registry."""
    DEPLOY = "deploy"
    """The manifests are applied."""
    CHECK = "check"
    """The cluster brings the new version up."""
    VERIFY = "verify"
    """The acceptance tests run."""
    ROLL_BACK = "roll-back"
    """What was live before is brought back."""

    @property
    def waits(self) -> bool:
        """Whether nothing is done in it: a person, time or another release is waited for."""
        return self in _WAITING


_WAITING: Final = frozenset({Stage.JOIN, Stage.QUEUE, Stage.SOAK, Stage.APPROVAL, Stage.HELD_BACK})

ENDS: Final = frozenset(
    f"release.{end}" for end in ("completed", "failed", "rolled-back", "rejected", "expired", "superseded", "cancelled")
)
"""Actions by which a release ends."""

BEGINS: Final[dict[str, Stage | None]] = {
    "release.created": Stage.JOIN,
    "resolve.requested": Stage.RESOLVE,
    "resolve.done": None,
    "resolve.failed": None,
    "release.started": None,
    "release.queued": Stage.QUEUE,
    "plan.requested": Stage.PLAN,
    "plan.made": None,
    "plan.failed": None,
    "gate.soaking": Stage.SOAK,
    "gate.opened": Stage.APPROVAL,
    "gate.passed": None,
    "gate.refused": None,
    "release.blocked": Stage.HELD_BACK,
    "promotion.requested": Stage.PROMOTE,
    "promotion.done": None,
    "promotion.failed": None,
    "rollout.requested": Stage.DEPLOY,
    "rollout.applied": Stage.CHECK,
    "rollout.done": None,
    "rollout.failed": None,
    "verification.requested": Stage.VERIFY,
    "verification.done": None,
    "verification.failed": None,
    "step.lost": None,
    "release.live": None,
    "rollback.requested": Stage.ROLL_BACK,
    "rollback.done": None,
    "rollback.failed": None,
    **dict.fromkeys(ENDS, None),
}
"""What begins with each action, after what was has ended; actions that are not here change nothing."""


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
    """The stages of one release, from its records in order."""
    stage, where, began = None, "", None
    for record in records:
        if record.action not in BEGINS:
            continue
        if stage is not None and began is not None:
            yield Span(stage=stage, environment=where, began=began, ended=record.time)
        stage, where, began = BEGINS[record.action], record.environment or "", record.time
    if stage is not None and began is not None:
        yield Span(stage=stage, environment=where, began=began, ended=None)
