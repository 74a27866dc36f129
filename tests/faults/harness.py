"""Runs a delivery on a mortal process, with queues that deliver at least once and in any order, until all is quiet.

The queues hold a message until its handling has ended; when the process dies they deliver it again. Time moves only
when nothing is due: to the next scheduled message or the next minute, in which the reconcile timer runs.
"""

import json
import random
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from slipway.domain.audit import AuditRecord
from slipway.domain.events import EVENT, ImagePushed, VoteCast
from slipway.domain.queues import Queue
from slipway.domain.release import VoteDecision
from slipway.domain.steps import Step
from slipway.domain.tokens import read_link
from slipway.effects.messaging import DeadLetter
from slipway.effects.notification import Message
from slipway.engine.receiving import QueueMessage
from slipway.inbound.reading import read_as, read_json
from slipway.ledger.audit_index import AuditIndex
from slipway.ledger.index_keys import COPIES, axis_of, copies
from slipway.testing import ADA, PUBLIC_KEYS, Installation
from tests.faults.mortal import Crash, Life, mortal_ports

DELIVERIES = 10
"""How often a queue tries a message before it gives up."""
MINUTE = timedelta(minutes=1)
LONGEST = timedelta(hours=6)
"""Everything must be quiet by then."""
LATE = timedelta(days=2)


@dataclass(kw_only=True)
class QueuedMessage:
    """A message in a queue, and how often it was delivered."""

    queue: str
    body: bytes
    id: str
    not_before: datetime | None
    tries: int = 0
    session: str = ""
    delivered: int = 0


@dataclass(frozen=True, kw_only=True)
class Faults:
    """The faults of a run."""

    crash_at: frozenset[int] = frozenset()
    fail_at: frozenset[int] = frozenset()
    seed: int | None = None
    """Shuffles the order of due messages, and delivers some of them twice; None for in order and once."""
    twice: float = 0.3
    """The probability that a message is delivered a second time."""


