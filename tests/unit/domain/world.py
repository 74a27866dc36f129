"""An in-memory world for one application: state, clock, outbox, audit chain and scripted effects around `decide`.

It follows the rules of the ledger: an event is handled once, a decision that changes nothing leaves no mark, and
audit records are chained. Stories call `push`, `run`, `vote`, `reconcile` and `wait`, then `settle`.
"""

from collections import deque
from collections.abc import Callable
from copy import copy, deepcopy
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from slipway.catalogue.tags import check_tag, is_lower
from slipway.domain.actions import Action
from slipway.domain.application import Application
from slipway.domain.audit import AuditDraft, AuditRecord, chained
from slipway.domain.blocks import Freeze
from slipway.domain.commands import OF_A_LANE, Verb
from slipway.domain.decide import Decision, decide
from slipway.domain.decide.deadlines import overdue
from slipway.domain.events import (
    EVENT,
    Event,
    FreezeSpread,
    ImagePushed,
    PipelineCompleted,
    StepFinished,
    VoteCast,
)
from slipway.domain.explain import Explanation, explain, lookups_to_explain
from slipway.domain.model import sha256
from slipway.domain.people import SignedIn
from slipway.domain.queues import Queue
from slipway.domain.release import Head, Lane, Phase, Release, Run, VoteDecision
from slipway.domain.restored import Restored
from slipway.domain.signing import Signer
from slipway.domain.snapshot import Lookups, Policy, Snapshot, StoredState, lookups
from slipway.domain.steps import Notice, Outgoing, Step, StepKind
from slipway.domain.windows import WindowStatus
from slipway.queries.board import NEWEST_OF_ONE
from slipway.testing.chains import SIGNER
from slipway.testing.commands import proved_command
from tests.unit.domain.effects import Effects, Outcome
from tests.unit.domain.samples import MORNING, digest

OPERATOR = "olga@example.com"


