"""The operations of `<entity>/$management`: whatever the SDKs request of a queue besides sending and receiving."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import Condition, Refusal
from ..queues.entry import Outcome, Settlement
from ..queues.queue import Queue, dead_lettering
from ..queues.session_queue import SessionQueue
from ..settings import Claim
from ..wire.message import Message
from ..wire.types import AmqpValue, Array, DecodeError, Int, Timestamp

_OF_SENDERS = frozenset({"schedule-message", "cancel-scheduled-message"})
_LONG, _TIMESTAMP, _STRING = 0x81, 0x83, 0xB1
_RECEIVE_AND_DELETE = 0
_SESSION_PAGE = 100
_LATEST_TIME = 253_402_300_799_000
"""The last second of the year 9999 in milliseconds. The SDK sends it, or the second after it, for "all sessions"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    value: AmqpValue = None
    status: int = 200
    description: str = "OK"


_NO_CONTENT = Response(status=204, description="No Content")


class _Body:
    """The map in a request's body; each value is checked when it is read."""

    def __init__(self, value: AmqpValue) -> None:
        if not isinstance(value, dict):
            raise DecodeError(f"expected a map as body of the request, got {type(value).__name__}")
        self._values = value

    def get[T](self, name: str, expected: type[T]) -> T | None:
        value = self._values.get(name)
        if value is None or isinstance(value, expected):
            return value
        raise DecodeError(f"{name}: expected {expected.__name__}, got {type(value).__name__}")

    def require[T](self, name: str, expected: type[T]) -> T:
        value = self.get(name, expected)
        if value is None:
            raise DecodeError(f"{name}: expected {expected.__name__}, got nothing")
        return value

    def all_of[T](self, name: str, expected: type[T]) -> list[T]:
        """A list or array whose elements all have this type."""
        values = self.require(name, list)
        for value in values:
            if not isinstance(value, expected):
                raise DecodeError(f"{name}: expected {expected.__name__} in it, got {type(value).__name__}")
        return list(values)


def claim_of(operation: AmqpValue) -> Claim:
    """The right that the operation needs: to send, for scheduling; to receive or peek, for all others."""
    return Claim.SEND if str(operation).removeprefix("com.microsoft:") in _OF_SENDERS else Claim.LISTEN


def manage(queue: Queue, operation: AmqpValue, body: AmqpValue) -> Response:
    name = str(operation).removeprefix("com.microsoft:")
    perform = _OPERATIONS.get(name)
    if perform is None:
        raise Refusal(Condition.NOT_IMPLEMENTED, f"The operation '{name:.80}' is not supported by this bus.")
    return perform(queue, _Body(body))


def _renew_lock(queue: Queue, body: _Body) -> Response:
    until = queue.renew(body.all_of("lock-tokens", uuid.UUID))
    return Response(value={"expirations": Array([Timestamp.of(moment) for moment in until], constructor=_TIMESTAMP)})


def _peek(queue: Queue, body: _Body) -> Response:
    messages = queue.peek(
        first=body.require("from-sequence-number", int),
        count=body.require("message-count", int),
        session_id=body.get("session-id", str),
    )
    return Response(value={"messages": [{"message": encoded} for encoded in messages]}) if messages else _NO_CONTENT


def _schedule(queue: Queue, body: _Body) -> Response:
    messages = []
    for item in body.all_of("messages", dict):
        encoded = item.get("message")
        if not isinstance(encoded, bytes):
            raise DecodeError(f"messages: expected an encoded message in each, got {type(encoded).__name__}")
        messages.append(Message.parse(encoded))
    return Response(value={"sequence-numbers": Array(queue.publish(messages), constructor=_LONG)})


def _cancel_scheduled(queue: Queue, body: _Body) -> Response:
    queue.cancel_scheduled(body.all_of("sequence-numbers", int))
    return Response()


def _receive_deferred(queue: Queue, body: _Body) -> Response:
    deferred = queue.receive_deferred(
        body.all_of("sequence-numbers", int),
        delete=body.get("receiver-settle-mode", int) == _RECEIVE_AND_DELETE,
        session_id=body.get("session-id", str),
    )
    messages: list[dict[str, AmqpValue]] = []
    for encoded, token in deferred:
        messages.append({"message": encoded} if token is None else {"message": encoded, "lock-token": token})
    return Response(value={"messages": messages})


def _update_disposition(queue: Queue, body: _Body) -> Response:
    queue.settle(body.all_of("lock-tokens", uuid.UUID), _settlement(body))
    return Response()


def _settlement(body: _Body) -> Settlement:
    changes = {str(name): value for name, value in (body.get("properties-to-modify", dict) or {}).items()}
    status = body.require("disposition-status", str)
    match status:
        case "completed":
            return Settlement(outcome=Outcome.COMPLETED)
        case "abandoned":
            return Settlement(outcome=Outcome.ABANDONED, changes=changes)
        case "defered":  # the service's own spelling
            return Settlement(outcome=Outcome.DEFERRED, changes=changes)
        case "suspended":
            dead_lettered = dead_lettering(body.get("deadletter-reason", str), body.get("deadletter-description", str))
            return Settlement(outcome=Outcome.DEAD_LETTERED, changes={**changes, **dead_lettered.changes})
    raise DecodeError(f"disposition-status: expected completed, abandoned, defered or suspended, got '{status:.40}'")


def _sessions_of(queue: Queue) -> SessionQueue:
    if not isinstance(queue, SessionQueue):
        raise Refusal(Condition.NOT_ALLOWED, f"The queue {queue.name!r} has no sessions.")
    return queue


def _renew_session_lock(queue: Queue, body: _Body) -> Response:
    until = _sessions_of(queue).renew_session(body.require("session-id", str))
    return Response(value={"expiration": Timestamp.of(until)})


def _get_session_state(queue: Queue, body: _Body) -> Response:
    return Response(value={"session-state": _sessions_of(queue).session_state(body.require("session-id", str))})


def _set_session_state(queue: Queue, body: _Body) -> Response:
    _sessions_of(queue).set_session_state(body.require("session-id", str), body.get("session-state", bytes))
    return Response()


def _list_sessions(queue: Queue, body: _Body) -> Response:
    skip = body.get("skip", int) or 0
    since = body.get("last-updated-time", int)
    if since is not None and since >= _LATEST_TIME:
        since = None
    session_ids = _sessions_of(queue).session_ids(state_set_after=None if since is None else since / 1000)
    page = session_ids[skip:][: min(body.get("top", int) or _SESSION_PAGE, _SESSION_PAGE)]
    if not page:
        return _NO_CONTENT
    return Response(value={"skip": Int(skip), "sessions-ids": Array(list(page), constructor=_STRING)})


_OPERATIONS: dict[str, Callable[[Queue, _Body], Response]] = {
    "renew-lock": _renew_lock,
    "peek-message": _peek,
    "schedule-message": _schedule,
    "cancel-scheduled-message": _cancel_scheduled,
    "receive-by-sequence-number": _receive_deferred,
    "update-disposition": _update_disposition,
    "renew-session-lock": _renew_session_lock,
    "get-session-state": _get_session_state,
    "set-session-state": _set_session_state,
    "get-message-sessions": _list_sessions,
}
