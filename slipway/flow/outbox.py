"""The outbox: what was decided is sent after the commit; what a crash left behind, by the sweep."""

import logging
from collections.abc import Sequence

from ..effects.messaging import Bus, QueueUnavailable
from ..ledger import Ledger, LedgerUnavailable, OutboxEntry

log = logging.getLogger(__name__)


class Outbox:
    """Sends entries, then forgets them. A crash in between sends them again: every receiver is idempotent."""

    def __init__(self, ledger: Ledger, bus: Bus) -> None:
        self._ledger = ledger
        self._bus = bus

    def send(self, entries: Sequence[OutboxEntry]) -> bool:
        """True when all of them are on their way; otherwise the sweep tries again."""
        if not entries:
            return True
        try:
            self._bus.send([entry.message for entry in entries])
            for entry in entries:
                self._ledger.forget(entry)
        except (QueueUnavailable, LedgerUnavailable) as error:
            log.warning("outbox of %s: %s; the sweep will send it", entries[0].application, error)
            return False
        return True
