"""Everything that deciding, explaining, the board and the API may know of an application, as it was at one moment.

Nothing has a default, so nobody can forget a part of it. `Ledger.load` makes the only ones that are not made by tests.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .application import Application, Environment, Start
from .events import (
    CommandGiven,
    DeadlineReached,
    DeliveryChanged,
    Event,
    FreezeSpread,
    ImagePushed,
    PipelineCompleted,
    ReminderDue,
    StepFinished,
    VoteCast,
)
from .release import Head, Lane, Release
from .rules import RuleResult
from .steps import StepKind
from .windows import WindowStatus

JOINING_LOADED = 20
"""Waiting releases that one decision looks at: few enough for all that may follow to fit into one transaction."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What an application's delivery folder says at one moment."""

    application: Application
    delivery: str
    """Hash of the folder that the application was read from."""
    now: datetime
    windows: Mapping[str, WindowStatus]
    """Of each environment that has time windows: whether they are open now."""
    check_tag: Callable[[str], RuleResult]
    """Whether a tag may start a release."""


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """What a snapshot holds besides the head and the lanes."""

    in_lanes: bool = True
    """The releases that have a place in a lane."""
    releases: tuple[int, ...] = ()
    digest: str | None = None
    tag: str | None = None
    active: int = 0
    """So many of the releases that have not ended, newest first."""
    newest: int = 0
    """So many of all releases, newest first; then those that failed last in a lane, too."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One application at one moment."""

    application: Application
    delivery: str
    """Hash of the delivery folder that the application was read from."""
    now: datetime
    head: Head
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    """Those that were looked up."""
    digests: Mapping[str, int]
    """Number of the release of each digest that was looked up."""
    tags: Mapping[str, int]
    """Number of the newest release of each tag that was looked up."""
    tag_rules: Mapping[str, RuleResult]
    """Of each tag that was looked up or that a release has: whether it may start a release."""
    windows: Mapping[str, WindowStatus]
    """Of each environment that has time windows: whether they are open now."""

    def lane(self, environment: str) -> Lane:
        return self.lanes.get(environment) or Lane(environment=environment)

    def release(self, number: int | None) -> Release | None:
        return self.releases.get(number) if number is not None else None

    def environment(self, release: Release) -> Environment | None:
        """Where the release is; None before the first environment, and where the policy no longer has it."""
        return self.application.environment(release.environment) if release.environment else None


def tag_of(application: Application, event: PipelineCompleted) -> str | None:
    """The tag that a run's image has: named by the run itself, or by the application's convention."""
    if event.tag or event.digest or application.pipeline is None:
        return event.tag
    run = event.run
    text = application.pipeline.tag
    for name, value in (("run_number", run.number), ("run_id", str(run.id)), ("commit", run.commit)):
        text = text.replace("{" + name + "}", value)
    return text


def lookups(application: Application, event: Event) -> Lookups:
    """What has to be looked up to decide about an event."""
    joining = JOINING_LOADED if application.start is not Start.PUSH else 0
    match event:
        case ImagePushed():
            return Lookups(digest=event.digest, tag=event.tag, active=joining)
        case PipelineCompleted():
            return Lookups(digest=event.digest, tag=tag_of(application, event), active=joining)
        case StepFinished():
            resolved = joining if event.step.kind is StepKind.RESOLVE else 0
            return Lookups(releases=(event.step.release,), digest=event.resolved_digest, active=resolved)
        case CommandGiven():
            return Lookups(releases=(event.release,) if event.release else ())
        case FreezeSpread():
            return Lookups()
        case VoteCast() | DeadlineReached() | ReminderDue() | DeliveryChanged():
            return Lookups(releases=(event.release,))
