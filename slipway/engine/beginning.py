"""Begins a step in the invocation that asked for it, so that it waits for no queue.

The row by which the outbox keeps the step's message stays until the outcome is committed, or a next message sent. Where
the process ends before, the reconcile timer sends the message, as it does where one was never sent.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from ..ahead import ahead
from ..domain.queues import Queue
from ..domain.steps import Step
from ..ledger import OutboxEntry
from ..ledger.ledger import Committed
from ..ledger.standing import Nearby
from ..telemetry import within_message
from .outbox import Outbox

log = logging.getLogger(__name__)

BESIDE: Final = 4
"""Invocations of a process that may run a step beside what their queue is for: what people say and what is pushed must
not wait for slow steps of others."""

type Run = Callable[[Step, Nearby], None]


@dataclass
class Room:
    """What one invocation has begun."""

    run: Callable[[], Run]
    may_begin: Callable[[], bool]
    outbox: Outbox
    under_way: list[Callable[[], None]] = field(default_factory=list)

    def begin(self, committed: Committed) -> tuple[OutboxEntry, ...]:
        """Begin what the commit asked for and a release waits for; returns what need not be sent."""
        begun = []
        for entry in committed.entries:
            step = _step(entry)
            nearby = committed.nearby(step.release) if step is not None else None
            if step is not None and nearby is not None and self.may_begin():
                self.under_way.append(ahead(partial(self._run, entry, step, nearby)))
                begun.append(entry)
        return tuple(begun)

    def wait(self) -> None:
        """Until all of it has ended, and what it has begun itself."""
        while self.under_way:
            self.under_way.pop()()

    def _run(self, entry: OutboxEntry, step: Step, nearby: Nearby) -> None:
        """Whatever goes wrong is dealt with by whoever receives the message."""
        trace = entry.message.trace
        try:
            with within_message(trace.parent if trace else ""):
                self.run()(step, nearby)
        except Exception as error:
            log.warning("%s: what was begun at once goes to its queue: %s", step.id, error, exc_info=True)
            self.outbox.send([entry])


_room: ContextVar[Room | None] = ContextVar("room", default=None)


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """Gives invocations room to begin steps."""

    run: Callable[[], Run]
    """Opened with the first step."""
    outbox: Outbox
    beside: threading.Semaphore = field(default_factory=partial(threading.Semaphore, BESIDE))

    @contextmanager
    def room(self, queue: Queue) -> Iterator[None]:
        """Within the block a commit begins the step that it asks for; the block ends when the step does. Not where
        others wait for the end of a session."""
        if queue.sessions:
            yield
            return
        slots = list[bool]()

        def may_begin() -> bool:
            if not slots:
                slots.append(queue is Queue.STEPS or self.beside.acquire(blocking=False))
            return slots[0]

        room = Room(run=self.run, may_begin=may_begin, outbox=self.outbox)
        token = _room.set(room)
        try:
            yield
        finally:
            _room.reset(token)
            try:
                room.wait()
            finally:
                if slots == [True] and queue is not Queue.STEPS:
                    self.beside.release()


def begun_at_once(committed: Committed) -> tuple[OutboxEntry, ...]:
    """What the commit asked for and this invocation has begun."""
    room = _room.get()
    return room.begin(committed) if room is not None else ()


def _step(entry: OutboxEntry) -> Step | None:
    """The step that the message asks for, if it is due and a release waits for it."""
    message = entry.message
    if message.queue != Queue.STEPS or message.not_before is not None:
        return None
    step = Step.model_validate(message.body)
    return step if step.kind.is_awaited else None
