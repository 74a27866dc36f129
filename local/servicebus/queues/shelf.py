"""The entries of one queue, in order of sequence number, and how many bytes they are."""

import uuid
from collections.abc import Mapping

from ..errors import Condition, Refusal
from ..wire.types import AmqpValue
from .entry import Counts, Entry, State

_PEEK_MESSAGES = 256
_PEEK_BYTES = 1 << 20


class Shelf:
    def __init__(self) -> None:
        self.entries: dict[int, Entry] = {}  # stays in order: sequence numbers only grow
        self.locked: dict[uuid.UUID, Entry] = {}
        self.bytes = 0

    def keep(self, entry: Entry) -> None:
        self.entries[entry.sequence] = entry
        self.bytes += entry.message.size

    def remove(self, entry: Entry) -> None:
        """Forget the entry, its lock and everything that would have happened to it."""
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
        before = entry.message.size
        entry.message = entry.message.with_application(changes)
        self.bytes += entry.message.size - before

    def find(self, sequence: int, state: State, session_id: str | None = None) -> Entry:
        """The unlocked entry with this number in this state, and in this session if one is named."""
        entry = self.entries.get(sequence)
        if entry is None or entry.state is not state or entry.lock is not None:
            raise Refusal(Condition.MESSAGE_NOT_FOUND, f"There is no {state.name.lower()} message {sequence} to take.")
        if session_id is not None and entry.message.session_id != session_id:
            raise Refusal(Condition.MESSAGE_NOT_FOUND, f"Message {sequence} does not belong to session {session_id!r}.")
        return entry

    def peek(self, *, first: int, count: int, session_id: str | None) -> list[bytes]:
        found: list[bytes] = []
        size = 0
        for sequence, entry in self.entries.items():
            if sequence < first or session_id not in (None, entry.message.session_id):
                continue
            if len(found) >= min(count, _PEEK_MESSAGES) or size >= _PEEK_BYTES:
                break
            found.append(entry.render())
            size += len(found[-1])
        return found

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
