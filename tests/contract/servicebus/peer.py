"""A peer that speaks bare AMQP, for what no SDK does and for what surrounds the recordings of another client."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from local.servicebus import ServiceBus
from local.servicebus.wire.frames import AMQP_HEADER, Frame, FrameReader, Performative, build
from local.servicebus.wire.message import Message, reply
from local.servicebus.wire.types import Described, Symbol, UByte, UInt, ULong
from tests.contract.servicebus.support import BEARER_TOKEN

CBS = "$cbs"
SESSION_FILTER = Symbol("com.microsoft:session-filter")
_SOURCE, _TARGET, _FILTERS = 0x28, 0x29, 7


class Peer:
    """A connection that sends the given frames and collects those that come back."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._reader = FrameReader()
        self._waiting: list[bytes | Frame] = []
        self._tokens = 0

    def send(self, performative: Performative, fields: list[Any], payload: bytes = b"", *, channel: int = 0) -> None:
        self.connection.sendall(build(channel, performative, fields, payload=payload))

    def next(self) -> bytes | Frame | None:
        """The next header or frame; None at the end of the connection."""
        while not self._waiting:
            chunk = self.connection.recv(65536)
            if not chunk:
                return None
            self._waiting += self._reader.feed(chunk)
        return self._waiting.pop(0)

    def until(self, performative: Performative) -> Frame:
        while (part := self.next()) is not None:
            if isinstance(part, Frame) and part.performative is performative:
                return part
        raise AssertionError(f"the connection ended before {performative.name}")

    def open(self) -> Frame:
        """Open the connection and its first session; returns the other side's open."""
        self.connection.sendall(AMQP_HEADER)
        self.send(Performative.OPEN, ["a-peer"])
        self.send(Performative.BEGIN, [None, UInt(0), UInt(1000), UInt(1000)])
        opened = self.until(Performative.OPEN)
        self.until(Performative.BEGIN)
        return opened

    def attach(
        self, handle: int, address: str, *, receives: bool, filters: Mapping[Symbol, Any] | None = None
    ) -> Frame:
        remote: list[Any] = [address]
        if filters is not None:
            remote += [None] * (_FILTERS - 1) + [dict(filters)]
        source, target = (remote, ["here"]) if receives else (["here"], remote)
        ends = [Described(ULong(_SOURCE), source), Described(ULong(_TARGET), target)]
        self.send(Performative.ATTACH, [f"link-{handle}", UInt(handle), receives, UByte(2), UByte(0), *ends])
        return self.until(Performative.ATTACH)

    def put_token(self, audience: str) -> int:
        """Present a token for this audience; returns the status."""
        if not self._tokens:
            self.attach(0, CBS, receives=False)
            self.attach(1, CBS, receives=True)
            self.credit(1, 10)
        request = reply(BEARER_TOKEN, {"operation": "put-token", "name": audience}, correlation_id=None)
        self.transfer(0, request)
        return int(Message.parse(self.until(Performative.TRANSFER).payload).application["status-code"])

    def credit(self, handle: int, count: int, *, received: int = 0) -> None:
        state = [UInt(0), UInt(1000), UInt(0), UInt(1000)]
        self.send(Performative.FLOW, [*state, UInt(handle), UInt(received), UInt(count)])

    def transfer(self, handle: int, payload: bytes, *, message_format: int = 0) -> None:
        number = UInt(self._tokens)
        self._tokens += 1
        tag = self._tokens.to_bytes(4, "little")
        self.send(Performative.TRANSFER, [UInt(handle), number, tag, UInt(message_format), False], payload)

    def settle(self, delivery: Frame, outcome: Described) -> Described | None:
        """Settle a delivery with this outcome; returns the state that the bus confirms."""
        number = UInt(delivery.fields.number(1))
        self.send(Performative.DISPOSITION, [True, number, number, False, outcome])
        return self.until(Performative.DISPOSITION).fields.described(4)


@contextmanager
def a_peer(bus: ServiceBus) -> Iterator[Peer]:
    with socket.create_connection(("127.0.0.1", bus.port), timeout=10) as connection:
        yield Peer(connection)


def is_refused(attach: Frame) -> bool:
    """Whether a link was refused: it has neither source nor target."""
    return attach.fields.raw(5) is None and attach.fields.raw(6) is None


def condition_of(error: Described | None) -> str:
    assert error is not None
    return str(error.value[0])
