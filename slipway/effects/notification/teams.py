"""A notice as a card in a Teams channel, posted through a workflow (Power Automate).

The workflow answers 202 when it has accepted the card, before posting it. Many people read the channel, so a card never
contains an approver's personal link.
"""

import urllib3

from .card import envelope
from .channel import Message, NotificationError
from .posting import new_pool, post, reach


class TeamsChannel:
    """One channel in Teams."""

    shared = True
    asks_only = False

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
