"""A queue and its dead-letter sub-queue: what Service Bus promises about each message.

Everything runs on one thread, and nothing here waits. A request with several parts (a batch, several lock tokens) is
checked as a whole before anything changes.
"""

import itertools
import uuid
from collections.abc import Sequence
from functools import partial

from ..errors import Condition, Refusal, lock_lost
from ..settings import QueueSettings
from ..wire.message import Message
from .deadlines import Deadlines
from .duplicates import Duplicates
from .entry import Counts, Entry, Lock, Outcome, Receiver, Settlement, State
from .limits import check_message
from .line import Line
from .shelf import Shelf

DEAD_LETTER_SUFFIX = "$DeadLetterQueue"


class Queue:
    def __init__(self, settings: QueueSettings, deadlines: Deadlines, *, is_dead_letter: bool = False) -> None:
        self.settings = settings
        self.name = f"{settings.name}/{DEAD_LETTER_SUFFIX}" if is_dead_letter else settings.name
        self.dead_letters = None if is_dead_letter else Queue(settings, deadlines, is_dead_letter=True)
        self._deadlines = deadlines
        self._sequence = itertools.count(1)
        self._shelf = Shelf()
        self._line = Line(self._shelf.entries)
        window = settings.duplicate_detection_seconds
        self._duplicates = Duplicates(window) if window and not is_dead_letter else None

    # Sending

    def publish(self, messages: Sequence[Message]) -> list[int]:
        """Enqueue or schedule all of the messages, or none. A duplicate is accepted and dropped, as by the service."""
        for message in messages:
            check_message(message)
            self._check_session(message)
        self._check_room(sum(message.size for message in messages))
        return [self._admit(message) for message in messages]

    def cancel_scheduled(self, sequences: Sequence[int]) -> None:
        """Cancel all of these scheduled messages, or none."""
        entries = [self._shelf.find(sequence, State.SCHEDULED) for sequence in sequences]
        for entry in entries:
            self._remove(entry)

    def _check_session(self, message: Message) -> None:
        """If the queue has no sessions, it requires nothing of a message."""

    def _check_room(self, size: int) -> None:
        limit = self.settings.max_size_megabytes << 20
        stored_bytes = self._shelf.bytes + (self.dead_letters._shelf.bytes if self.dead_letters else 0)
        if stored_bytes + size > limit:
            raise Refusal(
                Condition.QUOTA_EXCEEDED,
                f"The queue {self.name!r} holds {stored_bytes} bytes and may hold {limit}; {size} more do not fit.",
            )

    def _admit(self, message: Message) -> int:
        now = self._deadlines.now()
        sequence = next(self._sequence)
        if self._duplicates is not None and not self._duplicates.accept(message.message_id, now):
            return sequence
        entry = Entry(sequence=sequence, message=message, enqueued=now, due=message.scheduled_for)
        if entry.due is not None and entry.due > now:
            entry.state = State.SCHEDULED
            entry.activation = self._deadlines.call_at(entry.due, partial(self._activate, entry))
            self._shelf.keep(entry)
        else:
            self._enqueue(entry)
        return sequence

    def _activate(self, entry: Entry) -> None:
        """Move a scheduled message to the end of the queue, under a new sequence number."""
        self._remove(entry)
        entry.sequence = next(self._sequence)
        entry.state, entry.activation, entry.enqueued = State.ACTIVE, None, self._deadlines.now()
        self._enqueue(entry)

    def _enqueue(self, entry: Entry) -> None:
        message_limit, queue_limit = entry.message.time_to_live, self.settings.default_ttl_seconds
        entry.time_to_live = min(
            (seconds for seconds in (message_limit, queue_limit) if seconds is not None), default=None
        )
        if (
            entry.time_to_live is not None and self.dead_letters is not None
        ):  # messages in a dead-letter queue do not expire
            entry.expires = entry.enqueued + entry.time_to_live
            entry.expiry = self._deadlines.call_at(entry.expires, partial(self._expire, entry))
        self._shelf.keep(entry)
        self._offer(entry)

    def _remove(self, entry: Entry) -> None:
        self._shelf.remove(entry)

    # Receiving

    def add_receiver(self, receiver: Receiver) -> None:
        self._line.receivers.append(receiver)
        self.serve(receiver)

    def remove_receiver(self, receiver: Receiver) -> None:
        """Its locked messages stay locked until the lock expires, as in the service."""
        if receiver in self._line.receivers:
            self._line.receivers.remove(receiver)

    def serve(self, receiver: Receiver) -> None:
        """Call this whenever a receiver wants messages again."""
        del receiver
        self._line.serve(self._hand_over)

    def _offer(self, entry: Entry) -> None:
        self._line.put(entry)
        self._line.serve(self._hand_over)

    def _hand_over(self, entry: Entry, receiver: Receiver) -> None:
        if receiver.deletes:
            self._remove(entry)
            receiver.deliver(entry.render(), None)
        else:
            lock = self._lock(entry)
            receiver.deliver(entry.render(), lock.token)

    def _lock(self, entry: Entry) -> Lock:
        lock = Lock(token=uuid.uuid4(), until=0.0, expiry=None)
        entry.lock = lock
        self._shelf.locked[lock.token] = entry
        self._extend(entry, lock)
        return lock

    def _extend(self, entry: Entry, lock: Lock) -> None:
        if lock.expiry is not None:
            lock.expiry.cancel()
        lock.until = self._deadlines.now() + self.settings.lock_seconds
        lock.expiry = self._deadlines.call_at(lock.until, partial(self._lapse, entry))

    def renew(self, tokens: Sequence[uuid.UUID]) -> list[float]:
        """Renew the locks of all these messages, or of none; returns the new expiries."""
        locked = [self._locked_entry(token) for token in tokens]
        for entry, lock in locked:
            self._extend(entry, lock)
        return [lock.until for _, lock in locked]

    def is_locked(self, token: uuid.UUID) -> bool:
        return token in self._shelf.locked

    def _locked_entry(self, token: uuid.UUID) -> tuple[Entry, Lock]:
        entry = self._shelf.locked.get(token)
        if entry is None or entry.lock is None or entry.lock.until <= self._deadlines.now():
            raise lock_lost()
        return entry, entry.lock

    # Settling

    def settle(self, tokens: Sequence[uuid.UUID], settlement: Settlement) -> None:
        """Settle all of these messages, or none."""
        if settlement.outcome is Outcome.DEAD_LETTERED and self.dead_letters is None:
            raise Refusal(
                Condition.NOT_ALLOWED,
                f"{self.name!r} is a dead-letter queue: its messages cannot be dead-lettered again; complete them.",
            )
        entries = [self._locked_entry(token)[0] for token in tokens]
        for entry in entries:
            self._settle(entry, settlement)

    def _settle(self, entry: Entry, settlement: Settlement) -> None:
        if settlement.outcome is Outcome.COMPLETED:
            self._remove(entry)
            return
        self._shelf.change(entry, settlement.changes)
        match settlement.outcome:
            case Outcome.DEAD_LETTERED:
                self._dead_letter(entry)
            case Outcome.DEFERRED:
                self._shelf.unlock(entry)
                entry.state = State.DEFERRED
                self._expire_if_due(entry)
            case Outcome.ABANDONED:
                self._give_back(entry, failed=True)
            case _:
                self._give_back(entry, failed=False)

    def _lapse(self, entry: Entry) -> None:
        """The lock expired, which counts as a failed delivery."""
        self._give_back(entry, failed=True)

    def _give_back(self, entry: Entry, *, failed: bool) -> None:
        self._shelf.unlock(entry)
        entry.delivery_count += failed
        if failed and self.dead_letters is not None and entry.delivery_count >= self.settings.max_delivery_count:
            attempts = f"Message could not be consumed after {entry.delivery_count} delivery attempts."
            self._shelf.change(entry, dead_lettering("MaxDeliveryCountExceeded", attempts).changes)
            self._dead_letter(entry)
        elif not self._expire_if_due(entry) and entry.ready:
            self._offer(entry)

    # Ends that no receiver requested

    def _expire(self, entry: Entry) -> None:
        if entry.lock is None:  # a locked message expires when its lock ends without completion
            self._expire_if_due(entry)

    def _expire_if_due(self, entry: Entry) -> bool:
        if entry.expires is None or entry.expires > self._deadlines.now():
            return False
        if self.settings.dead_letter_on_expiration:
            expired = dead_lettering("TTLExpiredException", "The message expired and was dead lettered.")
            self._shelf.change(entry, expired.changes)
            self._dead_letter(entry)
        else:
            self._remove(entry)
        return True

    def _dead_letter(self, entry: Entry) -> None:
        assert self.dead_letters is not None
        self._remove(entry)
        self.dead_letters.accept_dead_letter(entry)

    def accept_dead_letter(self, dead: Entry) -> None:
        """Accept what another queue dead-letters. It keeps its time of arrival and its delivery count."""
        self._enqueue(
            Entry(
                sequence=next(self._sequence),
                message=dead.message,
                enqueued=dead.enqueued,
                delivery_count=dead.delivery_count,
                first_sequence=dead.sequence,
                due=dead.due,
            )
        )

    # Peeking, and receiving deferred messages

    def peek(self, *, first: int, count: int, session_id: str | None = None) -> list[bytes]:
        """Messages in any state, from a sequence number on; fewer than requested if they are large."""
        return self._shelf.peek(first=first, count=count, session_id=session_id)

    def receive_deferred(
        self, sequences: Sequence[int], *, delete: bool, session_id: str | None = None
    ) -> list[tuple[bytes, uuid.UUID | None]]:
        """All of these deferred messages, each with its lock token unless it is deleted; or none."""
        entries = [self._shelf.find(sequence, State.DEFERRED, session_id) for sequence in sequences]
        received: list[tuple[bytes, uuid.UUID | None]] = []
        for entry in entries:
            token = None
            if delete:
                self._remove(entry)
            else:
                token = self._lock(entry).token
            received.append((entry.render(), token))
        return received

    def counts(self) -> Counts:
        return self._shelf.counts(dead_lettered=len(self.dead_letters._shelf.entries) if self.dead_letters else 0)


def dead_lettering(reason: str | None, description: str | None) -> Settlement:
    properties = {"DeadLetterReason": reason, "DeadLetterErrorDescription": description}
    return Settlement(
        outcome=Outcome.DEAD_LETTERED,
        changes={name: text for name, text in properties.items() if text is not None},
    )
