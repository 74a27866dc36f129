"""A notice as a card in a channel of Teams, posted through a workflow (Power Automate).

The workflow answers 202: it took the card, which is not to say that it was posted. Many people read the channel, so
what is sent there never holds the link of one approver.
"""

import urllib3

from .card import envelope
from .channel import Message, NotificationError
from .posting import new_pool, post, reach


class TeamsChannel:
    """One channel in Teams."""

    shared = True

    def __init__(self, *, name: str, url: str, pool: urllib3.PoolManager | None = None) -> None:
        self._name = name
        self._url = url
        self._pool = pool or new_pool()

    def reach(self) -> str:
        return reach(self._pool, self._url, channel=self._name)

    def send(self, message: Message) -> None:
        try:
            body = envelope(message)
        except ValueError as error:
            raise NotificationError(f"channel {self._name}: {error}", retryable=False) from None
        headers = {"Content-Type": "application/json"}
        post(self._pool, self._url, body, headers, channel=self._name, expected="202")
