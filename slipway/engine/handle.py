"""The handler of every event, however the event arrived: load, decide, commit, send."""

import logging
from dataclasses import dataclass
from enum import StrEnum
from typing import Never

from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.actions import Action
from ..domain.decide import Decision, decide
from ..domain.errors import Inconsistent
from ..domain.events import Event
from ..domain.queues import Queue
from ..domain.rules import RuleResult
from ..domain.snapshot import lookups
from ..ledger import AlreadySeen, Conflict, Ledger, LedgerUnavailable, LoadedSnapshot
from ..ledger.indexing import Indexer
from ..ledger.leases import Lease
from ..ledger.ledger import CommitResult
from ..ledger.neighbours import Nearby
from ..telemetry import Attribute, Family, Span, about, carrier, span, trace_id
from .backoff import Backoff
from .beginning import begun_at_once
from .observing import measured, stamped
from .outbox import Outbox

log = logging.getLogger(__name__)

ATTEMPTS = 12
"""The number of times a decision is retried after losing to another writer, before the event goes back to its queue."""


class Contended(Exception):  # noqa: N818 - nothing is wrong, it is only busy
    """Every attempt lost to another writer of this application; try the event again later."""


class UnknownTarget(Exception):  # noqa: N818
    """The event names no application of this installation."""


class Outcome(StrEnum):
    """The outcome of handling an event."""

    TAKEN = "taken"
    """The event changed something, and the change is committed."""
    REPEATED = "repeated"
    """The event was handled before."""
    NOTHING = "nothing"
    """The event changes nothing: it is late, or its content is known already."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """The result of handling an event for one application."""

    application: str
    outcome: Outcome
    rules: tuple[RuleResult, ...] = ()
    actions: tuple[Action, ...] = ()
    """The actions of the audit records that were written."""


@dataclass(frozen=True, kw_only=True)
class StepContext:
    """The state that a step already holds when it reports."""

    lease: Lease
    """The step's lease. The transaction that commits the report ends it, and deletes the message that asked for the
    step."""
    nearby: Nearby
    """The rows read before the step began. Nobody else has usually written since, so nothing need be read again."""


@dataclass(frozen=True, kw_only=True)
class Handler:
    """Handles events."""

    ledger: Ledger
    catalogue: Catalogue
    outbox: Outbox
    indexer: Indexer
    clock: Clock
    backoff: Backoff

    def handle(self, event: Event, *, underway: StepContext | None = None) -> tuple[Receipt, ...]:
        """Decide and commit the event for each application that it concerns; one receipt for each.

        Raises `UnknownTarget`, `Contended`, `LedgerUnavailable`.
        """
        concerned = self.catalogue.concerned(event)
        if not concerned:
            raise UnknownTarget(unknown(event))
        return tuple(self.handle_for(entry, event, underway=underway) for entry in concerned)

    def handle_for(self, entry: Entry, event: Event, *, underway: StepContext | None = None) -> Receipt:
        """Decide and commit the event for one application. Raises `Contended`, `LedgerUnavailable`."""
        attributes = {Attribute.APPLICATION: entry.application.application}
        with about(attributes), span(Family.EVENT, event.kind, {Attribute.EVENT: event.kind}) as current:
            receipt = self._handle(entry, event, current, underway)
            current.set({Attribute.OUTCOME: str(receipt.outcome), Attribute.ACTIONS: ",".join(receipt.actions)})
            return receipt

    def _handle(self, entry: Entry, event: Event, current: Span, underway: StepContext | None) -> Receipt:
        application, needed = entry.application.application, lookups(entry.application, event)
        for attempt in range(ATTEMPTS):
            if attempt and self.ledger.was_handled(application, event):
                return Receipt(application=application, outcome=Outcome.REPEATED)
            nearby = underway.nearby if underway and not attempt else None
            loaded = self.ledger.load(entry.policy(self.clock()), needed, nearby=nearby)
            if is_outdated(entry, loaded):
                # Somebody applied another version since the catalogue was read.
                self.catalogue.look_again()
                entry = self.catalogue.get(application) or _raise_removed(event, application)
                needed = lookups(entry.application, event)
                continue
            try:
                decision = decide(loaded.snapshot, event)
            except Inconsistent:
                if self.ledger.unchanged(loaded):
                    raise
                # Another writer committed between our reads of the rows, so they contradict each other: read again.
                self.backoff.wait(attempt)
                continue
            if decision.nothing:
                if nearby and not self.ledger.unchanged(loaded):
                    continue
                return Receipt(application=application, outcome=Outcome.NOTHING, rules=decision.rules)
            decision = stamped(decision, loaded.snapshot.now)
            try:
                committed = self._commit(loaded, decision, event, underway, is_first=not attempt)
            except AlreadySeen:
                return Receipt(application=application, outcome=Outcome.REPEATED, rules=decision.rules)
            except Conflict:
                self.backoff.wait(attempt)
                continue
            _note_releases(current, decision)
            measured(loaded.snapshot, decision, event)
            self._follow(application, committed)
            actions = tuple(record.action for record in decision.records)
            log.info("%s: %s -> %s", application, event.kind, ", ".join(actions))
            return Receipt(application=application, outcome=Outcome.TAKEN, rules=decision.rules, actions=actions)
        raise Contended(f"{application}: {ATTEMPTS} decisions about {event.kind} lost to other writers")

    def _commit(
        self, loaded: LoadedSnapshot, decision: Decision, event: Event, underway: StepContext | None, *, is_first: bool
    ) -> CommitResult:
        """Commit the decision, and end the lease of the step under way in the same transaction."""
        over = underway.lease.end() if underway else ()
        if not is_first:  # what was lost meanwhile must not keep the outcome out
            over = tuple(write for write in over if loaded.etags.get(write.key) == write.etag)
        committed = self.ledger.commit(loaded, decision, event, *over)
        if underway:
            underway.lease.ended(over)
        return committed

    def _follow(self, application: str, committed: CommitResult) -> None:
        """Send the messages of the commit, except the steps that were begun at once, and copy its records to the
        index. The rows of the messages that were sent are deleted, except those of steps: whoever runs a step
        deletes its row."""
        begun = begun_at_once(committed.entries)
        sent = self.outbox.send([entry for entry in committed.entries if entry not in begun])
        self.indexer.follow(application, committed.records)
        done = [entry.row for entry in committed.entries if entry.message.queue != Queue.STEPS]
        try:
            self.ledger.forget(application, done if sent else [])
        except LedgerUnavailable as away:
            log.warning("%s: the reconcile timer sends again what was sent: %s", application, away)


def _note_releases(current: Span, decision: Decision) -> None:
    for release in decision.releases:
        current.set({Attribute.RELEASE: release.id})
        if trace_id(release.trace) != trace_id(carrier()):
            current.link(release.trace)


def is_outdated(entry: Entry, loaded: LoadedSnapshot) -> bool:
    """Whether the version that was read with the head is another than the entry's."""
    return entry.versions is not None and loaded.version != entry.versions.application


def _raise_removed(event: Event, application: str) -> Never:
    raise UnknownTarget(f"{event.kind}: the application {application!r} was removed")


def unknown(event: Event) -> str:
    """Says which application does not exist."""
    match event.kind:
        case "image-pushed":
            return f"no application delivers {event.repository} from registry {event.registry}"
        case "pipeline-completed":
            return f"no application is built by pipeline {event.run.pipeline!r} of project {event.run.project!r}"
        case "step-finished":
            return f"there is no application {event.step.application!r}"
        case _:
            return f"there is no application {event.application!r}"
