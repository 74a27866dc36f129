"""The step runner: executes a step's effect under a lease, and reports the outcome as an event.

No code here waits: a step that takes time is polled by scheduled messages.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from ..ahead import ahead
from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.environment import Environment
from ..domain.events import StepFinished
from ..domain.model import release_id, sha256
from ..domain.promotion import LONGEST_WHY
from ..domain.queues import Queue
from ..domain.release import Release
from ..domain.rules import RuleResult
from ..domain.rules import not_passed as broken_rules
from ..domain.signing import KeysUnavailable
from ..domain.steps import Outgoing, Step, StepKind, Trace, own_time
from ..effects.messaging import Bus, MessageTooLarge
from ..ledger import Ledger, LedgerUnavailable
from ..ledger.leases import Lease, Leases
from ..ledger.neighbours import ApplicationRows, Nearby
from ..telemetry import Attribute, Family, about, carrier, current_traceparent, span
from .beginning import concerns
from .door import deferred
from .handle import Contended, Handler, StepContext, UnknownTarget
from .outcome import Finished, Outcome, Requeue, Retry, failed, not_begun, outcome_word

log = logging.getLogger(__name__)

TRIES = 6
"""The least number of attempts at one effect, with pauses of 2, 4, 8, 16 and 32 seconds in between. It also holds if
the worker itself was down until after the step's own time."""
LONGEST_PAUSE = timedelta(minutes=1)
"""The longest pause between two tries, so that a part that is back is soon noticed."""
LEASE = timedelta(seconds=45)
"""Most steps take less; a longer one (a copy) renews its lease as it goes."""
NOTED_FROM = 4
"""From this poll on, people are shown what a step waits for: most steps are done by then."""
BUSY = timedelta(seconds=5)
"""Pause before retrying a step whose lease another instance holds."""
BEGUN_AT_MOST = 3
"""The number of times a step is begun again at once with a newer version; if versions keep changing, it is tried
later."""


class LeaseIsTaken(Exception):  # noqa: N818 - it is what happened
    """Another worker holds the step, or died holding it."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """The input of a step's effect."""

    step: Step
    release: Release
    entry: Entry
    renew: Callable[[], bool]
    """Takes or extends the lease; returns False if it was lost, or another worker has it."""
    nearby: Nearby | None = None
    """The rows read together with the release."""
    plan: Callable[[], bytes | None] | None = None
    """Gives the document of the release's plan, which is being read meanwhile; None for a step that needs no plan."""

    def hold(self) -> None:
        """Take the lease of a step that read first and is about to change something. Raises `Held`."""
        if not self.renew():
            raise LeaseIsTaken(self.step.id)

    @property
    def rows(self) -> ApplicationRows:
        """Head and lanes as they were read with the release; empty if they were not read."""
        return self.nearby.rows if self.nearby else ApplicationRows()

    @property
    def environment(self) -> Environment | None:
        """The step's environment; None if the application no longer has it."""
        return self.entry.application.environment(self.step.environment)


Effect = Callable[[Work], Outcome]
type Proof = Callable[[Work], tuple[RuleResult, ...]]
"""The rules about the trail that must hold before a step's effect; none for steps that open nothing."""
type Proved = Callable[[], tuple[RuleResult, ...]]


class Outdated(Exception):  # noqa: N818 - nothing is wrong, it changed meanwhile
    """The step was begun with another version than the one in force; the message says which."""


