"""The reconcile timer finishes what was left undone: unsent messages, missed deadlines and pushes, old marks."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..catalogue import check_tag
from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.application import SourceKind
from ..domain.decide.deadlines import overdue
from ..domain.errors import SourceAway
from ..domain.events import ImagePushed
from ..domain.model import Record
from ..effects.messaging import QueueUnavailable
from ..effects.registry import NotInRegistry, Registry, RegistryError
from ..engine.freezing import Freezer
from ..engine.handle import Contended, Handler, Outcome
from ..engine.observing import reconciling
from ..engine.outbox import Outbox
from ..inbound.event_grid import hangs_on_an_image
from ..ledger import SEEN_PARTS, Ledger, LedgerUnavailable
from ..ledger.freezes import FreezeState
from ..ledger.indexing import Indexer
from ..ledger.keys import INSTALLATION
from ..ledger.looks import LookAnswers
from ..queries.numbers import Numbers
from ..telemetry import Attribute, Family, about, span

log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=30)
"""An outbox row younger than this is assumed to be still in the hands of the process that wrote it."""
SEEN_FOR = timedelta(days=30)
BATCH = 20
PROBLEM_LIMIT = 500
"""Most characters of one problem."""
RECENT_TAGS = 20
PUSH_WINDOW = timedelta(hours=24)
"""How old a missed push may be. Older tags are ignored, so that a new installation does not deploy history."""


class Reconciled(Record):
    """What one reconcile run did."""

    sent: int = 0
    indexed: int = 0
    counted: int = 0
    """Audit records that were added to the numbers."""
    deadlines: int = 0
    reminders: int = 0
    missed_pushes: int = 0
    marks_forgotten: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """Reconciles every application in turn; a failure in one does not stop the others."""

    ledger: Ledger
    catalogue: Catalogue
    handler: Handler
    prove: Callable[[ImagePushed], ImagePushed]
    """Asks the registry what was pushed. Raises `SourceAway`."""
    outbox: Outbox
    registry: Callable[[str], Registry]
    indexer: Indexer
    numbers: Numbers
    freezer: Freezer
    """Tells applications about a freeze of everything that they have missed."""
    take_inbox: Callable[[], tuple[str, ...]]
    """Takes what lies in the inbox though its hint should have come; returns the problems met."""
    settle_changes: Callable[[], tuple[str, ...]]
    """Brings proposed changes of the catalogue to their end where that is due; returns the problems met."""
    looks: LookAnswers
    clock: Clock

    def run(self, *, look_for_pushes: bool = True) -> Reconciled:
        total = Reconciled(problems=self.take_inbox())
        try:
            frozen = self.freezer.state()
        except LedgerUnavailable as away:
            return total.evolve(problems=(*total.problems, str(away)))
        for entry in self.catalogue:
            name = entry.application.application
            try:
                with about({Attribute.APPLICATION: name}), span(Family.RECONCILE, "application"):
                    reconciled = self._application(entry, frozen, look_for_pushes=look_for_pushes)
            except (LedgerUnavailable, QueueUnavailable, Contended) as error:
                reconciled = Reconciled(problems=(f"{name}: {error}",))
            except Exception as error:
                log.exception("reconcile: %s failed", name)
                problem = f"{name}: unexpected {type(error).__name__}: {error}"
                reconciled = Reconciled(problems=(problem[:PROBLEM_LIMIT],))
            total = Reconciled(
                sent=total.sent + reconciled.sent,
                indexed=total.indexed + reconciled.indexed,
                counted=total.counted + reconciled.counted,
                deadlines=total.deadlines + reconciled.deadlines,
                reminders=total.reminders + reconciled.reminders,
                missed_pushes=total.missed_pushes + reconciled.missed_pushes,
                marks_forgotten=total.marks_forgotten + reconciled.marks_forgotten,
                problems=total.problems + reconciled.problems,
            )
        total = self._installation(total)
        if total != Reconciled():
            log.info("reconcile: %s", total.model_dump(exclude_defaults=True))
        return total

    def _installation(self, total: Reconciled) -> Reconciled:
        """Index the installation's own audit chain."""
        try:
            total = total.evolve(problems=(*total.problems, *self.settle_changes()))
            self.looks.prune(self.clock())
            if self._minute() % SEEN_PARTS == 0:
                self.ledger.prune_answers(INSTALLATION, self.clock() - SEEN_FOR)
            return total.evolve(indexed=total.indexed + self._index_left_over(INSTALLATION))
        except LedgerUnavailable as away:
            return total.evolve(problems=(*total.problems, f"{INSTALLATION}: {away}"))

    def _application(self, entry: Entry, frozen: FreezeState | None, *, look_for_pushes: bool) -> Reconciled:
        name = entry.application.application
        self.freezer.tell(name, self.ledger.head(name), frozen)
        sent = self._send_left_over(name)
        indexed = self._index_left_over(name)
        due = self._take_what_is_due(entry)
        pushes, problems = self._find_missed_pushes(entry) if look_for_pushes else (0, ())
        part, before = self._minute() % SEEN_PARTS, self.clock() - SEEN_FOR
        forgotten = self.ledger.prune_seen(name, before, part=part)
        if part == 0:
            self.ledger.prune_answers(name, before)
        return Reconciled(
            sent=sent,
            indexed=indexed,
            counted=self.numbers.catch_up(name),
            deadlines=due["deadline-reached"],
            reminders=due["reminder-due"],
            missed_pushes=pushes,
            marks_forgotten=forgotten,
            problems=problems,
        )

    def _index_left_over(self, application: str) -> int:
        return self.indexer.take_left_over(application, before=self.clock() - SETTLED)

    def _minute(self) -> int:
        return int(self.clock().timestamp()) // 60

    def _send_left_over(self, application: str) -> int:
        before = self.clock() - SETTLED
        entries = [entry for entry in self.ledger.outbox(application) if entry.written_at <= before]
        reconciling.outbox(application, (entry.written_at for entry in entries), self.clock())
        sent = 0
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            if not self.outbox.send(batch):
                break
            sent += len(batch)
        return sent

    def _take_what_is_due(self, entry: Entry) -> Counter[str]:
        """Handle deadlines and reminders whose messages did not arrive, and held-back releases whose application
        has changed. Returns the events that changed something, counted by kind."""
        now, changed, application = self.clock(), Counter[str](), entry.application.application
        active = [self.ledger.release(application, number) for number in self.ledger.head(application).active]
        releases = [release for release in active if release is not None]
        reconciling.gates(entry.application, releases, now)
        for release in releases:
            for event in overdue(release, now=now, definition=entry.fingerprint):
                receipts = self.handler.handle(event)
                changed[event.kind] += sum(receipt.outcome is Outcome.TAKEN for receipt in receipts)
        return changed

    def _find_missed_pushes(self, entry: Entry) -> tuple[int, tuple[str, ...]]:
        """Create releases for recent tags that no event announced: events can be lost, the registry is the truth.

        Returns how many events changed something, and the problems met.
        """
        image, created = entry.application.pushed, 0
        try:
            tags = self.registry(image.registry).recent_tags(image.repository, RECENT_TAGS)
        except NotInRegistry:
            return 0, ()  # nothing was ever pushed there: the application is new
        except RegistryError as error:
            return 0, (f"{entry.application.application}: {error}",)
        for tag in tags:
            if tag.updated_at is None:
                continue  # without the time of the push, a missed one cannot be told from an old one
            if hangs_on_an_image(tag.tag):
                continue
            event = ImagePushed(
                received_at=self.clock(),
                registry=image.registry,
                repository=image.repository,
                digest=tag.digest,
                tag=tag.tag,
                pushed_at=tag.updated_at,
                source="reconcile",
            )
            age = self.clock() - tag.updated_at
            if not SETTLED <= age <= PUSH_WINDOW or not check_tag(entry.application.versions, tag.tag).passed:
                continue
            if self._is_news(entry.application.application, event):
                try:
                    event = self.prove(event) if entry.application.source is SourceKind.IMAGE else event
                except SourceAway as away:
                    return created, (f"{entry.application.application}: {away}",)
                created += sum(receipt.outcome is Outcome.TAKEN for receipt in self.handler.handle(event))
        return created, ()

    def _is_news(self, application: str, event: ImagePushed) -> bool:
        """Whether the push may start a release: its image has none, or was pushed again after that one had ended."""
        number = self.ledger.release_of(application, event.digest)
        release = self.ledger.release(application, number) if number is not None else None
        may_start = release is None or (release.phase.final and event.pushed_at > release.ended_at)
        return may_start and not self.ledger.seen(application, event)  # what was ignored is on record
