"""All input of `decide`, `explain`, the board and the API: the state of one application at one moment.

No field has a default, so that none can be forgotten. `Policy.snapshot` alone makes snapshots: of what `Ledger.load`
has read, and in the tests of the domain of what they keep in memory.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .application import Application, SourceKind, Start
from .commands import Verb
from .environment import Environment
from .events import (
    CommandGiven,
    DeadlineReached,
    DefinitionChanged,
    DriftLooked,
    Event,
    FreezeSpread,
    ImagePushed,
    PipelineCompleted,
    ReminderDue,
    StepFinished,
    VoteCast,
)
from .model import TAG_PATTERN
from .release import Head, Lane, Release
from .rules import RuleResult
from .steps import StepKind
from .windows import WindowStatus

EVERY_ACTIVE = 100
"""The active releases that a new epoch loads: more than an application has, since newer ones supersede the others."""
JOINING_LOADED = 20
"""The most waiting releases that one decision loads, so that all its writes fit into one transaction."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """An application's policy, evaluated at one moment."""

    application: Application
    definition: str
    """Hash of the application inside its project, and of its files."""
    problems: tuple[str, ...]
    """Problems of the application that arose after it was applied: nothing is opened until they are mended."""
    now: datetime
    windows: Mapping[str, WindowStatus]
    """Whether the time windows are open, by environment; environments without windows are absent."""
    check_tag: Callable[[str], RuleResult]
    """Whether a tag may start a release."""
    is_lower: Callable[[str, str], bool]
    """Whether the first tag names a lower version than the second one, in the same line of versions."""

    def snapshot(self, stored: "StoredState", tag: str | None) -> "Snapshot":
        """The policy with what is stored; `tag` is the one that was looked up."""
        loaded = {release.tag for release in stored.releases.values()}
        live = {lane.live.tag for lane in stored.lanes.values() if lane.live is not None}
        looked_up = set() if tag is None else {tag}
        return Snapshot(
            application=self.application,
            definition=self.definition,
            problems=self.problems,
            now=self.now,
            head=stored.head,
            lanes=stored.lanes,
            releases=stored.releases,
            digests=stored.digests,
            tags=stored.tags,
            tag_rules={each: self.check_tag(each) for each in loaded | looked_up},
            higher_tags=frozenset(each for each in loaded | live if tag is not None and self.is_lower(tag, each)),
            windows=self.windows,
            waits=stored.waits,
        )


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """The rows that a snapshot loads besides the head and the lanes."""

    in_lanes: bool = True
    """Whether to load the releases in the lanes."""
    releases: tuple[int, ...] = ()
    digest: str | None = None
    tag: str | None = None
    active: int = 0
    """The number of unfinished releases to load, newest first."""
    waits: bool = False
    """Whether to load what steps under way wait for; the newest releases come with it."""
    newest: int = 0
    """The number of releases of any phase to load, newest first; if any, the lanes' last failed ones are loaded too."""

    def numbers(self, head: Head, lanes: Iterable[Lane]) -> set[int]:
        """The releases that this names, by itself or by the head and the lanes."""
        numbers = {*self.releases, *(head.active[-self.active :] if self.active else ())}
        for lane in lanes:
            numbers |= set(lane.numbers) if self.in_lanes else set()
            numbers |= {lane.failed} if self.newest and lane.failed else set()
        return numbers


@dataclass(frozen=True, kw_only=True)
class StoredState:
    """What the ledger holds of an application at one moment, as far as `Lookups` names it."""

    head: Head
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    """By number."""
    digests: Mapping[str, int]
    """Number of the release of each digest that was looked up."""
    tags: Mapping[str, int]
    """Number of the newest release of each tag that was looked up."""
    waits: Mapping[str, str]
    """Why each step under way waits, by its id; absent if it does not wait, or if this was not loaded."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One application at one moment."""

    application: Application
    definition: str
    """Hash of the application inside its project, and of its files."""
    problems: tuple[str, ...]
    """Problems of the application that arose after it was applied: nothing is opened until they are mended."""
    now: datetime
    head: Head
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    """The releases that were loaded, by number."""
    digests: Mapping[str, int]
    """Number of the release of each digest that was looked up."""
    tags: Mapping[str, int]
    """Number of the newest release of each tag that was looked up."""
    tag_rules: Mapping[str, RuleResult]
    """Whether a tag may start a release, for each tag that was looked up or that a release has."""
    higher_tags: frozenset[str]
    """The tags of the loaded and live releases that name a higher version than the tag that was looked up; empty if
    versions have no order."""
    windows: Mapping[str, WindowStatus]
    """Whether the time windows are open, by environment; environments without windows are absent."""
    waits: Mapping[str, str]
    """Why each step under way waits, by its id; absent if it does not wait, or if this was not loaded."""

    def lane(self, environment: str) -> Lane:
        return self.lanes.get(environment) or Lane(environment=environment)

    def release(self, number: int | None) -> Release | None:
        return self.releases.get(number) if number is not None else None

    def waits_for(self, release: Release) -> str:
        """The reason why the release's step waits; empty if none is known."""
        return self.waits.get(release.step or "", "")

    def environment(self, release: Release) -> Environment | None:
        """The release's environment; None before the first one, and if the policy no longer has it."""
        return self.application.environment(release.environment) if release.environment else None


def tag_of(application: Application, event: PipelineCompleted) -> str | None:
    """The tag of a run's image: named by the run itself, or derived by the application's convention. None if the
    convention's text cannot be a tag."""
    if event.tag or application.pipeline is None:
        return event.tag
    run = event.run
    text = application.pipeline.tag
    for name, value in (("run_number", run.number), ("run_id", str(run.id)), ("commit", run.commit)):
        text = text.replace("{" + name + "}", value)
    return text if re.fullmatch(TAG_PATTERN, text) else None


def lookups(application: Application, event: Event) -> Lookups:
    """The rows to load for the decision on an event."""
    begins_at_once = application.start is Start.PUSH and application.source is SourceKind.IMAGE
    joining = 0 if begins_at_once else JOINING_LOADED
    match event:
        case ImagePushed():
            return Lookups(digest=event.digest, tag=event.tag, active=joining)
        case PipelineCompleted():
            return Lookups(digest=event.digest, tag=tag_of(application, event), active=JOINING_LOADED)
        case StepFinished():
            if event.step.kind is StepKind.RESOLVE:
                return Lookups(releases=(event.step.release,), digest=event.resolved_digest, active=joining)
            return Lookups(releases=(event.step.release,))
        case CommandGiven():
            if event.artifact is not None:
                return Lookups(digest=event.artifact.digest, tag=event.artifact.tag)
            everything = EVERY_ACTIVE if event.verb is Verb.FENCE_RESET else 0
            return Lookups(releases=(event.release,) if event.release else (), active=everything)
        case FreezeSpread():
            return Lookups()
        case VoteCast() | DeadlineReached() | ReminderDue() | DefinitionChanged() | DriftLooked():
            return Lookups(releases=(event.release,))
