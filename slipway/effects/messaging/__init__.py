"""Sending messages to the queues, and emptying their dead letters. Receiving is the triggers' work."""

from .bus import (
    LINK,
    PARENTS,
    TRIES,
    Bus,
    DeadLetter,
    MessageTooLarge,
    QueueDenied,
    QueueUnavailable,
    encoded,
)

__all__ = [
    "LINK",
    "PARENTS",
    "TRIES",
    "Bus",
    "DeadLetter",
    "MessageTooLarge",
    "QueueDenied",
    "QueueUnavailable",
    "encoded",
]
