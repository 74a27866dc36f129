"""The outbox: what was decided is sent after the commit; what a crash left behind, by the sweep."""

import logging
from collections.abc import Sequence

from ..effects.messaging import Bus, MessageTooLarge, QueueUnavailable, encoded
from ..ledger import Conflict, Ledger, LedgerUnavailable, OutboxEntry
from .parking import Parking

log = logging.getLogger(__name__)


class Outbox:
    """Sends entries, then forgets them. A crash in between sends them again: every receiver is idempotent."""

    def __init__(self, ledger: Ledger, bus: Bus, parking: Parking) -> None:
        self._ledger = ledger
        self._bus = bus
        self._parking = parking

    def send(self, entries: Sequence[OutboxEntry]) -> bool:
        """True when none of them has to be sent again; otherwise the sweep tries again."""
        if not entries:
            return True
        try:
            self._send(list(entries))
            for entry in entries:
                self._ledger.forget(entry)
        except (QueueUnavailable, LedgerUnavailable, Conflict) as error:
            log.warning("outbox of %s: %s; the sweep will send it", entries[0].application, error)
            return False
        return True

    def _send(self, entries: list[OutboxEntry]) -> None:
        """What no queue will ever take is parked: left in the outbox it would hold up all that comes after it."""
        while entries:
            try:
                self._bus.send([entry.message for entry in entries])
            except MessageTooLarge as refused:
                for entry in entries:
                    if entry.message.queue == refused.queue and entry.message.id in refused.ids:
                        self._park(entry, refused)
                # The queues that come after the refused one in this send were not served yet.
                entries = [entry for entry in entries if entry.message.queue != refused.queue]
            else:
                return

    def _park(self, entry: OutboxEntry, refused: MessageTooLarge) -> None:
        message = entry.message
        self._parking.park(source=message.queue, reason=str(refused), body=encoded(message), message_id=message.id)
