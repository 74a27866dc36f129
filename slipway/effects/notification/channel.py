"""The port to a channel, and what it carries."""

from typing import Protocol

from pydantic import Field

from ...domain.model import Moment, Record


class NotificationError(Exception):
    """A notice could not be delivered. The message names the channel, never its address."""

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


class Message(Record):
    """One notice to one recipient (or to everybody who reads the channel)."""

    id: str
    """Equal for repeats."""
    notice: str
    """`gate-opened`, `votes-voided` or `ended`."""
    time: Moment
    application: str
    release: str
    environment: str
    tag: str
    headline: str
    lines: tuple[str, ...] = ()
    recipient: str = ""
    release_url: str
    approval_url: str = ""
    """Only for the recipient: whoever has it can vote in their name where nobody is asked to sign in."""
    deadline: Moment | None = None
    phase: str = Field(default="")


class Channel(Protocol):
    """Delivers messages; repeats of an id may reach people twice, which is harmless."""

    def send(self, message: Message) -> None:
        """Raises `NotificationError`."""
        ...
