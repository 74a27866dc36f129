"""The sweep: once a minute, what was left over. Unsent outbox, overdue deadlines, missed pushes, old marks."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from ..catalogue import check_tag
from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.decide.deadlines import overdue
from ..domain.events import ImagePushed
from ..domain.model import Record
from ..effects.messaging import QueueUnavailable
from ..effects.registry import NotFound, Registry, RegistryError
from ..engine.freezing import Freezer
from ..engine.handle import Contended, Handler, Outcome
from ..engine.observing import sweeping
from ..engine.outbox import Outbox
from ..inbound.event_grid import hangs_on_an_image
from ..ledger import SEEN_PARTS, Ledger, LedgerUnavailable
from ..ledger.freezes import FreezeState
from ..ledger.indexing import Indexer
from ..ledger.keys import INSTALLATION
from ..queries.numbers import Numbers
from ..telemetry import Attribute, Family, about, span

log = logging.getLogger(__name__)

SETTLED = timedelta(seconds=30)
"""An outbox row younger than this is still being sent by whoever wrote it."""
SEEN_FOR = timedelta(days=30)
BATCH = 20
PROBLEM_LIMIT = 500
"""Characters of one problem."""
RECENT_TAGS = 20
PUSH_WINDOW = timedelta(hours=24)
"""How far back a push is looked for. Older tags are left alone: a new installation must not deploy history."""


class Swept(Record):
    """What one sweep did."""

    sent: int = 0
    indexed: int = 0
    counted: int = 0
    """Records that were added to the numbers."""
    deadlines: int = 0
    reminders: int = 0
    missed_pushes: int = 0
    marks_forgotten: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Looks after every application in turn; trouble with one does not stop the others."""

    ledger: Ledger
    catalogue: Catalogue
    handler: Handler
    outbox: Outbox
    registry: Callable[[str], Registry]
    indexer: Indexer
    numbers: Numbers
    freezer: Freezer
    """Tells applications of a freeze of everything that they have not heard of."""
    clock: Clock

    def run(self, *, look_for_pushes: bool = True) -> Swept:
        total = Swept()
        try:
            frozen = self.freezer.state()
        except LedgerUnavailable as away:
            return Swept(problems=(str(away),))
        for entry in self.catalogue:
            name = entry.application.application
            try:
                with about({Attribute.APPLICATION: name}), span(Family.SWEEP, "application"):
                    found = self._application(entry, frozen, look_for_pushes=look_for_pushes)
            except (LedgerUnavailable, QueueUnavailable, Contended) as error:
                found = Swept(problems=(f"{name}: {error}",))
            except Exception as error:
                log.exception("sweep: %s went wrong", name)
                problem = f"{name}: unexpected {type(error).__name__}: {error}"
                found = Swept(problems=(problem[:PROBLEM_LIMIT],))
            total = Swept(
                sent=total.sent + found.sent,
                indexed=total.indexed + found.indexed,
                counted=total.counted + found.counted,
                deadlines=total.deadlines + found.deadlines,
                reminders=total.reminders + found.reminders,
                missed_pushes=total.missed_pushes + found.missed_pushes,
                marks_forgotten=total.marks_forgotten + found.marks_forgotten,
                problems=total.problems + found.problems,
            )
        total = self._installation(total)
        if total != Swept():
            log.info("sweep: %s", total.model_dump(exclude_defaults=True))
        return total

    def _installation(self, total: Swept) -> Swept:
        """What concerns no single application has a chain too."""
        try:
            return total.evolve(indexed=total.indexed + self._index_left_over(INSTALLATION))
        except LedgerUnavailable as away:
            return total.evolve(problems=(*total.problems, f"{INSTALLATION}: {away}"))

    def _application(self, entry: Entry, frozen: FreezeState | None, *, look_for_pushes: bool) -> Swept:
        name = entry.application.application
        self.freezer.tell(name, self.ledger.head(name), frozen)
        sent = self._send_left_over(name)
        indexed = self._index_left_over(name)
        due = self._take_what_is_due(entry)
        pushes, problems = self._find_missed_pushes(entry) if look_for_pushes else (0, ())
        forgotten = self.ledger.prune_seen(name, self.clock() - SEEN_FOR, part=self._minute() % SEEN_PARTS)
        return Swept(
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
        sweeping.outbox(application, (entry.written_at for entry in entries), self.clock())
        sent = 0
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            if not self.outbox.send(batch):
                break
            sent += len(batch)
        return sent

    def _take_what_is_due(self, entry: Entry) -> Counter[str]:
        """Deadlines and reminders whose messages did not come, and releases that are held back by a delivery folder
        that is not there any more; how many of each changed something."""
        now, taken, application = self.clock(), Counter[str](), entry.application.application
        found = [self.ledger.release(application, number) for number in self.ledger.head(application).active]
        releases = [release for release in found if release is not None]
        sweeping.gates(entry.application, releases, now)
        for release in releases:
            for event in overdue(release, now=now, delivery=entry.fingerprint):
                receipts = self.handler.handle(event)
                taken[event.kind] += sum(receipt.outcome is Outcome.TAKEN for receipt in receipts)
        return taken

    def _find_missed_pushes(self, entry: Entry) -> tuple[int, tuple[str, ...]]:
        """Tags in the registry that no event told us of: events can be lost, the registry is the truth."""
        image, found = entry.application.image, 0
        try:
            tags = self.registry(image.registry).recent_tags(image.repository, RECENT_TAGS)
        except NotFound:
            return 0, ()  # nothing was ever pushed to it: the application is new
        except RegistryError as error:
            return 0, (f"{entry.application.application}: {error}",)
        for tag in tags:
            if tag.updated_at is None:
                continue  # a registry that does not say when a tag was pushed cannot tell missed from old
            if hangs_on_an_image(tag.tag):
                continue
            event = ImagePushed(
                received_at=self.clock(),
                registry=image.registry,
                repository=image.repository,
                digest=tag.digest,
                tag=tag.tag,
                pushed_at=tag.updated_at,
                source="sweep",
            )
            age = self.clock() - tag.updated_at
            if not SETTLED <= age <= PUSH_WINDOW or not check_tag(image.tags, tag.tag).passed:
                continue
            if self.ledger.release_of(entry.application.application, tag.digest) is None:
                found += sum(receipt.outcome is Outcome.TAKEN for receipt in self.handler.handle(event))
        return found, ()
