"""Begins a step in the invocation that asked for it, so that it waits for no queue.

The message of that invocation is its safety net, as a step's own message is for a step from a queue: an instance that
stops settles nothing, so the bus delivers the message again, and its next receiver sends the steps that were begun
within it. Until the outcome is committed, or a next message sent, the step's message keeps its row in the outbox.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from ..ahead import ahead
from ..clock import Clock
from ..domain.model import sha256
from ..domain.queues import Queue
from ..domain.steps import Step, Trace
from ..effects.messaging import QueueUnavailable
from ..ledger import Ledger, OutboxEntry
from ..ledger.leases import Leases
from ..telemetry import Family, span, within_message
from .outbox import Outbox

log = logging.getLogger(__name__)

BESIDE: Final = 4
"""The number of a process's invocations that may run a step beside their queue's own work: statements of people and
pushes must not wait for slow steps of others."""
BEGUN_WITHIN: Final = timedelta(minutes=2)
"""An invocation that has taken longer begins nothing more: its time is limited, and a copy may need most of it."""
LEFT_TO_ITS_MESSAGE: Final = timedelta(minutes=5)
"""So long after the end of its lease the reconcile timer leaves a step to the message in which it was begun."""

type Run = Callable[[Step, str], None]


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Gives invocations room to begin steps."""

    run: Callable[[], Run]
    """Opened with the first step."""
    ledger: Ledger
    leases: Leases
    outbox: Outbox
    clock: Clock
    beside: threading.Semaphore = field(default_factory=partial(threading.Semaphore, BESIDE))

    @contextmanager
    def room(self, queue: Queue, body: bytes, *, again: bool) -> Iterator[None]:
        """Within the block a commit begins the step that it asks for; the block ends when the step does. Not where
        others wait for the end of a session. `again`: the message may have been delivered to somebody before."""
        if queue.sessions:
            yield
            return
        within, is_free = sha256(body), queue is Queue.STEPS
        room = _Room(beginning=self, within=within, again=again, is_free=is_free, began=self.clock())
        token = _room.set(room)
        try:
            yield
        finally:
            _room.reset(token)
            room.ending.close()

    def send_left_over(self, application: str, within: str) -> None:
        """Send what was begun within the message, and what nobody has sent. A step that somebody else has begun is
        theirs.

        Raises `LedgerUnavailable`, `KeysUnavailable`, `QueueUnavailable`.
        """
        entries = [entry for entry in self.ledger.outbox(application) if not entry.fault]
        begun = self.leases.begun(application) if entries else {}
        if not self.outbox.send([entry for entry in entries if begun.get(_step_id(entry), within) == within]):
            raise QueueUnavailable(f"{application}: what was begun before could not be sent")

    def left(self, application: str, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """Those of the entries that no message brings again, for the reconcile timer. Raises `LedgerUnavailable`."""
        since = self.clock() - LEFT_TO_ITS_MESSAGE
        begun = self.leases.begun(application, since=since) if entries else {}
        return [entry for entry in entries if entry.fault or not begun.get(_step_id(entry))]


@dataclass
class _Room:
    """One invocation."""

    beginning: Beginning
    within: str
    again: bool
    is_free: bool
    """Whether a step is in its own place here."""
    began: datetime
    concerned: set[str] = field(default_factory=set)
    taken: bool = False
    ending: ExitStack = field(default_factory=ExitStack)
    """Waits for every step that was begun, and for the steps that those begin, even if waiting for some of them
    fails."""

    def begin(self, entry: OutboxEntry) -> bool:
        step = _step(entry)
        if step is None or step.application not in self.concerned or not self._may_begin():
            return False
        self.ending.callback(ahead(partial(self._run, entry, step)))
        return True

    def _may_begin(self) -> bool:
        if self.beginning.clock() - self.began > BEGUN_WITHIN:
            return False
        if not self.is_free and not self.taken and self.beginning.beside.acquire(blocking=False):
            self.taken = True
            self.ending.callback(self.beginning.beside.release)
        return self.is_free or self.taken

    def _run(self, entry: OutboxEntry, step: Step) -> None:
        """In the trace of the release, as by its queue, and not in that of the person or event that it waited for. A
        failure is left to the next receiver of the message."""
        trace = entry.message.trace or Trace()
        begun = span(Family.QUEUE, f"begin {Queue.STEPS}", parent=trace.parent, link=trace.link)
        try:
            with within_message(trace.parent), begun:
                self.beginning.run()(step, self.within)
        except Exception as error:
            log.warning("%s: what was begun at once goes to its queue: %s", step.id, error, exc_info=True)
            self.beginning.outbox.send([entry])


_room: ContextVar[_Room | None] = ContextVar("room", default=None)


def concerns(application: str) -> None:
    """Note that the message being handled concerns the application, and always will. Only this application's steps are
    begun at once, since only its steps are looked for if the message comes again.

    Raises what `Beginning.send_left_over` raises.
    """
    room = _room.get()
    if room is not None and application not in room.concerned:
        if room.again:
            room.beginning.send_left_over(application, room.within)
        room.concerned.add(application)


def begun_at_once(entries: Sequence[OutboxEntry]) -> tuple[OutboxEntry, ...]:
    """The steps that a commit asked for and this invocation has begun."""
    room = _room.get()
    return tuple(entry for entry in entries if room is not None and room.begin(entry))


def _step_id(entry: OutboxEntry) -> str:
    step = _step(entry)
    return step.id if step is not None else ""


def _step(entry: OutboxEntry) -> Step | None:
    """The step that the message asks for, if it is due and a release waits for it."""
    message = entry.message
    if message.queue != Queue.STEPS or message.not_before is not None:
        return None
    step = Step.model_validate(message.body)
    return step if step.kind.is_awaited else None
