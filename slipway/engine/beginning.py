"""Begins a step in the invocation that asked for it, so that it waits for no queue.

The message of that invocation is its safety net, as a step's own message is for a step from a queue. If the instance
stops, the message is not settled and the bus delivers it again; its next receiver sends the steps that were begun
within it. The step's message keeps its row in the outbox until the outcome is committed or the step's next message is
sent.
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
"""The number of invocations in one process that may run a step beside their queue's own work: people's statements and
pushes must not wait for other applications' slow steps."""
BEGUN_WITHIN: Final = timedelta(minutes=2)
"""An invocation that has taken longer begins nothing more: its time is limited, and a copy may need most of it."""
LEFT_TO_ITS_MESSAGE: Final = timedelta(minutes=5)
"""The reconcile timer leaves a step to the message in which it was begun until this long after its lease has ended."""

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
        """Within the block, a commit begins the step that it asks for; the block ends when the step does. In a queue
        with sessions nothing is begun, since others wait for the session to end. `again`: the message may have been
        delivered before."""
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
        """Send the steps that were begun within the message, and every other message that nobody has taken. A step that
        was begun within another message is left to that one.

        Raises `LedgerUnavailable`, `KeysUnavailable`, `QueueUnavailable`.
        """
        entries = [entry for entry in self.ledger.outbox(application) if not entry.fault]
        begun = self.leases.begun(application) if entries else {}
        if not self.outbox.send([entry for entry in entries if begun.get(_step_id(entry), within) == within]):
            raise QueueUnavailable(f"{application}: what was begun before could not be sent")

    def left_over_entries(self, application: str, entries: Sequence[OutboxEntry]) -> list[OutboxEntry]:
        """The entries that no message will bring again, for the reconcile timer. Raises `LedgerUnavailable`."""
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
    """Whether the invocation is the steps queue's own, so that a step in it takes nobody's place."""
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
        """The step runs in the trace of the release, as it would from its queue, and not in the trace of the person or
        event that asked for it. A failure is left to the next receiver of the message."""
        trace = entry.message.trace or Trace()
        begun = span(Family.QUEUE, f"begin {Queue.STEPS}", parent=trace.parent, link=trace.link)
        try:
            with within_message(trace.parent), begun:
                self.beginning.run()(step, self.within)
        except Exception:
            log.warning("%s: what was begun at once goes to its queue", step.id, exc_info=True)
            self.beginning.outbox.send([entry])


_room: ContextVar[_Room | None] = ContextVar("room", default=None)


def concerns(application: str) -> None:
    """Note that the message being handled concerns the application. Only this application's steps are begun at once: if
    the message comes again, only its steps are looked for.

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
    """The step that the message asks for, if it is due and is one that a release waits for."""
    message = entry.message
    if message.queue != Queue.STEPS or message.not_before is not None:
        return None
    step = Step.model_validate(message.body)
    return step if step.kind.is_awaited else None
