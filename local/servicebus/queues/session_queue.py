"""A queue whose messages are grouped by session: one receiver at a time holds a session with all its messages."""

import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ..errors import Condition, Refusal
from ..settings import QueueSettings
from ..wire.message import Message
from .deadlines import Deadline, Deadlines
from .entry import Entry, Lock, Receiver
from .limits import MAX_SESSION_STATE_BYTES
from .line import Line
from .queue import Queue


class SessionReceiver(Receiver, Protocol):
    """A link that requested a session: it learns once whether it has one, and perhaps later that it lost it."""

    def on_granted(self, session_id: str, locked_until: float) -> None: ...

    def on_ended(self, refusal: Refusal) -> None: ...


class _Session:
    def __init__(self, session_id: str, line: Line) -> None:
        self.id = session_id
        self.line = line
        self.owner: SessionReceiver | None = None
        self.locked_until = 0.0
        self.expiry: Deadline | None = None
        self.state: bytes | None = None
        self.state_set = 0.0

    @property
    def idle(self) -> bool:
        """Whether nothing would be lost by forgetting the session."""
        return self.owner is None and self.state is None and not self.line.waiting


@dataclass(slots=True, eq=False)
class _Waiting:
    receiver: SessionReceiver
    deadline: Deadline


class SessionQueue(Queue):
    def __init__(self, settings: QueueSettings, deadlines: Deadlines) -> None:
        super().__init__(settings, deadlines)
        self._sessions: dict[str, _Session] = {}
        self._waiting: deque[_Waiting] = deque()

    # Holding a session

    def accept(self, receiver: SessionReceiver, *, session_id: str | None, timeout: float) -> None:
        """Give the receiver this session, or the next free one that has messages, within the timeout."""
        if session_id is None:
            deadline = self._deadlines.call_at(self._deadlines.now() + timeout, partial(self._give_up, receiver))
            self._waiting.append(_Waiting(receiver, deadline))
            self._serve_waiting()
            return
        session = self._session(session_id)
        if session.owner is not None:
            refusal = Refusal(Condition.SESSION_LOCKED, f"The session {session_id!r} is held by another receiver.")
            receiver.on_ended(refusal)
        else:
            self._grant(session, receiver)

    def remove_receiver(self, receiver: Receiver) -> None:
        """Free the session at once; its locked messages become available without counting as a delivery."""
        for waiting in [waiting for waiting in self._waiting if waiting.receiver is receiver]:
            waiting.deadline.cancel()
            self._waiting.remove(waiting)
        for session in [session for session in self._sessions.values() if session.owner is receiver]:
            self._free(session, failed=False)

    def renew_session(self, session_id: str) -> float:
        session = self._owned_session(session_id)
        self._hold(session)
        return session.locked_until

    def session_state(self, session_id: str) -> bytes | None:
        return self._owned_session(session_id).state

    def set_session_state(self, session_id: str, state: bytes | None) -> None:
        if state is not None and len(state) > MAX_SESSION_STATE_BYTES:
            raise Refusal(
                Condition.MESSAGE_TOO_LARGE,
                f"The session state has {len(state)} bytes; at most {MAX_SESSION_STATE_BYTES} are allowed.",
            )
        session = self._owned_session(session_id)
        session.state, session.state_set = state, self._deadlines.now()

    def session_ids(self, *, state_set_after: float | None = None) -> list[str]:
        """Sessions that have messages or a state; with a time, only those whose state was set after it."""
        if state_set_after is not None:
            recently_set = (s for s in self._sessions.values() if s.state is not None and s.state_set > state_set_after)
            return sorted(session.id for session in recently_set)
        with_messages = {entry.message.session_id for entry in self._shelf.entries.values()}
        with_state = {session.id for session in self._sessions.values() if session.state is not None}
        return sorted({*with_state, *(session_id for session_id in with_messages if session_id is not None)})

    def _session(self, session_id: str) -> _Session:
        return self._sessions.setdefault(session_id, _Session(session_id, Line(self._shelf.entries)))

    def _owned_session(self, session_id: str) -> _Session:
        session = self._sessions.get(session_id)
        if session is None or session.owner is None or session.locked_until <= self._deadlines.now():
            raise Refusal(Condition.SESSION_LOCK_LOST, f"The lock on the session {session_id!r} has expired.")
        return session

    def _grant(self, session: _Session, receiver: SessionReceiver) -> None:
        session.owner = receiver
        session.line.receivers.append(receiver)
        self._hold(session)
        receiver.on_granted(session.id, session.locked_until)

    def _hold(self, session: _Session) -> None:
        if session.expiry is not None:
            session.expiry.cancel()
        session.locked_until = self._deadlines.now() + self.settings.lock_seconds
        session.expiry = self._deadlines.call_at(session.locked_until, partial(self._lose, session))
        for entry in self._locked_in(session):
            if entry.lock is not None:
                entry.lock.until = session.locked_until

    def _lose(self, session: _Session) -> None:
        owner = session.owner
        self._free(session, failed=True)
        if owner is not None:
            owner.on_ended(Refusal(Condition.SESSION_LOCK_LOST, f"The lock on the session {session.id!r} has expired."))

    def _free(self, session: _Session, *, failed: bool) -> None:
        session.owner = None
        session.line.receivers.clear()
        if session.expiry is not None:
            session.expiry.cancel()
        for entry in self._locked_in(session):
            self._give_back(entry, failed=failed)
        if session.idle:
            self._sessions.pop(session.id, None)
        self._serve_waiting()

    def _locked_in(self, session: _Session) -> list[Entry]:
        locked = [entry for entry in self._shelf.locked.values() if entry.message.session_id == session.id]
        return sorted(locked, key=lambda entry: entry.sequence)

    def _serve_waiting(self) -> None:
        for session in list(self._sessions.values()):
            if not self._waiting:
                return
            if session.owner is None and session.line.waiting:
                waiting = self._waiting.popleft()
                waiting.deadline.cancel()
                self._grant(session, waiting.receiver)

    def _give_up(self, receiver: SessionReceiver) -> None:
        self._waiting = deque(waiting for waiting in self._waiting if waiting.receiver is not receiver)
        receiver.on_ended(Refusal(Condition.TIMEOUT, "No session with messages became available in time."))

    # Differences from a queue without sessions

    def _check_session(self, message: Message) -> None:
        if message.session_id is None:
            raise Refusal(
                Condition.NOT_ALLOWED,
                f"The queue {self.name!r} requires sessions, and the session id was not set on a message.",
            )

    def add_receiver(self, receiver: Receiver) -> None:
        del receiver
        raise Refusal(
            Condition.NOT_ALLOWED,
            f"The queue {self.name!r} requires sessions: a receiver without a session cannot be opened on it.",
        )

    def serve(self, receiver: Receiver) -> None:
        for session in self._sessions.values():
            if session.owner is receiver:
                session.line.serve(self._hand_over)

    def _offer(self, entry: Entry) -> None:
        session_id = entry.message.session_id
        assert session_id is not None, "checked when it was published"
        session = self._session(session_id)
        session.line.put(entry)
        if session.owner is None:
            self._serve_waiting()
        else:
            session.line.serve(self._hand_over)

    def _extend(self, entry: Entry, lock: Lock) -> None:
        """A message is locked for as long as its session is."""
        session_id = entry.message.session_id
        assert session_id is not None, "checked when it was published"
        lock.until = self._session(session_id).locked_until

    def _remove(self, entry: Entry) -> None:
        super()._remove(entry)
        session = self._sessions.get(entry.message.session_id or "")
        if session is not None and session.idle:
            del self._sessions[session.id]

    def renew(self, tokens: Sequence[uuid.UUID]) -> list[float]:
        del tokens
        raise Refusal(Condition.NOT_ALLOWED, "In a session the lock of the session is renewed, not that of a message.")

    def receive_deferred(
        self, sequences: Sequence[int], *, delete: bool, session_id: str | None = None
    ) -> list[tuple[bytes, uuid.UUID | None]]:
        if session_id is None:
            raise Refusal(Condition.NOT_ALLOWED, "In a queue with sessions, deferred messages are taken by session.")
        self._owned_session(session_id)
        return super().receive_deferred(sequences, delete=delete, session_id=session_id)
