"""Numbers from the trail: DORA's four, and how long approvals and steps take, by environment and week.

Pure. `fold` takes a checkpoint and the records that follow it, and returns the new checkpoint with what the records add
to each week. The sums do not depend on how the records are cut into portions, and records behind the checkpoint add
nothing. So a portion may be lost, repeated or interrupted. The definitions are in docs/reference/numbers.md.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, assert_never

from pydantic import BaseModel, ConfigDict, Field

from .actions import Action, Intervention, Measured
from .audit import AuditRecord
from .histogram import Histogram
from .stages import Stage

OPEN_LIMIT: Final = 1000
"""The most releases tracked at once. Beyond that the oldest are dropped, and their times are not counted."""


class _Sum(BaseModel):
    """A mutable model that records are folded into."""

    model_config = ConfigDict(defer_build=True, extra="forbid")


class WeekCounts(_Sum):
    """The events of one environment in one week."""

    deployments: int = 0
    """Releases that went live."""
    failed: int = 0
    """Rollouts that failed before that."""
    withdrawn: int = 0
    """Releases that were live, and that a person rolled back."""
    waived: int = 0
    """Rules about proof that a person waived for one release."""
    lead_time: Histogram = Field(default_factory=Histogram)
    restore: Histogram = Field(default_factory=Histogram)
    approval: Histogram = Field(default_factory=Histogram)
    stages: dict[Stage, Histogram] = Field(default_factory=dict)
    ended: dict[str, int] = Field(default_factory=dict)

    def add(self, other: "WeekCounts") -> None:
        self.deployments += other.deployments
        self.failed += other.failed
        self.withdrawn += other.withdrawn
        self.waived += other.waived
        self.lead_time.add(other.lead_time)
        self.restore.add(other.restore)
        self.approval.add(other.approval)
        for stage, histogram in other.stages.items():
            self.stages.setdefault(stage, Histogram()).add(histogram)
        for end, count in other.ended.items():
            self.ended[end] = self.ended.get(end, 0) + count


class Week(_Sum):
    """One application in one ISO week, by environment; `""` stands for the time before the first environment."""

    week: str
    environments: dict[str, WeekCounts] = Field(default_factory=dict)

    def counts(self, environment: str) -> WeekCounts:
        return self.environments.setdefault(environment, WeekCounts())

    def add(self, other: "Week") -> None:
        for environment, counts in other.environments.items():
            self.counts(environment).add(counts)


class Followed(_Sum):
    """The state of a release that has not ended, as needed to fold its next records."""

    created: datetime | None = None
    """None if its creation was not seen."""
    stage: Stage | None = None
    began: datetime | None = None
    where: str = ""
    asked_at: datetime | None = None
    """When people were first asked here."""
    in_progress: bool = False
    failed: bool = False
    returns: bool = False
    """Whether the release is a manual rollback, which deploys nothing new."""


class Checkpoint(_Sum):
    """The position up to which a trail was folded, and the state that the next records need."""

    sequence: int = 0
    open: dict[int, Followed] = Field(default_factory=dict)
    failing: dict[str, datetime] = Field(default_factory=dict)
    """Environments where a rollout failed and that are not restored yet, each with the time since when."""


def iso_week(moment: datetime) -> str:
    """`2026-W48`: the ISO week of the moment in UTC."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


def week_start(week: str) -> datetime:
    """Monday 00:00 UTC of `2026-W48`. Raises ValueError for a week that does not exist."""
    return datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC)


def weeks_until(last: str, count: int) -> tuple[str, ...]:
    """`count` weeks, oldest first, ending with `last`."""
    start = week_start(last)
    return tuple(iso_week(start - timedelta(weeks=back)) for back in range(count - 1, -1, -1))


def fold(checkpoint: Checkpoint, records: Iterable[AuditRecord]) -> tuple[Checkpoint, dict[str, Week]]:
    """The checkpoint behind the records, and what they add to each week. Records that were folded before are skipped.

    The records belong to one application and are in order. If one is missing, because it cannot be read, the others
    still count.
    """
    folding = _Folding(checkpoint.model_copy(deep=True))
    for record in records:
        if record.sequence > folding.checkpoint.sequence:
            folding.take(record)
            folding.checkpoint.sequence = record.sequence
    return folding.checkpoint, folding.weeks


