"""The outbox: sends a decision's messages after its commit. The reconcile timer sends again what nobody has taken."""

import json
import logging
from collections.abc import Sequence
from typing import Final

from ..domain.signing import KeysUnavailable
from ..effects.messaging import Bus, MessageTooLarge, QueueUnavailable, encoded
from ..ledger import Conflict, LedgerUnavailable, OutboxEntry
from ..ledger.table import Row
from .parking import Parking

log = logging.getLogger(__name__)

SOURCE: Final = "outbox"
"""The source under which rows that are not the worker's messages are parked."""


class Outbox:
    """Sends entries. Whoever runs a step deletes the row of its message; the sender deletes those of all other
    messages. The reconcile timer sends the remaining ones again. Every receiver is idempotent."""

    def __init__(self, bus: Bus, parking: Parking) -> None:
        self._bus = bus
        self._parking = parking

    def send(self, entries: Sequence[OutboxEntry]) -> bool:
        """Send the entries; returns False if the reconcile timer has to send some of them again."""
        try:
            self._send(list(entries))
        except (QueueUnavailable, LedgerUnavailable, KeysUnavailable, Conflict) as error:
            log.warning("outbox of %s: %s; the reconcile timer will send it", entries[0].application, error)
            return False
        return True

    def _send(self, entries: list[OutboxEntry]) -> None:
        """Send the entries. A message that no queue will ever take is parked, since it would block every later one. So
        is a row that the worker did not write: everything sent gets the worker's MAC, and is believed."""
        for entry in entries:
            if entry.fault:
                self._park(entry, f"it was in the outbox, but the worker did not write it: {entry.fault}")
        entries = [entry for entry in entries if not entry.fault]
        while entries:
            try:
                self._bus.send([entry.message for entry in entries])
            except MessageTooLarge as refused:
                for entry in entries:
                    if entry.message.queue == refused.queue and entry.message.id in refused.ids:
                        self._park(entry, str(refused))
                # The send stopped at the refused queue, so send the entries of the others again.
                entries = [entry for entry in entries if entry.message.queue != refused.queue]
            else:
                return

    def set_aside(self, application: str, rows: Sequence[Row]) -> None:
        """Park rows that hold no message: while they lie there, nothing else that is due for the application gets done.

        Raises `LedgerUnavailable`, `KeysUnavailable`, `Conflict`.
        """
        for row in rows:
            text = json.dumps({name: str(value) for name, value in row.values.items()}, sort_keys=True)
            reason = "it was in the outbox, but is not a message"
            self._parking.park(source=SOURCE, reason=reason, body=text.encode(), message_id=f"{application} {row.key}")

    def _park(self, entry: OutboxEntry, reason: str) -> None:
        message = entry.message
        self._parking.park(
            source=message.queue,
            reason=reason,
            body=encoded(message),
            message_id=message.id,
            session=message.session,
        )
