"""A message in a queue, and the words for its possible ends."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import Protocol

from ..wire.message import SCHEDULED_FOR, Message
from ..wire.types import AmqpValue, Int, Symbol, Timestamp
from .deadlines import Deadline


class State(IntEnum):
    """The numbers are those of the annotation x-opt-message-state."""

    ACTIVE = 0
    """Waits for a receiver, or is locked by one."""
    DEFERRED = 1
    """Set aside: handed out by sequence number only."""
    SCHEDULED = 2
    """Not enqueued yet."""


class Outcome(Enum):
    """The ways in which a receiver settles a locked message."""

    COMPLETED = "completed"
    """Done: the message is removed."""
    ABANDONED = "abandoned"
    """Failed: counts as a delivery, available again at once."""
    DEFERRED = "deferred"
    """Set aside, to be asked for by sequence number."""
    DEAD_LETTERED = "dead-lettered"
    """Moved to the dead-letter sub-queue with a reason."""
    RELEASED = "released"
    """Never looked at: available again, and it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    outcome: Outcome
    changes: Mapping[AmqpValue, AmqpValue] = field(default_factory=dict)
    """Application properties to set; with DEAD_LETTERED the reason and the description are among them."""


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
    """The number that it had in the queue from which it was dead-lettered; 0 if it was sent to this one."""
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
    """The part of a link that a queue must know to give it messages."""

    deletes: bool
    """Receive-and-delete: what is handed over is gone."""

    @property
    def wants(self) -> bool:
        """Whether it can take one more message now."""

    def deliver(self, payload: bytes, token: uuid.UUID | None) -> None:
        """Take a message; there is no token when it `deletes`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The number of messages in a queue, by the reason why they wait."""

    active: int = 0
    locked: int = 0
    deferred: int = 0
    scheduled: int = 0
    dead_lettered: int = 0
