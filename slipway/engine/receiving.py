"""Receiving: deals with a message whose handling fails, so that one message never blocks its queue.

Parked at once: bad input, unknown targets, and input that leads to a message too large for its queue or to a row that
storage refuses. While a service that we need is unavailable, the message is put off again and again. After an
unexpected error, or if a row cannot be read, it is tried a few times and then parked.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from ..clock import Clock, utc_now
from ..domain.envelopes import EnvelopeRefused, Envelopes
from ..domain.errors import SourceAway
from ..domain.model import sha256
from ..domain.queues import Queue
from ..domain.signing import KeysUnavailable
from ..effects.messaging import Bus, MessageTooLarge, QueueUnavailable, RawMessage
from ..inbound import BadInput, Ignored, read_json
from ..ledger import Conflict, LedgerRefused, LedgerUnavailable
from ..ledger.table import UnreadableRow
from ..telemetry.redaction import unexpected
from .handle import Contended, UnknownTarget
from .parking import Parking

log = logging.getLogger(__name__)

TRIES = 6
"""Deliveries that end in an unexpected error before the message is parked."""


def pause_after(tries: int) -> timedelta:
    """Pause before the next delivery: 1, 2, 4 … 60 seconds."""
    return timedelta(seconds=min(60, 2 ** min(tries, 6)))


def open_message(envelopes: Envelopes, queue: Queue, body: bytes) -> dict[str, Any]:
    """The content of a message that the worker sent to its own queue. Raises `BadInput` for a message that it did not
    send."""
    try:
        return envelopes.open(queue, read_json(body))
    except EnvelopeRefused as refused:
        raise BadInput("envelope", "one of this installation's worker", str(refused)) from refused


@dataclass(frozen=True, kw_only=True)
class QueueMessage:
    """A message as its queue delivered it."""

    queue: str
    body: bytes
    id: str
    tries: int = 0
    """The number of times it was put off before."""
    session: str = ""
    """The session that it belongs to, where its queue has sessions."""


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Runs a handler on each message and deals with its errors."""

    parking: Parking
    bus: Bus
    clock: Clock = utc_now

    def receive(self, work: Callable[[bytes], None], message: QueueMessage) -> None:
        """Raises only if the message could be neither handled nor put off; the queue then delivers it again."""
        try:
            work(message.body)
        except Ignored as ignored:
            log.info("%s: ignored: %s", message.queue, ignored)
        except (BadInput, UnknownTarget, MessageTooLarge, LedgerRefused) as wrong:
            self._park(message, reason=str(wrong))
        except UnreadableRow as unreadable:
            self._try_again(message, reason=str(unreadable))
        except (LedgerUnavailable, QueueUnavailable, KeysUnavailable, SourceAway, Contended, Conflict) as away:
            self._put_off(message, reason=str(away))
        except Exception as error:
            log.exception("%s: message %s went wrong", message.queue, message.id)
            self._try_again(message, reason=unexpected(error))

    def _try_again(self, message: QueueMessage, *, reason: str) -> None:
        if message.tries + 1 < TRIES:
            self._put_off(message, reason=reason)
        else:
            self._park(message, reason=f"{reason} (tried {message.tries + 1} times)")

    def _park(self, message: QueueMessage, *, reason: str) -> None:
        """Park the message, or put it off if parking is unavailable, so that the reason is not lost."""
        try:
            self._keep(message, reason)
        except (LedgerUnavailable, Conflict) as away:
            self._put_off(message, reason=str(away))

    def _keep(self, message: QueueMessage, reason: str) -> None:
        self.parking.park(
            source=message.queue,
            reason=reason,
            body=message.body,
            message_id=message.id,
            session=message.session,
        )

    def _put_off(self, message: QueueMessage, *, reason: str) -> None:
        """Enqueue a copy for later, with a counter, and complete the original: abandoning it would redeliver it at
        once."""
        pause = pause_after(message.tries)
        log.warning("%s: message %s again in %s: %s", message.queue, message.id, pause, reason)
        name = sha256(message.id.encode() + message.body).removeprefix("sha256:")[:40]
        later = RawMessage(
            queue=message.queue,
            body=message.body,
            message_id=f"{name}-try-{message.tries + 1}",
            session=message.session,
            not_before=self.clock() + pause,
            tries=message.tries + 1,
        )
        try:
            self.bus.send_raw(later)
        except MessageTooLarge as refused:
            # The copy with our counter is too large. If parking raises too, the original stays in its queue.
            self._keep(message, f"{reason}; {refused}")
