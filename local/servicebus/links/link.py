"""The two directions of a link, without the queue or session at its end.

`FromPeer`: the peer sends (to a queue, to `$cbs`, to `$management`). `ToPeer`: the peer receives. A session owns its
links and passes them what arrives; a link writes through its session.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import Condition, Refusal
from ..queues.limits import MAX_MESSAGE_BYTES, too_large
from ..wire.frames import DeliveryState, Fields, Performative
from ..wire.types import AmqpValue, DecodeError, Described, Symbol, UByte, UInt, ULong

BATCH_FORMAT = 0x80013700
_BATCH_SIZE = Symbol("com.microsoft:max-message-batch-size")
_CREDIT = 1000
_SENDER_SETTLES_AS_IT_LIKES = 2


def error_of(refusal: Refusal) -> Described:
    """Always with three fields: the Python SDK waits for ever if the error of a refused send lacks the third."""
    return Described(ULong(0x1D), [Symbol(refusal.condition), refusal.description, {}])


class Channel(Protocol):
    """What a link needs of its session."""

    @property
    def writable(self) -> bool:
        """Whether the connection takes more now, or more is waiting than the peer reads."""

    def send(self, performative: Performative, fields: list[AmqpValue]) -> None: ...

    def grant(self, *, handle: int, delivery_count: int, credit: int, drained: bool = False) -> None: ...

    def transfer(self, *, handle: int, tag: bytes, payload: bytes, settled: bool) -> int:
        """Send a message; returns its delivery id."""

    def drop(self, handle: int) -> None:
        """Forget the link, which this side has detached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach:
    """The peer's request to open the link."""

    name: str
    handle: int
    peer_receives: bool
    sender_settles: int
    receiver_settles: int
    source: Described | None
    target: Described | None
    properties: Mapping[AmqpValue, AmqpValue]

    @classmethod
    def read(cls, fields: Fields) -> "Attach":
        return cls(
            name=fields.text(0),
            handle=fields.number(1),
            peer_receives=fields.flag(2),
            sender_settles=fields.number(3, _SENDER_SETTLES_AS_IT_LIKES),
            receiver_settles=fields.number(4, 0),
            source=fields.described(5),
            target=fields.described(6),
            properties=fields.mapping(13),
        )

    @property
    def address(self) -> str:
        """The address of the entity on this side."""
        terminus = self.source if self.peer_receives else self.target
        return Fields.of(terminus, "source or target of a link").text(0)

    @property
    def peer_address(self) -> str:
        """The address of the peer's own end, to which responses are sent."""
        return Fields.of(self.target if self.peer_receives else self.source, "source or target of a link").text(0)


class Link:
    """Opening, refusing and closing, which are the same in both directions."""

    def __init__(self, attach: Attach, channel: Channel) -> None:
        self.attach = attach
        self.channel = channel

    def confirm(self, *, source: Described | None = None, properties: Mapping[Symbol, AmqpValue] | None = None) -> None:
        attach = self.attach
        # The limit is on what the peer sends. On a link on which the peer receives, a client would apply it too, and
        # close the link at the first page of peeked messages, or at the first message that its annotations made larger.
        limit = None if attach.peer_receives else MAX_MESSAGE_BYTES
        offered: dict[AmqpValue, AmqpValue] = {} if limit is None else {_BATCH_SIZE: limit}
        self.channel.send(
            Performative.ATTACH,
            [
                attach.name,
                UInt(attach.handle),
                not attach.peer_receives,
                UByte(attach.sender_settles),
                UByte(attach.receiver_settles),
                source or attach.source,
                attach.target,
                None,
                None,
                UInt(0) if attach.peer_receives else None,
                None if limit is None else ULong(limit),
                None,
                None,
                {**offered, **(properties or {})},
            ],
        )

    def refuse(self, refusal: Refusal) -> None:
        """Respond to an attach with a link to nowhere, then detach with the reason: otherwise the SDK takes it as
        open."""
        attach = self.attach
        initial_count = UInt(0) if attach.peer_receives else None
        no_terminus: list[AmqpValue] = [None] * 6
        self.channel.send(
            Performative.ATTACH,
            [attach.name, UInt(attach.handle), not attach.peer_receives, *no_terminus, initial_count],
        )
        self.detach(refusal)

    def detach(self, refusal: Refusal) -> None:
        self.channel.send(Performative.DETACH, [UInt(self.attach.handle), True, error_of(refusal)])
        self.channel.drop(self.attach.handle)

    def on_close(self) -> None:
        """The link was closed, by either side."""


