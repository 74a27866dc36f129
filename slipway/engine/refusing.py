"""Messages that the front cannot read: it may not park them, so it puts the body into `incoming` and sends a hint.

No message is lost silently, and the front needs no right to write the ledger.
"""

from dataclasses import dataclass

from ..domain.hints import UnreadableHint
from ..domain.sources import Source
from ..effects.messaging import Bus, raw_hint
from ..ledger.blobs import IncomingBlobs
from .parking import Parking

REASON_LIMIT = 2000


@dataclass(frozen=True, kw_only=True)
class UnreadableReporter:
    """The front's half."""

    incoming: IncomingBlobs
    bus: Bus

    def report(self, source: Source, reason: str, body: bytes) -> None:
        """Raises `LedgerUnavailable` and `QueueUnavailable`: whoever sent it has to send it again."""
        content = self.incoming.put(body, "application/octet-stream")
        hint = UnreadableHint(source=source, reason=reason[:REASON_LIMIT], content=content)
        self.bus.send_raw(raw_hint(hint))


@dataclass(frozen=True, kw_only=True)
class UnreadableParker:
    """The worker's half."""

    incoming: IncomingBlobs
    parking: Parking

    def take(self, hint: UnreadableHint) -> None:
        """Park the content. If it is gone, it was parked before, and nothing is done. Raises `LedgerUnavailable`."""
        body = self.incoming.get(hint.content)
        if body is not None:
            self.parking.park(source=hint.source, reason=hint.reason, body=body)
            self.incoming.remove(hint.content)
