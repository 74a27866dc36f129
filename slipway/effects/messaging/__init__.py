"""Sending messages to the queues, and emptying their dead letters. Receiving is the triggers' work."""

from .bus import TRIES, Bus, DeadLetter, MemoryBus, QueueUnavailable

__all__ = ["TRIES", "Bus", "DeadLetter", "MemoryBus", "QueueUnavailable"]