@dataclass(frozen=True, kw_only=True)
class StepRunner:
    """Executes steps."""

    ledger: Ledger
    leases: Leases
    catalogue: Catalogue
    handler: Handler
    bus: Bus
    effects: Mapping[StepKind, Effect]
    documents: Callable[[str], bytes | None]
    """Reads what is kept, by its hash."""
    clock: Clock
    owner: Callable[[], str]
    stops: Callable[[Step], str]
    """The unread statement in the inbox that stops the step; empty if there is none."""
    proves: Callable[[Step, Environment | None], Proof]
    """Begins to read the rules about the trail that must hold before the step's effect."""

    def run(self, step: Step, within: str = "") -> None:
        """Execute a step and report its outcome, or schedule its next poll or retry. `within`: the message in whose
        invocation it is begun at once; empty if it came by its own.

        Raises `LedgerUnavailable`, `KeysUnavailable` and `QueueUnavailable`, after which the message has to be
        delivered again, and `UnknownTarget`.
        """
        concerns(step.application)
        attributes = {
            Attribute.APPLICATION: step.application,
            Attribute.RELEASE: release_id(step.application, step.release),
            Attribute.ENVIRONMENT: step.environment,
            Attribute.STEP: str(step.kind),
        }
        with about(attributes):
            log.info("%s: begun", step.id)
            try:
                self._perform(step, within)
            finally:
                log.info("%s: left", step.id)

    def _perform(self, step: Step, within: str) -> None:
        entry = self.catalogue.of_step(step.application)
        proof = self._begin_proof(step, entry)
        if self._stopped(step):  # before the release is read: a statement that was read in between shows in the release
            return
        nearby = self.ledger.nearby(step.application, step.release)
        if entry is not None and entry.versions is not None and entry.versions.application != nearby.rows.version:
            self.catalogue.look_again()
            entry = self.catalogue.get(step.application)
        release, message = nearby.release, nearby.outbox_deletion(step.first_message_id)
        if entry is None or release is None:
            raise UnknownTarget(f"{step.id}: there is no such {'application' if entry is None else 'release'}")
        if step.kind.is_awaited and (release.step != step.id or step.resent < release.resent):
            log.info("%s: dropped, the release has moved on to %s", step.id, release.phase)
            self.ledger.forget(step.application, [write.key for write in message])
            return
        lease = self.leases.of(step.application, step.id, owner=self.owner(), asked=message, within=within)

        def renew() -> bool:
            return lease.renew(now=self.clock(), length=LEASE)

        goes_by = release.plan_hash if step.kind.goes_by_a_plan else None
        plan = ahead(partial(self.documents, goes_by)) if goes_by else None
        work = Work(step=step, release=release, entry=entry, renew=renew, nearby=nearby, plan=plan)
        proved = ahead(partial(proof, work))
        try:
            if not step.kind.begins_with_a_look:
                work.hold()
            outcome = self._effect(work, proved)
            # From the first object on a rollout is finished, so a deployment is not looked at again.
            copied = step.kind is StepKind.COPY and isinstance(outcome, Finished) and outcome.passed
            if not (copied and self._stopped(step)):
                self._follow(step, outcome, StepContext(lease=lease, nearby=nearby))
        except LeaseIsTaken:
            self._put_off(step)
        finally:
            self._give_back(step, lease)

    def _stopped(self, step: Step) -> bool:
        """Whether an unread statement stops the step. The step is then put off until the statement was read."""
        why = self.stops(step)
        if why:
            log.info("%s: put off: %s", step.id, why)
            self._put_off(step)
        return bool(why)

    def _begin_proof(self, step: Step, entry: Entry | None) -> Proof:
        return self.proves(step, entry.application.environment(step.environment) if entry else None)

    def _effect(self, work: Work, proved: Proved) -> Outcome:
        step = work.step
        values = {Attribute.ATTEMPT: step.attempt, Attribute.POLL: step.poll, Attribute.TRIES: step.tries}
        with span(Family.STEP, step.kind, values) as current:
            outcome = self._outcome(work, proved)
            current.set({Attribute.OUTCOME: outcome_word(outcome)})
            if isinstance(outcome, Retry) or (isinstance(outcome, Finished) and not outcome.passed):
                current.fail(outcome.reason)
        if isinstance(outcome, Retry) and self._is_over(work, briefly=outcome.briefly):
            return failed(f"{outcome.reason} (tried {step.tries + 1} times)", afterwards=outcome.afterwards)
        return outcome

    def _outcome(self, work: Work, proved: Proved) -> Outcome:
        """Run the effect. An outdated step has had no effect yet, so it is begun again with the versions now in
        force."""
        why = ""
        for _ in range(BEGUN_AT_MOST):
            try:
                return _not_proved(proved) or self.effects[work.step.kind](work)
            except Outdated as outdated:
                why = str(outdated)
            self.catalogue.look_again()
            now = self.catalogue.get(work.step.application)
            if now is None or now.versions == work.entry.versions:
                break  # the version is committed, and not in the list yet
            log.info("%s: begun again: %s", work.step.id, why)
            nearby = self.ledger.nearby(work.step.application, work.step.release)
            work = replace(work, entry=now, nearby=nearby)
            proved = partial(self._begin_proof(work.step, now), work)
        return Retry(reason=why)

    def _is_over(self, work: Work, *, briefly: bool) -> bool:
        """Whether to give up a step that cannot do its work."""
        step = work.step
        own = own_time(step.kind, work.environment, work.release.jobs)
        if own is None or step.tries + 1 < TRIES:
            return False
        return briefly or self.clock() - step.asked_at >= own

    def _follow(self, step: Step, outcome: Outcome, underway: StepContext) -> None:
        match outcome:
            case Finished():
                self._report(step, outcome, underway)
                self._tidy(step, outcome)
                self._forget(step)
            case Requeue(after=after, reason=reason, seen=seen):
                log.info("%s: %s", step.id, reason)
                if step.poll >= NOTED_FROM or step.waits:
                    step = self._noted(step, reason)
                self._send(step.evolve(poll=step.poll + 1, tries=0, seen=seen or step.seen), after)
                underway.lease.passed_on()
            case Retry(reason=reason, after=after, sent=sent):
                log.warning("%s: try %d failed: %s", step.id, step.tries + 1, reason)
                pause = max(after, min(timedelta(seconds=2 ** min(step.tries + 1, TRIES)), LONGEST_PAUSE))
                self._send(self._noted(step, reason).evolve(tries=step.tries + 1, sent=sent), pause)
                underway.lease.passed_on()

    def _noted(self, step: Step, reason: str) -> Step:
        """Note for people what a release waits for. A failure is only logged, since no decision depends on the note."""
        why = reason[:LONGEST_WHY]
        if step.kind.is_awaited and why != step.waits:
            try:
                self.ledger.under_way.note(step, why)
            except LedgerUnavailable as away:
                log.warning("%s: what it waits for was not noted: %s", step.id, away)
                return step
            return step.evolve(waits=why)
        return step

    def _forget(self, step: Step) -> None:
        """Remove the note, including one that an earlier message of a step that was sent again has left."""
        if step.waits or (step.resent and step.kind.is_awaited):
            try:
                self.ledger.under_way.forget(step.application, step.release, step.environment)
            except LedgerUnavailable as away:
                log.warning("%s: the note of what it waited for was not removed: %s", step.id, away)

    def _report(self, step: Step, outcome: Finished, underway: StepContext) -> None:
        event = StepFinished(
            received_at=self.clock(),
            step=step,
            passed=outcome.passed,
            reason=outcome.reason,
            result=outcome.result,
            broken=outcome.broken,
        )
        try:
            self.handler.handle(event, underway=underway)
        except Contended as contended:
            # Only reporting the outcome lost to other writers; enqueue the report so the side effect is not repeated.
            try:
                self.bus.send([deferred(step.application, event)])
                underway.lease.passed_on()
            except MessageTooLarge as refused:
                # The report fits no message. Running the step again is harmless, and reports again later.
                log.warning("%s: its report: %s", step.id, refused)
                raise contended from refused

    def _tidy(self, step: Step, outcome: Finished) -> None:
        try:
            outcome.afterwards()
        except LedgerUnavailable as away:
            log.warning("%s: its cleanup failed: %s", step.id, away)

    def _put_off(self, step: Step) -> None:
        """Schedule the step again: another instance holds its lease, or died holding it, or an unread statement stops
        it.

        The step keeps its counters, as no poll may be skipped. The message needs a new id, because a queue drops an id
        that it has seen.
        """
        name = sha256(f"{step.message_id} {self.clock().isoformat()}".encode()).removeprefix("sha256:")[:40]
        self._send(step, BUSY, id=name)

    def _give_back(self, step: Step, lease: Lease) -> None:
        """Release the lease. A failure is only logged: the outcome stands, and the lease expires by itself."""
        try:
            lease.give_back()
        except LedgerUnavailable as away:
            log.warning("%s: its lease was not released and will expire: %s", step.id, away)

    def _send(self, step: Step, after: timedelta, *, id: str = "") -> None:
        # The received context comes first, so that the next poll becomes a sibling of this one and not its child.
        trace_parent = current_traceparent() or carrier()
        message = Outgoing(
            queue=Queue.STEPS,
            id=id or step.message_id,
            body=step.model_dump(mode="json"),
            not_before=self.clock() + after,
            trace=Trace(parent=trace_parent) if trace_parent else None,
        )
        self.bus.send([message])


def _not_proved(proved: Proved) -> Outcome | None:
    """None if the records prove that the step may begin."""
    try:
        broken = broken_rules(proved())
    except KeysUnavailable as away:
        return Retry(reason=str(away))
    return not_begun(broken) if broken else None
