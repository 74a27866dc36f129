"""The entries of one queue, by sequence number, and their size."""

import uuid
from collections.abc import Mapping

from ..errors import Condition, Refusal
from ..wire.types import AmqpValue
from .entry import Counts, Entry, State

_PEEK_MESSAGES = 256
_PEEK_BYTES = 1 << 20


class Shelf:
    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}  # stays sorted, since sequence numbers only grow
        self.locked: dict[uuid.UUID, Entry] = {}
        self.bytes = 0

    def keep(self, entry: Entry) -> None:
        self.entries[entry.sequence] = entry
        self.bytes += entry.message.size

    def remove(self, entry: Entry) -> None:
        """Remove the entry, its lock and all its deadlines."""
        self.unlock(entry)
        entry.forget_deadlines()
        del self.entries[entry.sequence]
        self.bytes -= entry.message.size

    def unlock(self, entry: Entry) -> None:
        if entry.lock is not None:
            self.locked.pop(entry.lock.token, None)
            if entry.lock.expiry is not None:
                entry.lock.expiry.cancel()
            entry.lock = None

    def change(self, entry: Entry, changes: Mapping[AmqpValue, AmqpValue]) -> None:
        """Set application properties of the message."""
        previous_size = entry.message.size
        entry.message = entry.message.with_application(changes)
        self.bytes += entry.message.size - previous_size

    def find(self, sequence: int, state: State, session_id: str | None = None) -> Entry:
        """The unlocked entry with this number in this state, and in this session if one is given."""
        entry = self.entries.get(sequence)
        if entry is None or entry.state is not state or entry.lock is not None:
            raise Refusal(Condition.MESSAGE_NOT_FOUND, f"There is no {state.name.lower()} message {sequence}.")
        if session_id is not None and entry.message.session_id != session_id:
            raise Refusal(Condition.MESSAGE_NOT_FOUND, f"Message {sequence} does not belong to session {session_id!r}.")
        return entry

    def peek(self, *, first: int, count: int, session_id: str | None) -> list[bytes]:
        messages: list[bytes] = []
        size = 0
        for sequence, entry in self.entries.items():
            if sequence < first or session_id not in (None, entry.message.session_id):
                continue
            if len(messages) >= min(count, _PEEK_MESSAGES) or size >= _PEEK_BYTES:
                break
            messages.append(entry.render())
            size += len(messages[-1])
        return messages

    def counts(self, *, dead_lettered: int) -> Counts:
        states = [entry.state for entry in self.entries.values()]
        locked = sum(1 for entry in self.locked.values() if entry.state is State.ACTIVE)
        return Counts(
            active=states.count(State.ACTIVE) - locked,
            locked=locked,
            deferred=states.count(State.DEFERRED),
            scheduled=states.count(State.SCHEDULED),
            dead_lettered=dead_lettered,
        )
