"""The reconcile timer finishes what was left undone: unsent messages, missed deadlines and pushes, old marks.

It looks at the applications in the index of what is due, and at a few others in turn, to find what no entry announces.
So a quiet minute costs the same with ten applications as with a thousand.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from ..catalogue import check_tag
from ..catalogue.entries import Catalogue, Entry
from ..clock import Clock
from ..domain.application import SourceKind
from ..domain.decide.deadlines import overdue
from ..domain.errors import SourceAway
from ..domain.events import ImagePushed
from ..domain.model import Record
from ..domain.release import Head, Phase, Release
from ..domain.signing import KeysUnavailable
from ..effects.messaging import QueueUnavailable
from ..effects.registry import NotInRegistry, Registry, RegistryError
from ..engine.freezing import Freezer
from ..engine.handle import Contended, Handler, Outcome
from ..engine.observing import reconciling
from ..engine.outbox import Outbox
from ..inbound.event_grid import is_attached_to_image
from ..ledger import SEEN_PARTS, Ledger, LedgerUnavailable, OutboxEntry
from ..ledger.due import EVERYTHING, SETTLED, Due
from ..ledger.freezes import FreezeState
from ..ledger.keys import INSTALLATION
from ..ledger.looks import LookAnswers
from ..ledger.neighbours import InstallationRows
from ..ledger.pruning import prune_answers, prune_seen
from ..ledger.table import Row
from ..queries.numbers import PORTION, Numbers
from ..telemetry import Attribute, Family, about, span
from ..telemetry.redaction import unexpected

log = logging.getLogger(__name__)

IN_TURN = 8
"""The number of applications that each run looks at regardless of the index; the next run continues with the following
ones."""
GATE_SHOWN = timedelta(minutes=15)
"""An open gate is looked at this often, for the metric of its age."""
SEEN_FOR = timedelta(days=30)
ANSWERS_EACH = 16
"""An application's old answers are deleted at every sixteenth of its turns."""
BATCH = 20
PROBLEM_LIMIT = 500
"""The most characters of one problem."""
RECENT_TAGS = 20
PUSH_WINDOW = timedelta(hours=24)
"""The greatest age of a missed push. Older tags are ignored, so that a new installation does not deploy history."""


class Reconciled(Record):
    """The result of one reconcile run."""

    sent: int = 0
    counted: int = 0
    """Audit records that were added to the numbers, and copied into the index once more."""
    deadlines: int = 0
    reminders: int = 0
    missed_pushes: int = 0
    marks_forgotten: int = 0
    problems: tuple[str, ...] = ()

    def plus(self, more: "Reconciled") -> "Reconciled":
        return Reconciled(**{name: value + getattr(more, name) for name, value in self})


class PruningTurn(NamedTuple):
    """One application's turn to be tidied: which part of its marks to prune, and whether to prune its answers too."""

    marks: int
    answers: bool


