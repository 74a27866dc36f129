"""The port to the message queues."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ...domain.hints import Hint
from ...domain.queues import Queue
from ...domain.steps import Outgoing, Trace

TRIES = "slipway-tries"
"""Application property: how many deliveries of the message failed before."""
PARENTS = ("traceparent", "Diagnostic-Id")
"""Application properties with the parent span of the message: W3C's name, and the one that the Functions host reads."""
LINK = "slipway-link"
"""Application property: a related span of another trace or of an earlier time."""


class QueueUnavailable(Exception):  # noqa: N818 - it is a state of the service
    """Service Bus could not be reached or refused the message; trying again later may help."""


class QueueDenied(QueueUnavailable):
    """The app's identity lacks a right on the queue; `right` is `send` or `listen`."""

    def __init__(self, queue: str, right: str) -> None:
        super().__init__(f"queue {queue}: the app's identity may not {right}")
        self.right = right


class MessageTooLarge(Exception):  # noqa: N818 - it says what is wrong with the message
    """Messages exceed the size limit of their queue. Unlike `QueueUnavailable` this is final: retrying cannot help."""

    def __init__(self, queue: str, ids: Sequence[str]) -> None:
        super().__init__(f"queue {queue}: messages too large: {', '.join(ids)}")
        self.queue, self.ids = queue, tuple(ids)


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that its queue moved to the dead letters."""

    queue: str
    body: bytes
    message_id: str
    reason: str
    session: str = ""
    """The session it belonged to, on a queue that has sessions."""


@dataclass(frozen=True, kw_only=True)
class WaitingMessage:
    """A message that waits in a session."""

    queue: str
    body: bytes
    message_id: str
    session: str
    enqueued_at: datetime
    tries: int = 0


@dataclass(frozen=True, kw_only=True)
class RawMessage:
    """A message whose body is sent unchanged: a hint, parked input that is replayed, or a message that is delivered
    again later."""

    queue: str
    body: bytes
    message_id: str
    session: str = ""
    """The message's session on a queue that has sessions, otherwise empty."""
    not_before: datetime | None = None
    tries: int = 0
    """Sent as the application property `slipway-tries`."""
    trace: Trace | None = None


def raw_hint(hint: Hint, *, not_before: datetime | None = None) -> RawMessage:
    body = hint.model_dump_json().encode()
    return RawMessage(queue=Queue.HINTS, body=body, message_id=hint.message_id, not_before=not_before)


class Bus(Protocol):
    """Sends messages; each arrives at least once, not before its time."""

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Send all messages.

        Raises `QueueUnavailable`, possibly after sending some of them. Raises `MessageTooLarge` after sending every
        message of the queue that fits.
        """
        ...

    def send_raw(self, message: RawMessage) -> None:
        """Raises `QueueUnavailable` and `MessageTooLarge`."""
        ...

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        """Pass each of the queue's dead letters to `keep`, then remove it; returns how many.

        If `keep` raises, the dead letter stays in the queue and the exception is passed on.
        """
        ...

    def take_free_sessions(self, queue: str, take: Callable[[WaitingMessage], None], *, limit: int = 100) -> int:
        """Pass the messages in sessions that nobody holds to `take`, then remove them; returns how many.

        If `take` raises, the message stays in the queue and the exception is passed on. Raises `QueueUnavailable`.
        """
        ...

    def probe(self, queue: str) -> datetime | None:
        """Check that the app can send to the queue and receive from it, leaving no message behind. Returns since when
        the oldest message has been waiting; on a queue with sessions, the oldest in the session that is free next.

        Raises `QueueDenied` and `QueueUnavailable`.
        """
        ...


def encoded(message: Outgoing) -> bytes:
    """The message's body as sent."""
    return json.dumps(message.body, separators=(",", ":")).encode()


def trace_properties(trace: Trace | None) -> dict[str, str]:
    """The application properties that carry the trace with its message."""
    if trace is None:
        return {}
    parents = dict.fromkeys(PARENTS, trace.parent) if trace.parent else {}
    return parents | ({LINK: trace.link} if trace.link else {})
