"""What no SDK does: the bus is spoken to in bare AMQP."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from local.servicebus import QueueSettings, ServiceBus
from local.servicebus.wire.frames import AMQP_HEADER, SASL_HEADER, Frame, FrameReader, Performative, build
from local.servicebus.wire.message import Message, reply
from local.servicebus.wire.types import Described, Symbol, UByte, UInt, ULong
from tests.contract.servicebus.support import BEARER_TOKEN

CBS = "$cbs"


class Peer:
    """A connection that sends what it is told to and collects what comes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._reader = FrameReader()
        self._waiting: list[bytes | Frame] = []

    def send(self, performative: Performative, fields: list[Any], payload: bytes = b"") -> None:
        self.connection.sendall(build(0, performative, fields, payload=payload))

    def next(self) -> bytes | Frame | None:
        """The next header or frame; None at the end of the connection."""
        while not self._waiting:
            data = self.connection.recv(65536)
            if not data:
                return None
            self._waiting += self._reader.feed(data)
        return self._waiting.pop(0)

    def until(self, performative: Performative) -> Frame:
        while (part := self.next()) is not None:
            if isinstance(part, Frame) and part.performative is performative:
                return part
        raise AssertionError(f"the connection ended before {performative.name}")

    def open(self) -> None:
        self.connection.sendall(AMQP_HEADER)
        self.send(Performative.OPEN, ["a-peer"])
        self.send(Performative.BEGIN, [None, UInt(0), UInt(1000), UInt(1000)])
        self.until(Performative.BEGIN)

    def attach(self, handle: int, address: str, *, receives: bool) -> Frame:
        there, here = Described(ULong(0x28), [address]), Described(ULong(0x29), ["here"])
        if not receives:
            there, here = Described(ULong(0x28), ["here"]), Described(ULong(0x29), [address])
        self.send(Performative.ATTACH, [f"link-{handle}", UInt(handle), receives, UByte(0), UByte(0), there, here])
        return self.until(Performative.ATTACH)

    def put_token(self, audience: str) -> int:
        """The status that comes back."""
        self.attach(0, CBS, receives=False)
        self.attach(1, CBS, receives=True)
        self.send(Performative.FLOW, [UInt(0), UInt(1000), UInt(0), UInt(1000), UInt(1), UInt(0), UInt(10)])
        request = reply(BEARER_TOKEN, {"operation": "put-token", "name": audience}, correlation_id=None)
        self.send(Performative.TRANSFER, [UInt(0), UInt(0), b"tag", UInt(0), False], request)
        return int(Message.parse(self.until(Performative.TRANSFER).payload).application["status-code"])


@contextmanager
def a_peer(bus: ServiceBus) -> Iterator[Peer]:
    with socket.create_connection(("127.0.0.1", bus.port), timeout=10) as connection:
        yield Peer(connection)


def is_refused(attach: Frame) -> bool:
    """A link to nowhere: neither source nor target."""
    return attach.fields.raw(5) is None and attach.fields.raw(6) is None


def condition_of(error: Described | None) -> str:
    assert error is not None
    return str(error.value[0])


@pytest.mark.parametrize(
    "nonsense",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        bytes(range(256)) * 10,
        AMQP_HEADER + b"\xff" * 64,
        AMQP_HEADER + build(0, Performative.TRANSFER, [UInt(0)]),
        AMQP_HEADER + build(0, Performative.OPEN, [7, 7, "large"]),
        SASL_HEADER + build(0, Performative.SASL_INIT, [Symbol("PLAIN"), b"\0user\0secret"]),
    ],
    ids=["http", "bytes", "frame", "no-open", "types", "mechanism"],
)
def test_nonsense_ends_its_connection_and_no_other(bus: ServiceBus, nonsense: bytes) -> None:
    with a_peer(bus) as bystander, a_peer(bus) as peer:
        bystander.open()
        peer.connection.sendall(nonsense)
        while peer.connection.recv(65536):
            pass
        assert bystander.put_token("sb://h/plain") == 202


def test_a_token_opens_the_entity_that_it_names_and_no_other(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        assert is_refused(peer.attach(7, "plain", receives=False))
        assert condition_of(peer.until(Performative.DETACH).fields.described(2)) == "amqp:unauthorized-access"
        assert peer.put_token("sb://h/plain") == 202
        assert not is_refused(peer.attach(2, "plain", receives=False))
        assert not is_refused(peer.attach(3, "plain/$management", receives=False))
        assert is_refused(peer.attach(4, "strict", receives=False))
        assert is_refused(peer.attach(5, "strict/$management", receives=True))


def test_a_refused_message_that_was_sent_as_settled_ends_its_link(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        peer.put_token("sb://h/plain")
        peer.attach(2, "plain", receives=False)
        peer.send(Performative.TRANSFER, [UInt(2), UInt(1), b"tag", UInt(0), True], b"not a message")
        assert condition_of(peer.until(Performative.DETACH).fields.described(2)) == "amqp:decode-error"


def test_an_outcome_for_an_unknown_delivery_is_answered_with_a_lost_lock(bus: ServiceBus) -> None:
    with a_peer(bus) as peer:
        peer.open()
        peer.send(Performative.DISPOSITION, [True, UInt(5), UInt(5), False, Described(ULong(0x24), [])])
        state = peer.until(Performative.DISPOSITION).fields.described(4)
        assert state is not None
        assert condition_of(state.value[0]) == "com.microsoft:message-lock-lost"


@pytest.mark.parametrize("spoken", [b"", AMQP_HEADER + build(0, Performative.OPEN, ["silent"])], ids=["mute", "opened"])
def test_a_silent_peer_is_cut_off(spoken: bytes) -> None:
    with ServiceBus(QueueSettings(name="plain"), idle_seconds=0.2) as bus, a_peer(bus) as peer:
        peer.connection.sendall(spoken)
        last = None
        while (part := peer.next()) is not None:
            last = part
        if spoken:
            assert isinstance(last, Frame)
            assert last.performative is Performative.CLOSE
            assert condition_of(last.fields.described(0)) == "amqp:connection:forced"
