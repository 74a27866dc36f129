"""Parking: input that cannot be handled is stored with the reason, shown to people, and can be replayed."""

import base64
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..clock import Clock, utc_now
from ..domain.errors import NotFound
from ..domain.model import sha256
from ..domain.queues import Queue
from ..domain.reports import Parked
from ..domain.sources import Source
from ..effects.messaging import Bus, DeadLetter, MessageTooLarge, RawMessage
from ..ledger.installation import InstallationLedger
from ..telemetry import Attribute, Metric, add

log = logging.getLogger(__name__)
MOST_LISTED = 200
"""Parked inputs in one list."""


class NotReplayable(Exception):  # noqa: N818
    """The parked input cannot be put back; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Parking:
    """Parks and replays."""

    installation: InstallationLedger
    bus: Bus
    again: Callable[[Source, bytes], None]
    """Replays input that did not come by a queue."""
    clock: Clock = utc_now

    def park(
        self, *, source: str, reason: str, body: bytes, message_id: str = "", id: str = "", session: str = ""
    ) -> Parked:
        """Store input with its reason; the same body of the same message, or the same `id`, is stored once."""
        digest = sha256(f"{source} {message_id} ".encode() + body).removeprefix("sha256:")
        now = self.clock()
        add(Metric.PARKED, {Attribute.SOURCE: source})
        log.warning("parked input of %s as %s: %s", source, digest[:12], reason)
        return self.installation.park(
            id=id or digest[:24],
            source=source,
            reason=reason,
            body=_as_text(body),
            message_id=message_id,
            session=session,
            now=now,
        )

    def replay(self, id: str, *, actor: str, inbox: str = "") -> Parked:
        """Handle the input once more. `inbox` is the row that ordered it, whose answer is written with the record.

        Raises `NotFound`, `NotReplayable`, `QueueUnavailable`, `BadInput`.
        """
        parked = self.installation.parked(id)
        if parked is None:
            raise NotFound(f"no parked input has the id {id!r}")
        source = Source.of_text(parked.source)
        if parked.source not in tuple(Queue) and source is None:
            raise NotReplayable(f"{parked.id} came from {parked.source}, which cannot be replayed")
        if parked.truncated:
            raise NotReplayable(f"{parked.id} was too long to be kept whole")
        now = self.clock()
        if source is not None:
            self.again(source, _as_bytes(parked.body))
        else:
            # One id for each order: taking one order twice puts back one message, two orders put back two.
            message_id = f"replay-{parked.id}-{inbox or f'{now:%Y%m%d%H%M%S%f}'}"
            try:
                body, session = _as_bytes(parked.body), parked.session
                self.bus.send_raw(RawMessage(queue=parked.source, body=body, message_id=message_id, session=session))
            except MessageTooLarge as refused:
                raise NotReplayable(f"{parked.id} is too large for the queue {parked.source}") from refused
        self.installation.record_replayed(parked, actor=actor, now=now, inbox=inbox)
        return parked

    def empty_dead_letters(self) -> int:
        """Park the dead letters of every queue; returns how many there were."""
        return sum(self.bus.drain(queue, self._keep) for queue in Queue)

    def _keep(self, letter: DeadLetter) -> None:
        reason = f"the queue gave up on it: {letter.reason}"
        self.park(
            source=letter.queue,
            reason=reason,
            body=letter.body,
            message_id=letter.message_id,
            session=letter.session,
        )

    def all(self) -> Iterator[Parked]:
        return self.installation.all_parked()

    def listed(self) -> tuple[list[Parked], bool]:
        """The parked input, waiting ones first, and whether there is more."""
        items = list(self.installation.all_parked(limit=MOST_LISTED + 1))
        return items[:MOST_LISTED], len(items) > MOST_LISTED


_BINARY = "base64:"
"""Prefix of a stored body that is not text. No input that Slipway parses begins with it."""


def _as_text(body: bytes) -> str:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return _BINARY + base64.b64encode(body).decode()
    return text if not text.startswith(_BINARY) else _BINARY + base64.b64encode(body).decode()


def _as_bytes(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(_BINARY)) if text.startswith(_BINARY) else text.encode()
