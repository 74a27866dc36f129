"""The links to a queue: one to send to it, one to receive from it, one to hold a session of it."""

import uuid
from collections.abc import Mapping

from ..errors import Condition, Refusal, lock_lost
from ..queues.broker import Broker
from ..queues.entry import Outcome, Settlement
from ..queues.queue import Queue
from ..queues.session_queue import SessionQueue
from ..wire.frames import DeliveryState, Fields
from ..wire.types import AmqpValue, DecodeError, Described, Symbol, ULong
from .link import BATCH_FORMAT, Attach, Channel, FromPeer, ToPeer, error_of

_SENDER_SETTLES_FIRST = 1
_SESSION_FILTER = Symbol("com.microsoft:session-filter")
_LOCKED_UNTIL = Symbol("com.microsoft:locked-until-utc")
_TIMEOUT = Symbol("com.microsoft:timeout")
_DEFAULT_TIMEOUT_MS = 60_000
_FILTERS = 7
_SOURCE_FIELDS = 11
_TICKS_AT_1970 = 621_355_968_000_000_000
_TICKS_PER_SECOND = 10_000_000
_PRUNE_FROM = 1024


class QueueSink(FromPeer):
    def __init__(self, attach: Attach, channel: Channel, broker: Broker, queue: Queue) -> None:
        super().__init__(attach, channel)
        self._broker = broker
        self._queue = queue

    def open(self) -> None:
        if self._queue.dead_letters is None:
            self.refuse(Refusal(Condition.NOT_ALLOWED, f"Messages cannot be sent to {self._queue.name!r}."))
        else:
            super().open()

    def take(self, payload: bytes, message_format: int) -> None:
        self._broker.publish(self._queue, payload, is_batch=message_format == BATCH_FORMAT)


class QueueSource(ToPeer):
    """Messages of a queue, each locked by its delivery tag until the peer settles it."""

    def __init__(self, attach: Attach, channel: Channel, queue: Queue) -> None:
        super().__init__(attach, channel)
        self._queue = queue
        self._tokens: dict[int, uuid.UUID] = {}
        self._prune_at = _PRUNE_FROM
        self.deletes = attach.sender_settles == _SENDER_SETTLES_FIRST

    def open(self) -> None:
        if _SESSION_FILTER in self._filters:
            raise Refusal(
                Condition.NOT_ALLOWED,
                f"A session receiver cannot be opened on {self._queue.name!r}: it does not require sessions.",
            )
        self._queue.add_receiver(self)
        self.confirm()

    @property
    def _filters(self) -> Mapping[AmqpValue, AmqpValue]:
        return Fields.of(self.attach.source, "source of a link").mapping(_FILTERS)

    def on_close(self) -> None:
        self._queue.remove_receiver(self)

    def serve(self) -> None:
        self._queue.serve(self)

    @property
    def wants(self) -> bool:
        return self._credit > 0 and self.channel.writable

    def deliver(self, payload: bytes, token: uuid.UUID | None) -> None:
        tag = (token or uuid.uuid4()).bytes_le
        delivery_id = self.write(payload, tag=tag, settled=token is None)
        if token is not None:
            self._tokens[delivery_id] = token
            self._prune()

    def _prune(self) -> None:
        """Forget locks that expired without being settled: otherwise a link that lives for days would keep them all."""
        if len(self._tokens) >= self._prune_at:
            self._tokens = {number: token for number, token in self._tokens.items() if self._queue.is_locked(token)}
            self._prune_at = max(_PRUNE_FROM, 2 * len(self._tokens))

    def settle(self, delivery_id: int, state: Described | None) -> Described | None:
        """Carry out the outcome that the peer chose; returns the response: the same outcome, or a rejection with the
        reason.

        None if the delivery does not belong to this link.
        """
        token = self._tokens.get(delivery_id)
        if token is None:
            return None
        settlement = _settlement(state)
        if settlement is None:  # "received" announces that the outcome follows
            return state
        del self._tokens[delivery_id]
        try:
            self._queue.settle([token], settlement)
        except Refusal as refusal:
            return rejected(refusal)
        if state is None or settlement.outcome is Outcome.DEAD_LETTERED:
            # An error echoed in a rejection would be taken for a failure to dead-letter.
            return Described(ULong(_state_code(state)), [])
        return state