class _Folding:
    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.weeks: dict[str, Week] = {}

    def take(self, record: AuditRecord) -> None:
        number, action = _number(record), record.known_action
        if number is None or action is None:
            return
        release = self._followed(number, action)
        if release is None:
            return
        counts = self._counts(record)
        self._stage(release, action, record)
        if action.intervention is Intervention.WAIVER:
            counts.waived += 1
        if action.measured is not None:
            self._reach(action.measured, release, counts, record)
        if action.ends is not None:
            counts.ended[action.verb] = counts.ended.get(action.verb, 0) + 1
            del self.checkpoint.open[number]

    def _followed(self, number: int, action: Action) -> Followed | None:
        """The tracked release of the record; None if it has ended and the record only refers to it."""
        release = self.checkpoint.open.get(number)
        begins = action.ends_stage or action.measured is Measured.ROLLBACK_ORDERED
        if release is None and begins:
            release = self.checkpoint.open[number] = Followed()
            if len(self.checkpoint.open) > OPEN_LIMIT:
                del self.checkpoint.open[min(other for other in self.checkpoint.open if other != number)]
        return release

    def _counts(self, record: AuditRecord) -> WeekCounts:
        week = iso_week(record.time)
        return self.weeks.setdefault(week, Week(week=week)).counts(record.environment or "")

    def _stage(self, release: Followed, action: Action, record: AuditRecord) -> None:
        if not action.ends_stage:
            return
        if release.stage is not None and release.began is not None:
            week = self.weeks.setdefault(iso_week(record.time), Week(week=iso_week(record.time)))
            stages = week.counts(release.where).stages
            stages.setdefault(release.stage, Histogram()).put(record.time - release.began)
        release.stage, release.began, release.where = action.begins, record.time, record.environment or ""

    def _reach(self, measured: Measured, release: Followed, counts: WeekCounts, record: AuditRecord) -> None:
        where, at = record.environment or "", record.time
        match measured:
            case Measured.CREATED:
                release.created = at
            case Measured.PLANNED:
                if release.asked_at is not None:
                    release.stage = Stage.APPROVAL  # planned again with the same outcome: people are still asked
            case Measured.GATE_OPENED:
                release.asked_at = release.asked_at or at
            case Measured.GATE_DECIDED:
                if release.asked_at is not None:
                    counts.approval.put(at - release.asked_at)
                    release.asked_at = None
            case Measured.ROLLOUT_BEGAN:
                release.in_progress, release.failed = True, False
            case Measured.FAILED:
                self._fail(release, counts, where, at)
            case Measured.LIVE:
                self._live(release, counts, where, at)
            case Measured.ROLLBACK_ORDERED:
                release.created, release.returns = at, True
                counts.withdrawn += 1
                self.checkpoint.failing.setdefault(where, at)
            case Measured.RESTORED:
                self._restored(counts, where, at)
            case unreachable:
                assert_never(unreachable)

    def _live(self, release: Followed, counts: WeekCounts, where: str, at: datetime) -> None:
        release.in_progress = release.failed = False
        release.asked_at = None
        if not release.returns:
            counts.deployments += 1
            if release.created is not None:
                counts.lead_time.put(at - release.created)
        self._restored(counts, where, at)

    def _fail(self, release: Followed, counts: WeekCounts, where: str, at: datetime) -> None:
        """Count a failed rollout that had changed the environment, once."""
        if release.in_progress and not release.failed:
            release.failed = True
            counts.failed += 0 if release.returns else 1
            self.checkpoint.failing.setdefault(where, at)

    def _restored(self, counts: WeekCounts, where: str, at: datetime) -> None:
        since = self.checkpoint.failing.pop(where, None)
        if since is not None:
            counts.restore.put(at - since)


def _number(record: AuditRecord) -> int | None:
    digits = (record.release or "").rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else None
