"""Messages left in a session of the queue `work` that nobody reads.

If the client in the Functions host loses the lock of a session, it never takes that session again while its process
lives. So the reconcile timer asks for sessions that nobody holds, and decides the messages in them itself.
"""

import logging
from dataclasses import dataclass

from pydantic import ValidationError

from ..domain.envelopes import Envelopes
from ..domain.events import EVENT
from ..domain.queues import Queue
from ..effects.messaging import Bus, WaitingMessage
from ..inbound.reading import bad_input
from .door import Door
from .receiving import QueueMessage, Receiver, open_message

log = logging.getLogger(__name__)

MOST = 50
"""Messages in one run; the next one takes the rest."""


@dataclass(frozen=True, kw_only=True)
class SessionWorker:
    """Decides the messages of applications' sessions, however they were delivered."""

    door: Door
    receiver: Receiver
    bus: Bus
    envelopes: Envelopes

    def take(self, session: str, body: bytes) -> None:
        """Decide one message of the application's session. Raises `BadInput` and what `Door.take_turn` raises."""
        try:
            event = EVENT.validate_python(open_message(self.envelopes, Queue.WORK, body))
        except ValidationError as error:
            raise bad_input(error) from error
        self.door.take_turn(session, event)

    def take_left_behind(self) -> int:
        """Decide the messages in sessions that nobody holds, and return their number. Raises `QueueUnavailable`."""
        taken = self.bus.take_free_sessions(Queue.WORK, self._take, limit=MOST)
        if taken:
            log.warning("%d messages of %s lay in sessions that nobody read", taken, Queue.WORK)
        return taken

    def _take(self, waiting: WaitingMessage) -> None:
        message = QueueMessage(
            queue=Queue.WORK,
            body=waiting.body,
            id=waiting.message_id,
            tries=waiting.tries,
            session=waiting.session,
        )
        self.receiver.receive(lambda body: self.take(waiting.session, body), message)
