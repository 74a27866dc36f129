"""A message in a queue, and what can become of it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol

from ..wire.message import SCHEDULED_FOR, Message
from ..wire.types import AmqpValue, Int, Symbol, Timestamp
from .deadlines import Deadline


class State(IntEnum):
    """The states; their numbers are those of the annotation x-opt-message-state."""

    ACTIVE = 0
    """Waits for a receiver, or is locked by one."""
    DEFERRED = 1
    """Set aside: only returned by sequence number."""
    SCHEDULED = 2
    """Not enqueued yet."""


class Outcome(Enum):
    """How a receiver settles a locked message."""

    COMPLETED = "completed"
    """Done: the message is removed."""
    ABANDONED = "abandoned"
    """Failed: counts as a delivery, and is available again at once."""
    DEFERRED = "deferred"
    """Set aside, to be requested by sequence number."""
    DEAD_LETTERED = "dead-lettered"
    """Moved to the dead-letter sub-queue with a reason."""
    RELEASED = "released"
    """Not handled: available again, without counting as a delivery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    outcome: Outcome
    changes: Mapping[AmqpValue, AmqpValue] = field(default_factory=dict)
    """Application properties to set; with DEAD_LETTERED, reason and description are among them."""


@dataclass(slots=True, eq=False, kw_only=True)
class Lock:
    token: uuid.UUID
    until: float
    expiry: Deadline | None


@dataclass(slots=True, eq=False, kw_only=True)
class Entry:
    sequence: int
    message: Message
    enqueued: float
    state: State = State.ACTIVE
    delivery_count: int = 0
    first_sequence: int = 0
    """Its number in the queue from which it was dead-lettered; 0 if it was sent to this queue."""
    time_to_live: float | None = None
    """Seconds, if the sender or the queue sets a limit: the smaller of the two."""
    due: float | None = None
    expires: float | None = None
    lock: Lock | None = None
    activation: Deadline | None = None
    expiry: Deadline | None = None

    @property
    def ready(self) -> bool:
        return self.state is State.ACTIVE and self.lock is None

    def forget_deadlines(self) -> None:
        lock_expiry = None if self.lock is None else self.lock.expiry
        for deadline in (self.activation, self.expiry, lock_expiry):
            if deadline is not None:
                deadline.cancel()

    def render(self) -> bytes:
        annotations: dict[Symbol, AmqpValue] = {
            Symbol("x-opt-sequence-number"): self.sequence,
            Symbol("x-opt-enqueued-time"): Timestamp.of(self.enqueued),
            Symbol("x-opt-message-state"): Int(self.state),
            Symbol("x-opt-enqueue-sequence-number"): self.first_sequence or self.sequence,
        }
        if self.lock is not None:
            annotations[Symbol("x-opt-locked-until")] = Timestamp.of(self.lock.until)
        if self.due is not None:
            annotations[SCHEDULED_FOR] = Timestamp.of(self.due)
        return self.message.render(
            delivery_count=self.delivery_count, time_to_live=self.time_to_live, annotations=annotations
        )


class Receiver(Protocol):
    """What a queue needs of a link to give it messages."""

    deletes: bool
    """Receive-and-delete: a delivered message is removed at once."""

    @property
    def wants(self) -> bool:
        """Whether it can take one more message now."""

    def deliver(self, payload: bytes, token: uuid.UUID | None) -> None:
        """Take a message; there is no token if it `deletes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many messages are in a queue, by the reason why they wait."""

    active: int = 0
    locked: int = 0
    deferred: int = 0
    scheduled: int = 0
    dead_lettered: int = 0