@dataclass(frozen=True, kw_only=True)
class Reconciler:
    """Reconciles the applications one after the other; a failure in one does not stop the others."""

    ledger: Ledger
    catalogue: Catalogue
    handler: Handler
    prove: Callable[[ImagePushed], ImagePushed]
    """Asks the registry what was pushed. Raises `SourceAway`."""
    outbox: Outbox
    left_over_entries: Callable[[str, Sequence[OutboxEntry]], list[OutboxEntry]]
    """Those of an application's messages that will arrive in no other way."""
    registry: Callable[[str], Registry]
    numbers: Numbers
    freezer: Freezer
    """Tells applications about a freeze of everything that they have missed."""
    take_inbox: Callable[[], tuple[str, ...]]
    """Takes the rows of the inbox whose hints should have come by now; returns the problems met."""
    settle_changes: Callable[[], tuple[str, ...]]
    """Brings proposed changes of the catalogue to their end if that is due; returns the problems met."""
    looks: LookAnswers
    clock: Clock
    in_turn: int = IN_TURN

    def run(self, *, look_for_pushes: bool = True) -> Reconciled:
        total = Reconciled(problems=self.take_inbox())
        try:
            due = self.ledger.due.at(self.clock())
            installation_rows = self.ledger.of_installation()
        except LedgerUnavailable as away:
            return total.evolve(problems=(*total.problems, str(away)))
        entries, due_applications, failed = list(self.catalogue), {entry.application for entry in due}, set[str]()
        turns = self._turns(len(entries))
        for position, entry in enumerate(entries):
            name = entry.application.application
            if position in turns or not due_applications.isdisjoint((name, EVERYTHING)):
                looked = self._tried(
                    name, partial(self._look, entry, installation_rows.freeze, turn=turns.get(position))
                )
                failed |= {name} if looked.problems else set()
                total = total.plus(looked)
            if look_for_pushes:
                total = total.plus(self._tried(name, partial(self._find_missed_pushes, entry)))
        applications = {EVERYTHING, *(entry.application.application for entry in entries)}
        total = total.evolve(problems=(*total.problems, *self._forget(due, applications, failed)))
        total = total.plus(self._tried(INSTALLATION, self._installation))
        total = total.plus(self._tried(INSTALLATION, partial(self._count_installation, installation_rows)))
        if total != Reconciled():
            log.info("reconcile: %s", total.model_dump(exclude_defaults=True))
        return total

    def _tried(self, name: str, work: Callable[[], Reconciled]) -> Reconciled:
        try:
            with about({Attribute.APPLICATION: name}), span(Family.RECONCILE, "application"):
                return work()
        except (LedgerUnavailable, QueueUnavailable, KeysUnavailable, Contended) as error:
            return Reconciled(problems=(f"{name}: {error}",))
        except Exception as error:
            log.exception("reconcile: %s failed", name)
            return Reconciled(problems=(f"{name}: {unexpected(error)}"[:PROBLEM_LIMIT],))

    def _turns(self, applications: int) -> Mapping[int, PruningTurn]:
        """The applications whose turn it is, by their positions."""
        count = min(self.in_turn, applications)
        first, turns = self._minute() * count, dict[int, PruningTurn]()
        for each in range(first, first + count):
            round_number, position = divmod(each, applications)
            turns[position] = PruningTurn(
                marks=round_number % SEEN_PARTS,
                answers=(round_number + position) % ANSWERS_EACH == 0,
            )
        return turns

    def _forget(self, due: tuple[Due, ...], known: set[str], failed: set[str]) -> tuple[str, ...]:
        """Forget the entries of applications that were looked at; returns the problems met. An application that could
        not be looked at is due again in a minute, with one entry however often it fails. The entry of an unknown
        application is kept for a while, since the application may become known."""
        now = self.clock()
        try:
            for name in sorted(failed):
                self.ledger.due.wait_until(name, now)
            self.ledger.due.forget([each for each in due if each.application in known or each.is_old(now)])
        except LedgerUnavailable as away:
            return (f"the index of what is due: {away}",)
        return ()

    def _installation(self) -> Reconciled:
        problems = self.settle_changes()
        self.looks.prune(self.clock())
        if self._minute() % SEEN_PARTS == 0:
            prune_answers(self.ledger.table, INSTALLATION, self.clock() - SEEN_FOR)
        return Reconciled(problems=problems)

    def _count_installation(self, installation_rows: InstallationRows) -> Reconciled:
        return Reconciled(counted=self.numbers.catch_up(INSTALLATION, end=installation_rows.head.sequence))

    def _look(self, entry: Entry, frozen: FreezeState | None, *, turn: PruningTurn | None) -> Reconciled:
        name, now = entry.application.application, self.clock()
        head = self.ledger.head(name)
        self.freezer.tell(name, head, frozen)
        sent, all_sent = self._send_left_over(name)
        releases = self._active(head)
        changed = self._take_what_is_due(entry, releases)
        counted = self.numbers.catch_up(name, end=head.sequence)
        whole = all_sent and counted < PORTION
        again = next_look(releases, now) if whole else now
        if again is not None:
            self.ledger.due.wait_until(name, again)
        return Reconciled(
            sent=sent,
            counted=counted,
            deadlines=changed["deadline-reached"],
            reminders=changed["reminder-due"],
            marks_forgotten=self._tidy(name, turn) if turn is not None else 0,
        )

    def _tidy(self, application: str, turn: PruningTurn) -> int:
        before = self.clock() - SEEN_FOR
        if turn.answers:
            prune_answers(self.ledger.table, application, before)
        return prune_seen(self.ledger.table, application, before, part=turn.marks)

    def _minute(self) -> int:
        return int(self.clock().timestamp()) // 60

    def _send_left_over(self, application: str) -> tuple[int, bool]:
        """Returns how many messages were sent, and whether those are all that have waited for a while, or are not the
        worker's. For a later message its writer has made an entry."""
        settled, unreadable = self.clock() - SETTLED, list[Row]()
        read = self.ledger.outbox(application, unreadable)
        self.outbox.set_aside(application, unreadable)
        self.ledger.forget(application, [row.key for row in unreadable])
        entries = self.left_over_entries(
            application, [entry for entry in read if entry.fault or entry.written_at <= settled]
        )
        reconciling.measure_outbox(application, (entry.written_at for entry in entries), self.clock())
        sent = 0
        for start in range(0, len(entries), BATCH):
            batch = entries[start : start + BATCH]
            if not self.outbox.send(batch):
                break
            self.ledger.forget(application, [entry.row for entry in batch])
            sent += len(batch)
        return sent, sent == len(entries)

    def _active(self, head: Head) -> list[Release]:
        active = (self.ledger.release(head.application, number) for number in head.active)
        return [release for release in active if release is not None]

    def _take_what_is_due(self, entry: Entry, releases: Sequence[Release]) -> Counter[str]:
        """Handle deadlines and reminders whose messages did not arrive, and waiting releases whose application has
        changed. For a stalled application, plans are made again only once it is in order. Returns the number
        of events of each kind that changed something."""
        now, changed = self.clock(), Counter[str]()
        reconciling.measure_gates(entry.application, releases, now)
        for release in releases:
            for event in overdue(release, now=now, definition="" if entry.problems else entry.fingerprint):
                receipts = self.handler.handle(event)
                changed[event.kind] += sum(receipt.outcome is Outcome.TAKEN for receipt in receipts)
        return changed

    def _find_missed_pushes(self, entry: Entry) -> Reconciled:
        """Create releases for recent tags that no event announced: events can be lost, the registry is
        authoritative."""
        image, created = entry.application.pushed, 0
        try:
            tags = self.registry(image.registry).recent_tags(image.repository, RECENT_TAGS)
        except NotInRegistry:
            return Reconciled()  # nothing was ever pushed there: the application is new
        except RegistryError as error:
            return Reconciled(problems=(f"{entry.application.application}: {error}",))
        for tag in tags:
            if tag.updated_at is None:
                continue  # without the time of the push, a missed one cannot be distinguished from an old one
            if is_attached_to_image(tag.tag):
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
                    problem = f"{entry.application.application}: {away}"
                    return Reconciled(missed_pushes=created, problems=(problem,))
                created += sum(receipt.outcome is Outcome.TAKEN for receipt in self.handler.handle(event))
        return Reconciled(missed_pushes=created)

    def _is_news(self, application: str, event: ImagePushed) -> bool:
        """Whether the push may start a release: its image has none, or was pushed again after that release had
        ended."""
        number = self.ledger.release_of(application, event.digest)
        release = self.ledger.release(application, number) if number is not None else None
        may_start = release is None or (release.phase.final and event.pushed_at > release.ended_at)
        return may_start and not self.ledger.was_handled(application, event)  # an ignored push is on record


def next_look(releases: Iterable[Release], now: datetime) -> datetime | None:
    """When the releases have to be looked at again; None if they wait for nothing. A release that is still due after it
    was looked at counts as due now."""
    moments = list[datetime | None]()
    for release in releases:
        moments.append(release.due)
        if release.phase is Phase.AWAITING_APPROVAL and release.gate is not None:
            moments += [release.gate.remind_at if release.gate.frozen_since is None else None, _next_shown(now)]
    return max(min((moment for moment in moments if moment is not None), default=now), now) if any(moments) else None


def _next_shown(now: datetime) -> datetime:
    """The next look, rounded so that all looks in between write one entry."""
    period = int(GATE_SHOWN.total_seconds())
    return datetime.fromtimestamp((int(now.timestamp()) // period + 1) * period, UTC)
