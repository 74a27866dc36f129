"""What a decision is made from, and what it is: the two values around the pure middle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..actions import Action
from ..application import Application, Environment
from ..audit import AuditDraft
from ..blocks import Freeze
from ..causes import (
    Cause,
    CommandGiven,
    DeadlineReached,
    DeliveryChanged,
    FreezeSpread,
    ImagePushed,
    PipelineCompleted,
    ReminderDue,
    StepFinished,
    VoteCast,
)
from ..release import TRANSITIONS, Head, Lane, Phase, Release
from ..rules import RuleResult
from ..steps import Outgoing, Step
from ..windows import Opening

SYSTEM = "slipway"
"""The actor of what nobody in particular did."""


@dataclass(frozen=True, kw_only=True)
class Lookups:
    """What must be loaded besides the head, the lanes and the active releases."""

    releases: tuple[int, ...] = ()
    digest: str | None = None
    tag: str | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """One application at one moment: everything that `decide` may look at."""

    application: Application
    delivery: str
    """Hash of the delivery folder that the application was read from."""
    now: datetime
    head: Head
    lanes: Mapping[str, Lane]
    releases: Mapping[int, Release]
    """The active releases, and those that the cause names."""
    by_digest: int | None = None
    """Number of the release of the digest that the cause names."""
    by_tag: int | None = None
    """Number of the newest release of the tag that the cause names."""
    tag_rule: RuleResult | None = None
    """Whether the tag that the cause names may start a release."""
    windows: Mapping[str, Opening] = field(default_factory=dict)
    """Of each environment that has time windows: whether they are open now."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to write and send, all of it or nothing."""

    head: Head
    releases: tuple[Release, ...] = ()
    lanes: tuple[Lane, ...] = ()
    digests: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)
    records: tuple[AuditDraft, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    """The rules that were looked at, for whoever asked."""

    @property
    def nothing(self) -> bool:
        return not (self.records or self.releases or self.lanes or self.messages)


def tag_of(application: Application, cause: PipelineCompleted) -> str | None:
    """The tag that a run's image has: named by the run itself, or by the application's convention."""
    if cause.tag or cause.digest or application.pipeline is None:
        return cause.tag
    run = cause.run
    text = application.pipeline.tag
    for name, value in (("run_number", run.number), ("run_id", str(run.id)), ("commit", run.commit)):
        text = text.replace("{" + name + "}", value)
    return text


def lookups(application: Application, cause: Cause) -> Lookups:
    match cause:
        case ImagePushed():
            return Lookups(digest=cause.digest, tag=cause.tag)
        case PipelineCompleted():
            return Lookups(digest=cause.digest, tag=tag_of(application, cause))
        case StepFinished():
            return Lookups(releases=(cause.step.release,), digest=_resolved_digest(cause))
        case CommandGiven():
            return Lookups(releases=(cause.release,) if cause.release else ())
        case FreezeSpread():
            return Lookups()
        case VoteCast() | DeadlineReached() | ReminderDue() | DeliveryChanged():
            return Lookups(releases=(cause.release,))


def _resolved_digest(cause: StepFinished) -> str | None:
    digest = cause.result.get("digest")
    return digest if cause.passed and isinstance(digest, str) else None


class Draft:
    """A decision in the making. Lives inside one call of `decide`; mutable, and never seen outside."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.application = state.application
        self.now = state.now
        self.head = state.head
        self._releases = dict(state.releases)
        self._lanes = dict(state.lanes)
        self._changed_releases: dict[int, None] = {}
        self._changed_lanes: dict[str, None] = {}
        self.digests: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.rules: tuple[RuleResult, ...] = ()
        self._records: list[AuditDraft] = []
        self._messages: list[Outgoing] = []

    # ---- reading
    @property
    def releases(self) -> Mapping[int, Release]:
        return self._releases

    def release(self, number: int | None) -> Release | None:
        return self._releases.get(number) if number is not None else None

    @property
    def lanes(self) -> Mapping[str, Lane]:
        return self._lanes

    def lane(self, environment: str) -> Lane:
        return self._lanes.get(environment) or Lane(environment=environment)

    def environment(self, release: Release) -> Environment | None:
        return self.application.environment(release.environment) if release.environment else None

    # ---- writing
    def create(self, release: Release) -> Release:
        """Number a release and take it in."""
        number = self.head.next_release
        release = release.evolve(number=number, first_sequence=self.state.head.sequence + len(self._records) + 1)
        self.head = self.head.evolve(next_release=number + 1, active=(*self.head.active, number))
        return self.put(release)

    def put(self, release: Release) -> Release:
        release = release.evolve(changed_at=self.now)
        self._releases[release.number] = release
        self._changed_releases[release.number] = None
        return release

    def enter(self, release: Release, phase: Phase, **changes: Any) -> Release:
        """Move a release to a phase. Only the steps in TRANSITIONS can be taken."""
        if phase not in TRANSITIONS[release.phase]:
            raise AssertionError(f"{release.id}: no step leads from {release.phase} to {phase}")
        changes = {"step": None, "resent": 0, "due": None, "blocked_by": ()} | changes
        return self.put(release.evolve(phase=phase, **changes))

    def put_lane(self, lane: Lane) -> None:
        self._lanes[lane.environment] = lane
        self._changed_lanes[lane.environment] = None

    def record(
        self,
        action: Action,
        release: Release | None = None,
        *,
        actor: str = SYSTEM,
        environment: str | None = None,
        **details: Any,
    ) -> None:
        self._records.append(
            AuditDraft(
                action=action,
                actor=actor,
                release=release.number if release else None,
                environment=environment or (release.environment if release else None),
                digest=release.digest if release else None,
                details={name: value for name, value in details.items() if value is not None},
            )
        )

    def send_step(self, step: Step) -> None:
        self._messages.append(Outgoing(queue="steps", id=step.message_id, body=step.model_dump(mode="json")))

    def send_deadline(self, release: Release) -> None:
        assert release.due is not None
        cause = DeadlineReached(
            received_at=self.now, application=release.application, release=release.number, due=release.due
        )
        self._send_cause(cause, release.due)

    def send_reminder(self, release: Release) -> None:
        assert release.gate is not None
        assert release.gate.remind_at is not None
        due = release.gate.remind_at
        cause = ReminderDue(received_at=self.now, application=release.application, release=release.number, due=due)
        self._send_cause(cause, due)

    def _send_cause(self, cause: Cause, not_before: datetime) -> None:
        body = cause.model_dump(mode="json")
        self._messages.append(Outgoing(queue="causes", id=cause.mark, body=body, not_before=not_before))

    def retire(self, release: Release) -> None:
        """Take an ended release off the list of active ones."""
        self.head = self.head.evolve(active=tuple(n for n in self.head.active if n != release.number))

    def reopen(self, release: Release) -> None:
        """Put an ended release on the list of active ones again."""
        self.head = self.head.evolve(active=tuple(sorted({*self.head.active, release.number})))

    def freeze_everything(self, freeze: Freeze | None) -> None:
        """Keep this application's copy of the freeze of everything, or drop it."""
        self.head = self.head.evolve(freeze=freeze)

    def decision(self) -> Decision:
        return Decision(
            head=self.head,
            releases=tuple(self._releases[n] for n in self._changed_releases),
            lanes=tuple(self._lanes[n] for n in self._changed_lanes),
            digests=dict(self.digests),
            tags=dict(self.tags),
            records=tuple(self._records),
            messages=tuple(self._messages),
            rules=self.rules,
        )
