"""An in-memory channel."""

from collections.abc import Callable

from ..effects.notification import Message, NotificationError


class MemoryChannel:
    """A channel that stores the messages sent to it."""

    def __init__(self, *, shared: bool = False, asks_only: bool = False) -> None:
        self.shared, self.asks_only = shared, asks_only
        self.messages: list[Message] = []
        self.errors: list[NotificationError] = []
        """Raised by the next sends, one each."""
        self.on_message: Callable[[Message], None] = lambda message: None

    def send(self, message: Message) -> None:
        if self.errors:
            raise self.errors.pop(0)
        if self.asks_only and message.vote is None:
            raise NotificationError("it carries only questions, so nobody was told", retryable=False)
        self.messages.append(message)
        self.on_message(message)

    def reach(self) -> str:
        return "it is there"

    def tokens(self) -> list[str]:
        return [m.approval_url.rpartition("/")[2] for m in self.messages if m.approval_url]