@dataclass(kw_only=True)
class Run:
    """One delivery under faults."""

    installation: Installation
    life: Life
    faults: Faults
    queues: list[QueuedMessage] = field(default_factory=list)
    voted: set[str] = field(default_factory=set)
    at_once: bool = True
    """Whether an invocation starts the steps that it requests, as the app's do."""
    crashes: int = 0
    dice: random.Random = field(default_factory=random.Random)

    @classmethod
    def new(cls, folder: Path, faults: Faults) -> "Run":
        life = Life(crash_at=faults.crash_at, fail_at=faults.fail_at)
        installation = Installation(folder, wrap=lambda ports: mortal_ports(ports, life))
        run = cls(installation=installation, life=life, faults=faults, dice=random.Random(faults.seed))
        installation.inbox.on_message = run._vote_when_asked
        return run

    # ---- what happens outside
    def push(self, tag: str) -> None:
        """Enqueue a push, for the application to decide on in its turn."""
        self.enqueue_push(self.installation.pushed(tag))

    def enqueue_push(self, event: ImagePushed) -> None:
        self._enqueue("work", event.model_dump_json().encode(), event.mark)

    def _vote_when_asked(self, message: Message) -> None:
        """Ada approves each request once, with the link that she was sent."""
        if message.recipient != ADA or message.approval_url in self.voted:
            return
        token = message.approval_url.rpartition("/")[2]
        claims = read_link(token, PUBLIC_KEYS, now=self.installation.now)
        vote = VoteCast(
            received_at=self.installation.now,
            application=claims.application,
            release=claims.release,
            environment=claims.environment,
            plan_hash=claims.plan_hash,
            voter=claims.approver,
            decision=VoteDecision.APPROVE,
            channel="page",
            submission=f"form-of-{claims.release}-{claims.environment}",
        )
        if vote.mark not in self.voted:
            self.voted.add(vote.mark)
            self._enqueue("work", vote.model_dump_json().encode(), vote.mark)

    def _enqueue(self, queue: str, body: bytes, id: str) -> None:
        session = "shop" if queue == "work" else ""
        self.queues.append(QueuedMessage(queue=queue, body=body, id=id, not_before=None, session=session))

    # ---- the queues' part
    def until_quiet(self) -> None:
        """Deliver and reconcile until no release is under way and nothing waits to be sent."""
        end, reconcile_at = self.installation.now + LONGEST, self.installation.now + MINUTE
        while True:
            self._deliver_due()
            if self._quiet():
                return
            waits = [queued.not_before for queued in self.queues if queued.not_before is not None]
            self.installation.now = min([reconcile_at, *waits])
            assert self.installation.now < end, f"not quiet after {LONGEST}: {self.story()}"
            if self.installation.now >= reconcile_at:
                reconcile_at += MINUTE
                self._mortal(self._reconcile)

    def late_messages(self) -> None:
        """Deliver what was scheduled for later, and run the reconcile timer once more."""
        self.installation.wait(LATE)
        self._deliver_due()
        self._mortal(self._reconcile)
        self._deliver_due()

    def _reconcile(self) -> None:
        """The timer relies on the index of due applications alone: an application missing from it would never
        finish."""
        replace(self.installation.app.reconciler, in_turn=0).run(look_for_pushes=False)

    def _deliver_due(self) -> None:
        self._collect()
        while due := [
            queued for queued in self.queues if (queued.not_before or self.installation.now) <= self.installation.now
        ]:
            self._deliver(due[0] if self.faults.seed is None else self.dice.choice(due))
            self._collect()

    def _collect(self) -> None:
        for message in self.installation.bus.sent:
            body = read_bytes(message.body)
            self.queues.append(
                QueuedMessage(
                    queue=message.queue,
                    body=body,
                    id=message.id,
                    not_before=message.not_before,
                    session=message.session,
                )
            )
        for raw in self.installation.bus.raw:
            self.queues.append(
                QueuedMessage(
                    queue=raw.queue,
                    body=raw.body,
                    id=raw.message_id,
                    not_before=raw.not_before,
                    tries=raw.tries,
                    session=raw.session,
                )
            )
        self.installation.bus.sent.clear()
        self.installation.bus.raw.clear()

    def _deliver(self, queued: QueuedMessage) -> None:
        queued.delivered += 1
        handled = self._mortal(lambda: self._receive(queued))
        again = self.faults.seed is not None and queued.delivered == 1 and self.dice.random() < self.faults.twice
        if handled and not again:
            self.queues.remove(queued)
        elif queued.delivered >= DELIVERIES:
            self.queues.remove(queued)
            self.installation.bus.dead.append(
                DeadLetter(
                    queue=queued.queue,
                    body=queued.body,
                    message_id=queued.id,
                    reason="MaxDeliveryCountExceeded",
                    session=queued.session,
                )
            )

    def _receive(self, queued: QueuedMessage) -> None:
        queue = next(name for name in Queue if name == queued.queue)
        again = queued.delivered > 1 or queued.tries > 0
        room = self.installation.app.beginning.room(queue, queued.body, again=again)
        with room if self.at_once else nullcontext():
            self.installation.app.receiver.receive(
                lambda body: self._work(queued, body),
                QueueMessage(
                    queue=queued.queue, body=queued.body, id=queued.id, tries=queued.tries, session=queued.session
                ),
            )
        self.life.reach("message before complete")

    def _mortal(self, work: Any) -> bool:
        """Whether the process survived the work, and the work raised nothing."""
        try:
            work()
        except Crash:
            self.crashes += 1
            self.life.restart()
            return False
        except Exception:
            if not self.faults.fail_at:
                raise
            return False
        return True

    def _work(self, queued: QueuedMessage, body: bytes) -> None:
        """As `functions/queues.py` does."""
        match queued.queue:
            case "work":
                self.installation.app.door.take_turn(queued.session, EVENT.validate_python(read_json(body)))
            case "steps":
                self.installation.run_step(read_as(Step, read_json(body)))
            case "approvals":
                self.installation.app.by_message.take(body)

    def _quiet(self) -> bool:
        soon = self.installation.now + timedelta(hours=1)
        waiting = [queued for queued in self.queues if queued.not_before is None or queued.not_before <= soon]
        head = self.installation.app.ledger.head("shop")
        return (
            not waiting
            and not head.active
            and head.sequence > 0
            and not list(self.installation.app.ledger.outbox("shop"))
        )

    # ---- the outcome
    def story(self) -> str:
        releases = [(r.id, str(r.phase), r.step) for r in self.installation.app.ledger.releases("shop", limit=10)]
        return f"releases {releases}, waiting {[(h.queue, h.id, h.not_before) for h in self.queues][:5]}"

    def outcome(self) -> dict[str, Any]:
        """The part of the outcome that must be the same whatever went wrong on the way."""
        installation = self.installation
        verdict = installation.verify()
        releases = sorted(installation.app.ledger.releases("shop", limit=50), key=lambda release: release.tag)
        lanes = installation.app.ledger.lanes("shop")
        return {
            "phases": {release.tag: str(release.phase) for release in releases},
            "live": {name: lane.live.tag if lane.live else None for name, lane in sorted(lanes.items())},
            "lanes are free": all(lane.in_progress is None and lane.waiting is None for lane in lanes.values()),
            "staging runs": installation.staging.digest("shop"),
            "production runs": installation.production.digest("shop"),
            "config maps": sorted(
                key[2]
                for cluster in (installation.staging, installation.production)
                for key in cluster.objects
                if key[1] == "ConfigMap"
            ),
            "copied": {tag: digest for (_, tag), digest in sorted(installation.prod.held.tags.items())},
            "locked": dict(installation.prod.locked),
            "acceptance runs": sorted({name.rpartition("-")[0] for name in installation.staging.jobs_started}),
            "intact": (verdict.intact, verdict.fault),
            "actions": Counter(action for action in installation.actions() if action not in UNCERTAIN),
            "unsent": [entry.row for entry in installation.app.ledger.outbox("shop")],
            "the index lacks": _missing_from_index(installation.trail(), installation.app.index),
            "parked": [(parked.source, parked.reason) for parked in installation.app.parking.all()],
            "dead letters": list(self.installation.bus.dead),
        }


UNCERTAIN = frozenset({"step.resent"})
"""Actions whose number may differ when things go wrong; every other action occurs just as often."""


def _missing_from_index(records: list[AuditRecord], index: AuditIndex) -> list[tuple[int, str]]:
    """Records that the index lacks, each with the axis on which it is missing."""
    return [
        (record.sequence, axis_of(key))
        for record in records
        for key in copies(record)
        if index.table.get(COPIES, key) is None
    ]


def read_bytes(body: dict[str, Any]) -> bytes:
    """A message's body as the bus writes it."""
    return json.dumps(body, separators=(",", ":")).encode()