class SessionSource(QueueSource):
    """The same within one session; the link opens once the session is granted."""

    def __init__(self, attach: Attach, channel: Channel, queue: SessionQueue) -> None:
        super().__init__(attach, channel, queue)
        self._sessions = queue
        self._opened = False

    def open(self) -> None:
        filters = self._filters
        if _SESSION_FILTER not in filters:
            reason = (
                f"The queue {self._sessions.name!r} requires sessions: the receiver must name one or take the next."
            )
            raise Refusal(Condition.NOT_ALLOWED, reason)
        session_id = filters[_SESSION_FILTER]
        session_id = session_id.value if isinstance(session_id, Described) else session_id
        if session_id is not None and not isinstance(session_id, str):
            raise Refusal(Condition.ARGUMENT, f"The session filter must be a text, got {type(session_id).__name__}.")
        timeout = self.attach.properties.get(_TIMEOUT, _DEFAULT_TIMEOUT_MS)
        seconds = timeout / 1000 if isinstance(timeout, int) else _DEFAULT_TIMEOUT_MS / 1000
        self._sessions.accept(self, session_id=session_id, timeout=seconds)

    def on_granted(self, session_id: str, locked_until: float) -> None:
        self._opened = True
        source = self.attach.source
        assert source is not None, "it named the session filter"
        fields = Fields.of(source, "source of a link").values(_SOURCE_FIELDS)
        fields[_FILTERS] = {_SESSION_FILTER: session_id}
        ticks = int(locked_until * _TICKS_PER_SECOND) + _TICKS_AT_1970
        self.confirm(source=Described(source.descriptor, fields), properties={_LOCKED_UNTIL: ticks})

    def on_ended(self, refusal: Refusal) -> None:
        if self._opened:
            self.detach(refusal)
        else:
            self.refuse(refusal)


def rejected(refusal: Refusal) -> Described:
    return Described(ULong(DeliveryState.REJECTED), [error_of(refusal)])


def unknown_delivery() -> Described:
    """The response for a delivery that no link of the session knows: its lock is long gone."""
    return rejected(lock_lost())


def _state_code(state: Described | None) -> int:
    """The code of the state; no state means acceptance."""
    code = DeliveryState.ACCEPTED if state is None else state.descriptor
    if not isinstance(code, int):
        raise DecodeError(f"delivery state: expected its numeric code, got {type(code).__name__}")
    return code


def _settlement(state: Described | None) -> Settlement | None:
    fields = Fields.of(state, "delivery state")
    match _state_code(state):
        case DeliveryState.ACCEPTED:
            return Settlement(outcome=Outcome.COMPLETED)
        case DeliveryState.RELEASED:
            return Settlement(outcome=Outcome.RELEASED)
        case DeliveryState.REJECTED:
            return Settlement(outcome=Outcome.DEAD_LETTERED, changes=_reasons(fields))
        case DeliveryState.MODIFIED:
            changes = {str(name): value for name, value in fields.mapping(2).items()}
            # An abandon counts as a delivery whether or not delivery-failed is set: the .NET SDK never sets it.
            outcome = Outcome.DEFERRED if fields.flag(1) else Outcome.ABANDONED
            return Settlement(outcome=outcome, changes=changes)
    return None


def _reasons(fields: Fields) -> dict[str, AmqpValue]:
    """Reason and description of a dead-lettering, and other properties to set, which the SDKs put in the same map."""
    info = Fields.of(fields.described(0), "error of a rejection").mapping(2)
    return {str(name): value for name, value in info.items() if value is not None}
