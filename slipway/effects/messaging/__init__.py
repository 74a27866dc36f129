"""Sends messages to the queues, and drains their dead letters. The functions' triggers receive messages."""

from .bus import (
    LINK,
    PARENTS,
    TRIES,
    Bus,
    DeadLetter,
    MessageTooLarge,
    QueueDenied,
    QueueUnavailable,
    RawMessage,
    WaitingMessage,
    encoded,
    raw_hint,
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
    "RawMessage",
    "WaitingMessage",
    "encoded",
    "raw_hint",
]
