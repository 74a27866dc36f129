"""The port to the message queues."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ...domain.steps import Outgoing, Trace

TRIES = "slipway-tries"
"""Application property: how many deliveries of the message went wrong before."""
PARENTS = ("traceparent", "Diagnostic-Id")
"""Application properties with the span that the message goes on from: W3C's name, and the one that the host reads."""
LINK = "slipway-link"
"""Application property: a span of another trace, or of long ago, that the message has to do with."""


class QueueUnavailable(Exception):  # noqa: N818 - it is a state of the service
    """Service Bus could not be reached or refused the message; trying again later may help."""


class QueueDenied(QueueUnavailable):
    """Service Bus does not let us; `right` is `send` or `listen`."""

    def __init__(self, queue: str, right: str) -> None:
        super().__init__(f"queue {queue}: it may not {right}")
        self.right = right


class MessageTooLarge(Exception):  # noqa: N818 - it says what is wrong with the message
    """Messages exceed the size that their queue takes. Unlike `QueueUnavailable` it is final: they will never fit."""

    def __init__(self, queue: str, ids: Sequence[str]) -> None:
        super().__init__(f"queue {queue}: too large for it: {', '.join(ids)}")
        self.queue, self.ids = queue, tuple(ids)


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """A message that its queue gave up on."""

    queue: str
    body: bytes
    message_id: str
    reason: str


class Bus(Protocol):
    """Sends messages; each arrives at least once, not before its time."""

    def send(self, messages: Sequence[Outgoing]) -> None:
        """Raises `QueueUnavailable`; some of the messages may have been sent then. Raises `MessageTooLarge` once
        every message of the queue that fits has been sent."""
        ...

    def send_raw(
        self,
        queue: str,
        body: bytes,
        *,
        message_id: str,
        not_before: datetime | None = None,
        tries: int = 0,
        trace: Trace | None = None,
    ) -> None:
        """A message as it is: to replay parked input into its queue, or to deliver a message again later.

        `tries` travels along as the application property `slipway-tries`, the trace as those of `trace_properties`.
        Raises `QueueUnavailable` and `MessageTooLarge`.
        """
        ...

    def drain(self, queue: str, keep: Callable[[DeadLetter], None], *, limit: int = 100) -> int:
        """Hand the queue's dead letters to `keep`, removing each afterwards; returns how many there were."""
        ...

    def probe(self, queue: str) -> None:
        """Whether the queue can be sent to and received from; nothing is left in it. Raises `QueueDenied`,
        `QueueUnavailable`."""
        ...


def encoded(message: Outgoing) -> bytes:
    """The message's body as it goes over the wire."""
    return json.dumps(message.body, separators=(",", ":")).encode()


def trace_properties(trace: Trace | None) -> dict[str, str]:
    """How a trace travels with its message."""
    if trace is None:
        return {}
    parents = dict.fromkeys(PARENTS, trace.parent) if trace.parent else {}
    return parents | ({LINK: trace.link} if trace.link else {})