class World:
    """The state of one application, and everything that was sent and recorded so far."""

    def __init__(self, application: Application, *, now: datetime = MORNING) -> None:
        self.application = application
        self.delivery = sha256(b"delivery 1")
        self.problems: tuple[str, ...] = ()
        self.now = now
        self.head = Head(application=application.application)
        self.lanes: dict[str, Lane] = {}
        self.releases: dict[int, Release] = {}
        self.digests: dict[str, int] = {}
        self.tags: dict[str, int] = {}
        self.marks: set[str] = set()
        self.audit: list[AuditRecord] = []
        self.outbox: deque[Outgoing] = deque()
        self.sent: list[Outgoing] = []
        self.taken: list[tuple[datetime, Event]] = []
        """Every event with the time at which it came, repeats too: another world can be led through the same."""
        self.moves: set[tuple[Phase, Phase]] = set()
        """Every step from phase to phase that a release took."""
        self.effects = Effects()
        self.windows: dict[str, Callable[[datetime], WindowStatus]] = {}
        """For each environment with time windows, whether they are open at a given time."""
        self.waits: dict[str, str] = {}
        """What steps under way wait for, by id."""
        self.signer: Signer = SIGNER
        self._submissions = 0

    def copy(self) -> "World":
        """A second world in the same state. Copying the collections is enough: their elements are never changed."""
        duplicate = copy(self)
        containers = (deque, dict, list, set)
        vars(duplicate).update(
            {name: copy(value) for name, value in vars(self).items() if isinstance(value, containers)}
        )
        duplicate.effects = deepcopy(self.effects)
        return duplicate

    # ---- the ledger's part
    def snapshot(self, lookups: Lookups) -> Snapshot:
        """What the ledger would load."""
        digests = {name: self.digests[name] for name in (lookups.digest,) if name in self.digests}
        tags = {name: self.tags[name] for name in (lookups.tag,) if name in self.tags}
        newest = sorted(self.releases, reverse=True)[: lookups.newest]
        numbers = {*newest, *digests.values(), *tags.values(), *lookups.numbers(self.head, self.lanes.values())}
        state = StoredState(
            head=self.head,
            lanes=dict(self.lanes),
            releases={number: self.releases[number] for number in numbers if number in self.releases},
            digests=digests,
            tags=tags,
            waits=self.waits if lookups.waits else {},
        )
        return self._policy().snapshot(state, lookups.tag)

    def _policy(self) -> Policy:
        return Policy(
            application=self.application,
            definition=self.delivery,
            problems=self.problems,
            now=self.now,
            windows=self.window_statuses(),
            check_tag=partial(check_tag, self.application.versions),
            is_lower=partial(is_lower, self.application.versions),
        )

    def board(self) -> Snapshot:
        """What the board of one application loads."""
        return self.snapshot(Lookups(newest=NEWEST_OF_ONE))

    def explain(self, number: int = 1) -> Explanation:
        release = self.releases[number]
        return explain(self.snapshot(lookups_to_explain(release)), release, self.audit)

    def window_statuses(self) -> dict[str, WindowStatus]:
        return {name: status_at(self.now) for name, status_at in self.windows.items()}

    def take(self, event: Event) -> Decision:
        """Handle an event as the handler does; a repeated event gives a decision that changes nothing."""
        self.taken.append((self.now, event))
        if event.mark in self.marks:
            return Decision(head=self.head)
        decision = decide(self.snapshot(lookups(self.application, event)), event)
        if not decision.nothing:
            self.marks.add(event.mark)
            self._commit(decision)
        return decision

    def _commit(self, decision: Decision) -> None:
        records, self.head = chained(decision.records, head=decision.head, now=self.now, signer=self.signer)
        self.audit.extend(records)
        for release in decision.releases:
            self._note_move(release)
            self.releases[release.number] = release
        self.lanes |= {lane.environment: lane for lane in decision.lanes}
        self.digests |= decision.digests
        self.tags |= decision.tags
        self.outbox.extend(decision.messages)
        self.sent.extend(decision.messages)

    def _note_move(self, release: Release) -> None:
        release_before = self.releases.get(release.number)
        phase_before = release_before.phase if release_before else Phase.JOINING
        planned_again = release_before is not None and release_before.environment == release.environment
        if phase_before is not release.phase or (
            planned_again and release_before and release_before.attempt != release.attempt
        ):
            self.moves.add((phase_before, release.phase))

    # ---- what happens outside
    def push(self, tag: str, image: str | None = None, *, at: datetime | None = None, **fields: Any) -> Decision:
        """An image is pushed. Each push of a tag has the same image unless `image` names another."""
        self.effects.registry[tag] = digest(image or tag)
        event = ImagePushed(
            received_at=self.now,
            registry=self.application.pushed.registry,
            repository=self.application.pushed.repository,
            digest=digest(image or tag),
            tag=tag,
            pushed_at=at or self.now,
            **fields,
        )
        return self.take(event)

    def run(self, run: Run, *, image: str | None = None, tag: str | None = None) -> Decision:
        """A CI run ends. It names its image by digest only if `image` is given."""
        image_digest = digest(image) if image else None
        return self.take(PipelineCompleted(received_at=self.now, run=run, digest=image_digest, tag=tag))

    def vote(
        self,
        number: int,
        voter: str,
        decision: VoteDecision = VoteDecision.APPROVE,
        *,
        plan_hash: str | None = None,
        environment: str | None = None,
        reason: str = "",
        submission: str | None = None,
        signed_in: SignedIn | None = None,
    ) -> Decision:
        """A person votes on the plan and environment that the page shows now, unless others are given."""
        self._submissions += 1
        release = self.releases.get(number)
        last = self.application.environments[-1].name
        event = VoteCast(
            received_at=self.now,
            application=self.application.application,
            release=number,
            environment=environment or (release.environment if release else None) or last,
            plan_hash=plan_hash or (release.plan_hash if release else None) or digest("no plan"),
            voter=voter,
            decision=decision,
            reason=reason,
            channel="page",
            submission=submission or f"submission-{self._submissions}",
            signed_in=signed_in,
        )
        return self.take(event)

    def reject(self, number: int, voter: str, reason: str = "not today") -> Decision:
        return self.vote(number, voter, VoteDecision.REJECT, reason=reason)

    def withdraw(self, number: int, voter: str, **fields: Any) -> Decision:
        return self.vote(number, voter, VoteDecision.WITHDRAW, **fields)

    def command(
        self,
        verb: Verb,
        number: int | None = None,
        environment: str | None = None,
        *,
        reason: str = "because",
        actor: str = OPERATOR,
        until: datetime | None = None,
        submission: str | None = None,
    ) -> Decision:
        """An operator gives a command, in the last environment if the verb needs one and none is given."""
        self._submissions += 1
        last = self.application.environments[-1].name
        return self.take(
            proved_command(
                received_at=self.now,
                verb=verb,
                application=self.application.application,
                release=number,
                environment=(environment or last) if verb in OF_A_LANE else None,
                until=until,
                actor=actor,
                reason=reason,
                channel="cli",
                submission=submission or f"submission-{self._submissions}",
                restored=Restored(epoch=self.head.epoch + 1) if verb is Verb.FENCE_RESET else None,
            )
        )

    def freeze_everything(self, *, until: datetime | None = None) -> Decision:
        self._submissions += 1
        freeze = Freeze(
            id=f"freeze-{self._submissions}", owner=OPERATOR, reason="an incident", at=self.now, until=until
        )
        return self.take(FreezeSpread(received_at=self.now, application=self.application.application, freeze=freeze))

    def unfreeze_everything(self) -> Decision:
        assert self.head.freeze is not None
        return self.take(
            FreezeSpread(
                received_at=self.now,
                application=self.application.application,
                freeze=self.head.freeze,
                ended_by=OPERATOR,
            )
        )

    def change(self, application: Application | None = None) -> None:
        """Apply a version of the application: the given one, or one that differs in something that is not policy."""
        self.application = application or self.application
        self.delivery = sha256(self.delivery.encode())
        applied = AuditDraft(action=Action.APPLICATION_APPLIED, actor=OPERATOR)
        records, self.head = chained((applied,), head=self.head, now=self.now, signer=self.signer)
        self.audit.extend(records)

    # ---- the queues' part
    def settle(self, *, limit: int = 10_000) -> None:
        """Deliver due messages until none is left."""
        for _ in range(limit):
            due = next(
                (message for message in self.outbox if message.not_before is None or message.not_before <= self.now),
                None,
            )
            if due is None:
                return
            self.outbox.remove(due)
            self.deliver(due)
        raise AssertionError(f"more than {limit} messages are due")

    def deliver(self, message: Outgoing) -> None:
        if message.queue is Queue.WORK:
            self.take(EVENT.validate_python(message.body))
            return
        step = Step.model_validate(message.body)
        outcome = self.effects.perform(
            step,
            application=self.application,
            definition=self.delivery,
            release=self.releases[step.release],
            lane=self.lanes.get(step.environment) or Lane(environment=step.environment),
        )
        if outcome is not None:
            self.finish(step, outcome)

    def finish(self, step: Step, outcome: Outcome) -> Decision:
        return self.take(
            StepFinished(
                received_at=self.now,
                step=step,
                passed=outcome.passed,
                reason=outcome.reason,
                result=outcome.result,
                broken=outcome.broken,
            )
        )

    def wait(self, time: timedelta) -> None:
        """Time passes; nothing else happens."""
        self.now += time

    def reconcile(self) -> None:
        """The timer looks for releases past their deadline and for people to remind."""
        for number in self.head.active:
            for event in overdue(self.releases[number], now=self.now, definition=self.delivery):
                self.take(event)

    # ---- reading
    def phase(self, number: int) -> Phase:
        return self.releases[number].phase

    def actions(self, number: int | None = None) -> list[str]:
        """The actions of the audit trail in order, of one release if `number` is given."""
        release_id = f"{self.head.application}-{number}"
        return [record.action for record in self.audit if number is None or record.release == release_id]

    def last(self, action: str) -> AuditRecord:
        return next(record for record in reversed(self.audit) if record.action == action)

    def live(self, environment: str) -> int | None:
        lane = self.lanes.get(environment)
        return lane.live.release if lane and lane.live else None

    def notices(self, notice: Notice) -> list[Step]:
        """Every step of this notice that was ever requested."""
        return [step for step in self.steps(StepKind.NOTIFY) if step.notice is notice]

    def steps(self, kind: StepKind) -> list[Step]:
        """Every step of this kind that was ever requested."""
        steps = [Step.model_validate(message.body) for message in self.sent if message.queue is Queue.STEPS]
        return [step for step in steps if step.kind is kind]
