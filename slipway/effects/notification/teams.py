"""A notice as a card in a Teams channel, posted through a workflow (Power Automate).

The workflow answers 202 when it has accepted the card, before posting it. Many people read the channel, so a card never
contains an approver's personal link.
"""

from .card import envelope
from .channel import Message, NotificationError
from .posting import PostingChannel


class TeamsChannel(PostingChannel):
    """One channel in Teams."""

    shared = True

    def send(self, message: Message) -> None:
        try:
            body = envelope(message)
        except ValueError as error:
            raise NotificationError(f"channel {self._name}: {error}", retryable=False) from None
        headers = {"Content-Type": "application/json"}
        self._post(body, headers, expected="202")
