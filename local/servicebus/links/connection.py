"""One TCP connection: protocol headers, SASL, open and close, keep-alive, and passing frames to sessions.

Frames are written together at the end of each iteration of the event loop. A peer that is silent for longer than the
idle time is cut off; one that does not read is sent nothing more until it does.
"""

import asyncio
import logging
from collections.abc import Callable

from ..auth import Grants
from ..errors import Condition, Refusal
from ..queues.broker import Broker
from ..settings import BusSettings
from ..wire.frames import (
    AMQP_HEADER,
    EMPTY_FRAME,
    FRAME_MAX,
    SASL_HEADER,
    Frame,
    FrameReader,
    Kind,
    Performative,
    build,
)
from ..wire.types import AmqpValue, Array, DecodeError, Symbol, UByte, UInt, UShort
from .link import error_of
from .session import Session

_LOG = logging.getLogger(__name__)
_MECHANISMS = ("MSSBCBS", "ANONYMOUS")
_SYMBOL = 0xA3
_CHANNEL_MAX = 4999
_SMALLEST_FRAME_MAX = 512
_SASL_OK, _SASL_REFUSED = 0, 1
_SHORTEST_HEARTBEAT = 0.05
_CLOSE_SECONDS = 5.0


class Connection(asyncio.Protocol):
    peer_frame_max = _SMALLEST_FRAME_MAX

    def __init__(self, settings: BusSettings, broker: Broker, *, on_end: Callable[["Connection"], None]) -> None:
        self._idle_seconds = settings.idle_seconds
        self._broker = broker
        self._grants = Grants(settings, broker.deadlines.now)
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reader = FrameReader()
        self._sessions: dict[int, Session] = {}
        self._out = bytearray()
        self._flush_planned = False
        self._reading_is_slow = False
        self._opened = False
        self._heartbeat_every = 0.0
        self._heartbeat: asyncio.TimerHandle | None = None
        self._last_heard = self._loop.time()
        self._watch: asyncio.TimerHandle | None = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._last_heard = self._loop.time()
        self._watch = self._loop.call_later(self._idle_seconds, self._check_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        for timer in (self._watch, self._heartbeat):
            if timer is not None:
                timer.cancel()
        self._transport = None
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()
        self._on_end(self)

    def pause_writing(self) -> None:
        self._reading_is_slow = True

    def resume_writing(self) -> None:
        self._reading_is_slow = False
        for session in list(self._sessions.values()):
            session.serve()

    def data_received(self, data: bytes) -> None:
        self._last_heard = self._loop.time()
        try:
            for part in self._reader.feed(data):
                if self._transport is None or self._transport.is_closing():
                    return
                if isinstance(part, Frame):
                    self._receive(part)
                else:
                    self._receive_header(part)
        except DecodeError as error:
            self.end(Refusal(Condition.DECODE_ERROR, str(error)))
        self._flush()

    # What sessions use (the protocol `Output`)

    @property
    def writable(self) -> bool:
        return not self._reading_is_slow

    def write(self, frame: bytes) -> None:
        self._out += frame
        if not self._flush_planned:
            self._flush_planned = True
            self._loop.call_soon(self._flush)

    # Frames

    def end(self, refusal: Refusal | None = None) -> None:
        """Send the reason, if there is one, and close."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._opened:
            self._send(Performative.CLOSE, [error_of(refusal)] if refusal else [])
        if refusal is not None:
            _LOG.info("connection closed: %s", refusal)
        self._flush()
        self._transport.close()
        self._loop.call_later(
            _CLOSE_SECONDS, self._transport.abort
        )  # so that a peer that does not read cannot keep it open

    def cut(self) -> None:
        """End without a close frame, as if the machine at the other end were gone."""
        if self._transport is not None:
            self._transport.abort()

    def _receive_header(self, header: bytes) -> None:
        if header == SASL_HEADER:
            self.write(SASL_HEADER)
            mechanisms = Array([Symbol(name) for name in _MECHANISMS], constructor=_SYMBOL)
            self._send(Performative.SASL_MECHANISMS, [mechanisms], kind=Kind.SASL)
        elif header == AMQP_HEADER:
            self.write(AMQP_HEADER)
        else:  # tell a peer with another protocol which one is spoken here
            self.write(SASL_HEADER)
            self.end()

    def _receive(self, frame: Frame) -> None:
        match frame.performative:
            case Performative.SASL_INIT:
                self._authenticate(frame.fields.text(0))
            case Performative.OPEN:
                self._open(frame)
            case Performative.CLOSE:
                self.end()
            case _ if not self._opened:
                raise DecodeError(f"expected open, got {frame.performative.name.lower()}")
            case Performative.BEGIN:
                self._begin(frame)
            case Performative.END:
                self._end_session(frame.channel)
            case _:
                session = self._sessions.get(frame.channel)
                if session is None:
                    raise DecodeError(f"channel {frame.channel}: expected begin, got {frame.performative.name.lower()}")
                session.receive(frame)

    def _authenticate(self, mechanism: str) -> None:
        """The peer's identity does not matter here: its rights come from tokens put on `$cbs`."""
        outcome = _SASL_OK if mechanism in _MECHANISMS else _SASL_REFUSED
        self._send(Performative.SASL_OUTCOME, [UByte(outcome)], kind=Kind.SASL)
        if outcome == _SASL_REFUSED:
            self.end()

    def _open(self, frame: Frame) -> None:
        if self._opened:
            raise DecodeError("expected one open, got a second")
        self._opened = True
        self.peer_frame_max = max(_SMALLEST_FRAME_MAX, min(frame.fields.number(2, FRAME_MAX), FRAME_MAX))
        # Announce half of the real limit, as AMQP recommends, so that a frame that is under way is not too late.
        announced = UInt(max(1, int(self._idle_seconds * 500)))
        self._send(Performative.OPEN, ["slipway-local", None, UInt(FRAME_MAX), UShort(_CHANNEL_MAX), announced])
        peer_idle_ms = frame.fields.integer(4)
        if peer_idle_ms:
            self._heartbeat_every = max(_SHORTEST_HEARTBEAT, peer_idle_ms / 2000)
            self._heartbeat = self._loop.call_later(self._heartbeat_every, self._keep_alive)

    def _begin(self, frame: Frame) -> None:
        if frame.channel in self._sessions or frame.channel > _CHANNEL_MAX:
            raise DecodeError(f"channel {frame.channel}: expected a free one up to {_CHANNEL_MAX}")
        self._sessions[frame.channel] = Session(
            frame.channel, frame.fields, output=self, broker=self._broker, grants=self._grants
        )

    def _end_session(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session is not None:
            session.close()
            self.write(build(channel, Performative.END, []))

    def _send(self, performative: Performative, fields: list[AmqpValue], *, kind: Kind = Kind.AMQP) -> None:
        self.write(build(0, performative, fields, kind=kind))

    def _flush(self) -> None:
        self._flush_planned = False
        if self._out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(bytes(self._out))
        self._out.clear()

    # Keep-alive

    def _keep_alive(self) -> None:
        self.write(EMPTY_FRAME)
        self._heartbeat = self._loop.call_later(self._heartbeat_every, self._keep_alive)

    def _check_idle(self) -> None:
        seconds_left = self._last_heard + self._idle_seconds - self._loop.time()
        if seconds_left <= 0:
            seconds = self._idle_seconds
            self.end(Refusal(Condition.CONNECTION_FORCED, f"Nothing was heard from the peer for {seconds:g} seconds."))
        else:
            self._watch = self._loop.call_later(seconds_left, self._check_idle)