@dataclass(slots=True)
class _Incoming:
    """A message of which more frames are to come."""

    delivery_id: int
    message_format: int
    settled: bool = False
    size: int = 0
    chunks: list[bytes] = field(default_factory=list)

    def add(self, payload: bytes) -> None:
        """Count a message that is too large, to refuse it with its size, but do not store it."""
        self.size += len(payload)
        if self.size > MAX_MESSAGE_BYTES:
            self.chunks.clear()
        else:
            self.chunks.append(payload)


class FromPeer(Link):
    def __init__(self, attach: Attach, channel: Channel) -> None:
        super().__init__(attach, channel)
        self._incoming: _Incoming | None = None
        self._received = 0
        self._credit = 0

    def open(self) -> None:
        self.confirm()
        self.grant()

    def grant(self) -> None:
        self._credit = _CREDIT
        self.channel.grant(handle=self.attach.handle, delivery_count=self._received, credit=_CREDIT)

    def on_transfer(self, fields: Fields, payload: bytes) -> None:
        incoming = self._incoming
        if incoming is None:
            incoming = self._incoming = _Incoming(fields.number(1), fields.number(3, 0))
        incoming.settled = incoming.settled or fields.flag(4)
        incoming.add(payload)
        aborted = fields.flag(9)
        if fields.flag(5) and not aborted:
            return
        self._incoming = None
        self._received = (self._received + 1) & 0xFFFFFFFF
        self._credit -= 1
        if not aborted:
            self._accept(incoming)
        if self._credit < _CREDIT // 2:
            self.grant()

    def take(self, payload: bytes, message_format: int) -> None:
        """Carry out the message's request; a `Refusal` goes back to the peer."""
        raise NotImplementedError

    def _accept(self, incoming: _Incoming) -> None:
        state = Described(ULong(DeliveryState.ACCEPTED), [])
        try:
            if incoming.size > MAX_MESSAGE_BYTES:
                raise too_large(incoming.size)
            self.take(b"".join(incoming.chunks), incoming.message_format)
        except (Refusal, DecodeError) as error:
            refusal = error if isinstance(error, Refusal) else Refusal(Condition.DECODE_ERROR, str(error))
            if (
                incoming.settled
            ):  # the peer expects no response to this message, so only the end of the link can tell it
                self.detach(refusal)
                return
            state = Described(ULong(DeliveryState.REJECTED), [error_of(refusal)])
        if not incoming.settled:
            delivery = UInt(incoming.delivery_id)
            self.channel.send(Performative.DISPOSITION, [True, delivery, delivery, True, state])


class ToPeer(Link):
    def __init__(self, attach: Attach, channel: Channel) -> None:
        super().__init__(attach, channel)
        self._sent = 0
        self._credit = 0

    def flow(self, *, delivery_count: int, credit: int, drain: bool) -> None:
        """The peer states how many messages it takes, counted from `delivery_count`."""
        self._credit = max(0, credit - ((self._sent - delivery_count) & 0xFFFFFFFF))
        self.serve()
        if drain:
            self._sent = (self._sent + self._credit) & 0xFFFFFFFF
            self._credit = 0
            self.channel.grant(handle=self.attach.handle, delivery_count=self._sent, credit=0, drained=True)

    def serve(self) -> None:
        """Send what is waiting, as far as the credit goes."""
        raise NotImplementedError

    def write(self, payload: bytes, *, tag: bytes, settled: bool) -> int:
        self._credit -= 1
        self._sent = (self._sent + 1) & 0xFFFFFFFF
        return self.channel.transfer(handle=self.attach.handle, tag=tag, payload=payload, settled=settled)
