"""One AMQP session: its links, its flow windows, and which link each delivery belongs to."""

from collections import deque
from collections.abc import Iterable

from ..auth import Grants
from ..errors import Refusal
from ..queues.broker import MANAGEMENT_SUFFIX, Broker, path_of
from ..queues.queue import Queue
from ..queues.session_queue import SessionQueue
from ..settings import Claim
from ..wire.frames import Fields, Frame, Performative, build
from ..wire.types import AmqpValue, DecodeError, Described, UInt, UShort
from .link import Attach, FromPeer, Link, ToPeer
from .queue_links import QueueSink, QueueSource, SessionSource, unknown_delivery
from .requests import CBS, ManagementRequests, Responses, TokenRequests
from .wire_out import Output

type _AnyLink = QueueSink | QueueSource | Responses | TokenRequests | ManagementRequests

_WINDOW = 0x7FFFFFFF
_MAX_LINKS = 256
_FRAME_OVERHEAD = 64
_MAX_RANGE = 65536


class Session:
    """Passes on the frames of one channel, and sends those of its links, which write through it as their `Channel`."""

    def __init__(self, number: int, begin: Fields, *, output: Output, broker: Broker, grants: Grants) -> None:
        self._number = number
        self._output = output
        self._broker = broker
        self._grants = grants
        self._links: dict[int, _AnyLink] = {}
        self._next_in = begin.number(1)
        self._peer_window = begin.number(2)
        self._next_out = 0
        self._next_delivery = 0
        self._blocked: deque[tuple[list[AmqpValue], bytes]] = deque()
        self.send(Performative.BEGIN, [UShort(number), UInt(0), UInt(_WINDOW), UInt(_WINDOW), UInt(_MAX_LINKS - 1)])

    def receive(self, frame: Frame) -> None:
        match frame.performative:
            case Performative.TRANSFER:
                self._on_transfer(frame.fields, frame.payload)
            case Performative.DISPOSITION:
                self._on_disposition(frame.fields)
            case Performative.FLOW:
                self._on_flow(frame.fields)
            case Performative.ATTACH:
                self._on_attach(Attach.read(frame.fields))
            case Performative.DETACH:
                self._on_detach(frame.fields.number(0))
            case _:
                raise DecodeError(f"{frame.performative.name.lower()} is not expected in a session")

    def close(self) -> None:
        for link in list(self._links.values()):
            link.on_close()
        self._links.clear()
        self._blocked.clear()

    def serve(self) -> None:
        """The connection takes more again: send what is waiting."""
        for link in list(self._links.values()):
            if isinstance(link, ToPeer):
                link.serve()

    # What links use (the protocol `Channel`)

    @property
    def writable(self) -> bool:
        return self._output.writable and not self._blocked

    def send(self, performative: Performative, fields: list[AmqpValue]) -> None:
        self._output.write(build(self._number, performative, fields))

    def grant(self, *, handle: int, delivery_count: int, credit: int, drained: bool = False) -> None:
        state: list[AmqpValue] = [UInt(self._next_in), UInt(_WINDOW), UInt(self._next_out), UInt(_WINDOW)]
        link_state = [UInt(handle), UInt(delivery_count), UInt(credit)]
        self.send(Performative.FLOW, [*state, *link_state, *([UInt(0), True] if drained else [])])

    def transfer(self, *, handle: int, tag: bytes, payload: bytes, settled: bool) -> int:
        delivery_id = self._next_delivery
        self._next_delivery = (delivery_id + 1) & 0xFFFFFFFF
        chunk_size = self._output.peer_frame_max - _FRAME_OVERHEAD
        parts = [payload[start : start + chunk_size] for start in range(0, len(payload), chunk_size)] or [b""]
        for index, part in enumerate(parts):
            more = index < len(parts) - 1
            first = [UInt(delivery_id), tag, UInt(0), settled] if index == 0 else [None] * 4
            self._blocked.append(([UInt(handle), *first, more], part))
        self._unblock()
        return delivery_id

    def drop(self, handle: int) -> None:
        link = self._links.pop(handle, None)
        if link is not None:
            link.on_close()

    def _unblock(self) -> None:
        """Send as many frames as the peer's window allows."""
        while self._blocked and self._peer_window > 0:
            fields, part = self._blocked.popleft()
            self._peer_window -= 1
            self._next_out = (self._next_out + 1) & 0xFFFFFFFF
            self._output.write(build(self._number, Performative.TRANSFER, fields, payload=part))

    # What the peer sends

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle in self._links or len(self._links) >= _MAX_LINKS:
            raise DecodeError(f"handle {attach.handle} is in use, or more than {_MAX_LINKS} links are open")
        try:
            link = self._make_link(attach)
        except Refusal as refusal:
            Link(attach, self).refuse(refusal)
            return
        self._links[attach.handle] = link
        try:
            link.open()
        except Refusal as refusal:
            link.refuse(refusal)

    def _make_link(self, attach: Attach) -> _AnyLink:
        path = path_of(attach.address)
        if path == CBS and attach.peer_receives:
            return Responses(attach, self, CBS)
        if path == CBS:
            return TokenRequests(attach, self, self._responses, self._grants)
        entity = path.removesuffix(f"/{MANAGEMENT_SUFFIX}")
        self._grants.check(path, _claim(attach) if entity == path else None)
        queue = self._broker.queue(entity)
        return self._link_to_queue(attach, queue) if entity == path else self._link_to_management(attach, path, queue)

    def _link_to_management(self, attach: Attach, path: str, queue: Queue) -> _AnyLink:
        if attach.peer_receives:
            return Responses(attach, self, path)
        return ManagementRequests(attach, self, path, self._responses, queue, grants=self._grants)

    def _link_to_queue(self, attach: Attach, queue: Queue) -> _AnyLink:
        if not attach.peer_receives:
            return QueueSink(attach, self, self._broker, queue)
        if isinstance(queue, SessionQueue):
            return SessionSource(attach, self, queue)
        return QueueSource(attach, self, queue)

    def _responses(self, node: str, reply_to: str | None) -> Responses | None:
        links = [link for link in self._links.values() if isinstance(link, Responses) and link.node == node]
        requested = [link for link in links if reply_to is not None and link.attach.peer_address == reply_to]
        return next(reversed(requested or links), None)

    def _on_detach(self, handle: int) -> None:
        link = self._links.pop(handle, None)
        if link is not None:  # otherwise this side detached, and this is the response
            link.on_close()
            self.send(Performative.DETACH, [UInt(handle), True])

    def _on_transfer(self, fields: Fields, payload: bytes) -> None:
        self._next_in = (self._next_in + 1) & 0xFFFFFFFF
        link = self._links.get(fields.number(0))
        if isinstance(link, FromPeer):  # frames for a link that was just detached may still arrive
            link.on_transfer(fields, payload)

    def _on_flow(self, fields: Fields) -> None:
        peer_expects = fields.number(0, 0)
        self._peer_window = (peer_expects + fields.number(1) - self._next_out) & 0xFFFFFFFF
        self._unblock()
        handle = fields.integer(4)
        if handle is None:
            self.serve()
            return
        link = self._links.get(handle)
        if isinstance(link, ToPeer):
            link.flow(delivery_count=fields.number(5, 0), credit=fields.number(6, 0), drain=fields.flag(8))
        elif isinstance(link, FromPeer) and fields.flag(9):
            link.grant()

    def _on_disposition(self, fields: Fields) -> None:
        if not fields.flag(0):
            return  # about a message that the peer sent, for which nothing is pending
        first = fields.number(1)
        last = fields.number(2, first)
        if not 0 <= last - first < _MAX_RANGE:
            raise DecodeError(f"disposition: expected at most {_MAX_RANGE} deliveries, got {first} to {last}")
        peer_settled, state = fields.flag(3), fields.described(4)
        for delivery_id in range(first, last + 1):
            response = self._settle(delivery_id, state)
            if not peer_settled:
                number = UInt(delivery_id)
                self.send(Performative.DISPOSITION, [False, number, number, True, response])

    def _settle(self, delivery_id: int, state: Described | None) -> Described:
        for link in self._sources():
            response = link.settle(delivery_id, state)
            if response is not None:
                return response
        return unknown_delivery()

    def _sources(self) -> Iterable[QueueSource]:
        return [link for link in self._links.values() if isinstance(link, QueueSource)]


def _claim(attach: Attach) -> Claim:
    """The claim that a link to a queue needs."""
    return Claim.LISTEN if attach.peer_receives else Claim.SEND
