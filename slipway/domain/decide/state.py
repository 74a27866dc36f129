"""The decision, and the draft that builds it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..actions import Action
from ..attribution import SYSTEM
from ..audit import AuditDraft
from ..blocks import Freeze
from ..chain_anchor import AnchoredGate, GateOutcome
from ..environment import Environment
from ..errors import Inconsistent, present
from ..events import DeadlineReached, Event, ReminderDue
from ..project import EnvironmentClass
from ..queues import Queue
from ..release import Head, Lane, Phase, Release, Rewound
from ..restored import Restored
from ..rules import RuleResult
from ..snapshot import Snapshot
from ..steps import Outgoing, Step, StepKind


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The rows to write and the messages to send, atomically."""

    head: Head
    releases: tuple[Release, ...] = ()
    lanes: tuple[Lane, ...] = ()
    digests: Mapping[str, int] = field(default_factory=dict)
    tags: Mapping[str, int] = field(default_factory=dict)
    records: tuple[AuditDraft, ...] = ()
    messages: tuple[Outgoing, ...] = ()
    rules: tuple[RuleResult, ...] = ()
    """The rules that were evaluated, for the caller to show."""

    @property
    def nothing(self) -> bool:
        return not (self.records or self.releases or self.lanes or self.messages)


class Draft:
    """Builds a decision. Mutable; it exists only inside one call of `decide`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.application = snapshot.application
        self.now = snapshot.now
        self.head = snapshot.head
        self._releases = dict(snapshot.releases)
        self._lanes = dict(snapshot.lanes)
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

    def by_digest(self, digest: str | None) -> Release | None:
        """The release of a digest."""
        return self.release(self.snapshot.digests.get(digest)) if digest else None

    def by_tag(self, tag: str | None) -> Release | None:
        """The newest release of a tag."""
        return self.release(self.snapshot.tags.get(tag)) if tag else None

    def tag_rule(self, tag: str | None) -> RuleResult | None:
        """Whether a tag may start a release; None if there is no tag."""
        return self.snapshot.tag_rules[tag] if tag is not None else None

    def environment(self, release: Release) -> Environment | None:
        """The release's environment; None before the first one, and if the policy no longer has it."""
        return self.application.environment(release.environment) if release.environment else None

    def environment_of(self, release: Release) -> Environment:
        """The release's environment. Raises `Inconsistent` if it has none."""
        return present(self.environment(release), f"the environment of {release.id}")

    # ---- writing
    def create(self, release: Release) -> Release:
        """Number a new release and add it to the active ones."""
        number = self.head.next_release
        self.head = self.head.evolve(next_release=number + 1, active=(*self.head.active, number))
        return self.put(release, number=number, first_sequence=self.sequence + 1)

    def release_like(self, source: Release) -> Release:
        """A release, not yet created, with the artifact of an earlier one and the facts known about it."""
        return Release(
            application=source.application,
            number=self.head.next_release,
            phase=Phase.JOINING,
            registry=source.registry,
            repository=source.repository,
            tag=source.tag,
            digest=source.digest,
            dated_at=self.now,
            created_at=self.now,
            changed_at=self.now,
            push=source.push,
            run=source.run,
        )

    def put(self, release: Release, **changes: Any) -> Release:
        """Write a release with these changes. Raises ValidationError if it cannot have them."""
        release = release.evolve(**changes, changed_at=self.now)
        self._releases[release.number] = release
        self._changed_releases[release.number] = None
        return release

    def put_rollout(self, release: Release, **changes: Any) -> Release:
        """Change the newest rollout of a release."""
        newest = release.rollouts[-1].evolve(**changes)
        return self.put(release, rollouts=(*release.rollouts[:-1], newest))

    def enter(self, release: Release, phase: Phase, **changes: Any) -> Release:
        """Move a release to a phase. Raises `Inconsistent` if its current phase does not lead there."""
        if phase not in release.phase.followers:
            raise Inconsistent(f"{release.id}: no step leads from {release.phase} to {phase}")
        changes = {"step": None, "resent": 0, "due": None, "blocked_by": ()} | changes
        return self.put(release, phase=phase, **changes)

    def put_lane(self, lane: Lane) -> None:
        self._lanes[lane.environment] = lane
        self._changed_lanes[lane.environment] = None

    @property
    def sequence(self) -> int:
        """The sequence of the last record so far."""
        return self.snapshot.head.sequence + len(self._records)

    def record(
        self,
        action: Action,
        release: Release | None = None,
        *,
        actor: str = SYSTEM,
        environment: str | None = None,
        inbox: str = "",
        proof: str | None = None,
        received_at: datetime | None = None,
        **details: Any,
    ) -> None:
        """`inbox`, `proof` and `received_at` belong to the row in which a person said it."""
        self._records.append(
            AuditDraft(
                action=action,
                actor=actor,
                release=release.number if release else None,
                environment=environment or (release.environment if release else None),
                digest=release.digest if release else None,
                details={name: value for name, value in details.items() if value is not None},
                inbox=inbox or None,
                proof=proof,
                received_at=received_at,
            )
        )

    def send_step(self, step: Step) -> None:
        self._messages.append(Outgoing(queue=Queue.STEPS, id=step.message_id, body=step.model_dump(mode="json")))

    def send_deadline(self, release: Release) -> None:
        due = present(release.due, f"the deadline of {release.id}")
        event = DeadlineReached(received_at=self.now, application=release.application, release=release.number, due=due)
        self._send_event(event, due)

    def send_reminder(self, release: Release) -> None:
        due = present(release.gate.remind_at if release.gate else None, f"the reminder of {release.id}")
        event = ReminderDue(received_at=self.now, application=release.application, release=release.number, due=due)
        self._send_event(event, due)

    def _send_event(self, event: Event, not_before: datetime) -> None:
        self._messages.append(
            Outgoing(
                queue=Queue.WORK,
                session=self.application.application,
                id=event.mark,
                body=event.model_dump(mode="json"),
                not_before=not_before,
            )
        )

    def retire(self, release: Release) -> None:
        """Take an ended release off the list of active ones."""
        self.head = self.head.evolve(active=tuple(n for n in self.head.active if n != release.number))

    def reopen(self, release: Release) -> None:
        """Put an ended release on the list of active ones again."""
        self.head = self.head.evolve(active=tuple(sorted({*self.head.active, release.number})))

    def note_rewound(self, reason: str) -> None:
        """Note that the ledger was put back: nothing is opened in this application any more."""
        self.head = self.head.evolve(rewound=Rewound(at=self.now, reason=reason[:500]))

    def begin_epoch(self, restored: Restored) -> None:
        """Begin the epoch. The number of a lost release is not given again."""
        following = max(self.head.next_release, restored.last_release + 1)
        self.head = self.head.evolve(epoch=restored.epoch, rewound=None, next_release=following)

    def anchor_gate(self, release: Release, environment: Environment, outcome: GateOutcome) -> None:
        """Have the outcome of a gate anchored, in class production."""
        if environment.environment_class is not EnvironmentClass.PRODUCTION:
            return
        opening = release.gate.opening if release.gate else 0
        gate = AnchoredGate(release=release.number, environment=environment.name, opening=opening, outcome=outcome)
        self.send_step(
            Step(
                kind=StepKind.ANCHOR,
                application=release.application,
                release=release.number,
                environment=environment.name,
                attempt=release.attempt,
                asked_at=self.now,
                gate=gate,
            )
        )

    def freeze_everything(self, freeze: Freeze | None) -> None:
        """Set or clear this application's copy of the freeze of everything."""
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
