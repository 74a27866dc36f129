"""Plays the client's side of a recording against a fresh bus and compares what the bus answers.

What differs from run to run is replaced before it is sent (tokens are signed again, lock tokens and times are those of
this run), and left out of the comparison (ids, times, texts for people). Gaps between the lines are kept where they are
long: there a lock lapses, or the client waits. `tests/recorded/README.md` says where the recordings come from.
"""

import base64
import hashlib
import hmac
import json
import re
import socket
import struct
import time
import uuid
from collections import defaultdict, deque
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from local.servicebus import QueueSettings, ServiceBus
from local.servicebus.queues.testing import encoded_message
from local.servicebus.wire.decode import decode
from local.servicebus.wire.encode import encode
from local.servicebus.wire.frames import DeliveryState, Frame, FrameReader, Performative
from local.servicebus.wire.types import Described, Symbol, Timestamp, ULong
from tests.contract.servicebus.peer import SESSION_FILTER, Peer, a_peer
from tests.contract.servicebus.support import BEARER_TOKEN

LONG_GAP = 300.0
ANSWER_WITHIN = 10.0
_SAS = re.compile(rb"SharedAccessSignature [!-~]+")
_SCHEDULED = re.compile(rb"x-opt-scheduled-enqueue-time\x83(.{8})", re.DOTALL)
_SECTION = b"\0\x53"
"""How an encoded message begins. A response of `$management` holds such messages inside its own."""
_ERROR, _REJECTION = 0x1D, Symbol("com.microsoft:dead-letter")
_LEFT_OUT = frozenset(
    {
        "statusDescription", "status-description",  # texts for people
        "x-opt-enqueue-sequence-number",  # the bus that was recorded left it out (B-05)
    }
)  # fmt: skip
_COMPARED: dict[Performative, tuple[int, ...]] = {
    # attach: name, handle, role, settle modes, source, target, initial delivery count. Not its size limit.
    Performative.ATTACH: (0, 1, 2, 3, 4, 5, 6, 9),
    # flow: handle, delivery count, credit, drain. Not the windows.
    Performative.FLOW: (4, 5, 6, 8),
    # transfer: handle, delivery id, format, settled, more. Not the tag.
    Performative.TRANSFER: (0, 1, 3, 4, 5),
    Performative.DISPOSITION: (0, 1, 2, 3, 4),
    Performative.DETACH: (0, 1, 2),
    Performative.CLOSE: (0,),
    Performative.SASL_MECHANISMS: (0,),
    Performative.SASL_OUTCOME: (0,),
}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One answer that differs from the recorded one."""

    moment: float
    recorded: object
    actual: object

    def __str__(self) -> str:
        return f"at {self.moment:g} ms\n    recorded {self.recorded}\n    actual   {self.actual}"


class _Side:
    """Reads one side of a connection and reduces each frame to what can be compared."""

    def __init__(self) -> None:
        self._reader = FrameReader()
        self._parts: dict[tuple[int, int], bytes] = {}

    def read(self, chunk: bytes) -> "list[_Comparable]":
        return [self._comparable(part) for part in self._reader.feed(chunk)]

    def _comparable(self, part: bytes | Frame) -> "_Comparable":
        if isinstance(part, bytes):
            return _Comparable(channel=0, content=("header", part))
        fields = [_plain(part.fields.raw(index)) for index in _COMPARED.get(part.performative, ())]
        content: list[object] = [part.performative.name, *fields]
        tokens: list[bytes] = []
        if part.performative is Performative.TRANSFER:
            link = (part.channel, part.fields.number(0))
            payload = self._parts.pop(link, b"") + part.payload
            if part.fields.flag(5):
                self._parts[link] = payload
            else:
                message, tokens = _message(payload)
                content.append(message)
                tag = part.fields.raw(2)
                if isinstance(tag, bytes) and len(tag) == 16:
                    tokens.insert(0, uuid.UUID(bytes_le=tag).bytes)
        return _Comparable(channel=part.channel, content=tuple(content), tokens=tuple(tokens))


@dataclass(frozen=True, kw_only=True)
class _Comparable:
    channel: int
    content: tuple[object, ...]
    tokens: tuple[bytes, ...] = ()
    """The lock tokens in it, as `$management` writes them."""


def _plain(value: Any) -> Any:
    """A value without what differs from run to run."""
    plain = value
    match value:
        case Timestamp():
            plain = "a time"
        case uuid.UUID():
            plain = "a token"
        case Described(descriptor=code, value=[condition, *_]) if code == _ERROR:
            plain = ("error", condition)
        case Described(descriptor=code, value=inner):
            plain = (code, _plain(inner))
        case dict():
            plain = {key: _plain(inner) for key, inner in value.items() if key not in _LEFT_OUT}
        case list():
            plain = [_plain(inner) for inner in value]
            while plain and plain[-1] is None:
                plain.pop()
        case bytes() if value.startswith(_SECTION):
            plain = _message(value)[0]
    return plain


def _message(encoded: bytes) -> tuple[list[Any], list[bytes]]:
    """The sections of a message, and the lock tokens in its body."""
    sections, tokens, position = [], [], 0
    while position < len(encoded):
        section, position = decode(encoded, position)
        sections.append(_plain(section))
        if isinstance(section.value, dict) and isinstance(section.value.get("messages"), list):
            handed = [item.get("lock-token") for item in section.value["messages"] if isinstance(item, dict)]
            tokens += [token.bytes for token in handed if isinstance(token, uuid.UUID)]
    return sections, tokens


class _Wire:
    """A connection to the bus whose frames are read by channel: the order between channels is undefined."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._side = _Side()
        self._waiting: dict[int, deque[_Comparable]] = defaultdict(deque)

    def send(self, chunk: bytes) -> None:
        self._connection.sendall(chunk)

    def next(self, channel: int) -> _Comparable | None:
        """The next frame of a channel; None when none comes."""
        while not self._waiting[channel]:
            try:
                chunk = self._connection.recv(65536)
            except (TimeoutError, ConnectionError):
                chunk = b""
            if not chunk:
                return None
            for part in self._side.read(chunk):
                self._waiting[part.channel].append(part)
        return self._waiting[channel].popleft()

    def cut(self) -> None:
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.close()


class Replay:
    """One recording. Its first line says how the bus was set up."""

    def __init__(self, recording: Path) -> None:
        lines = recording.read_text(encoding="utf-8").split("\n")
        self._setup, *self._lines = (json.loads(line) for line in lines if line)
        self._recorded: dict[int, _Side] = defaultdict(_Side)
        self._wires: dict[int, _Wire] = {}
        self._tokens: dict[bytes, bytes] = {}
        self._later = 0
        self._differences: list[Difference] = []

    def run(self) -> list[Difference]:
        bus_settings = dict(self._setup["bus"])
        queues = [QueueSettings(**settings) for settings in bus_settings.pop("queues")]
        before = 0.0
        with ExitStack() as opened:
            bus = opened.enter_context(ServiceBus(*queues, bearer_token=BEARER_TOKEN, **bus_settings))
            self._later = int(time.time() * 1000) - self._setup["clock"]
            for line in self._lines:
                if line["t"] - before > LONG_GAP:
                    time.sleep((line["t"] - before) / 1000)
                before = line["t"]
                if not self._play(line, bus, opened):
                    break
        return self._differences

    def _play(self, line: dict[str, Any], bus: ServiceBus, opened: ExitStack) -> bool:
        match line:
            case {"event": "connected", "conn": number}:
                address = ("127.0.0.1", bus.port)
                connection = opened.enter_context(socket.create_connection(address, timeout=ANSWER_WITHIN))
                self._wires[number] = _Wire(connection)
            case {"event": "cut"}:
                for wire in self._wires.values():
                    wire.cut()
            case {"prepare": preparation}:
                _prepare(opened.enter_context(a_peer(bus)), preparation)
            case {"from": "client", "conn": number, "frame": frame}:
                self._wires[number].send(self._of_this_run(bytes.fromhex(frame)))
            case {"from": "server", "conn": number, "frame": frame}:
                return all(
                    self._compare(number, part, line) for part in self._recorded[number].read(bytes.fromhex(frame))
                )
            case _:
                raise AssertionError(f"a line of an unknown kind: {sorted(line)}")
        return True

    def _compare(self, number: int, recorded: _Comparable, line: dict[str, Any]) -> bool:
        actual = self._wires[number].next(recorded.channel)
        if actual is None:
            self._differences.append(Difference(moment=line["t"], recorded=recorded.content, actual=None))
            return False
        self._tokens |= dict(zip(recorded.tokens, actual.tokens, strict=False))
        if recorded.content != actual.content:
            difference = Difference(moment=line["t"], recorded=recorded.content, actual=actual.content)
            self._differences.append(difference)
        return recorded.content[0] == actual.content[0]

    def _of_this_run(self, frame: bytes) -> bytes:
        for recorded, actual in self._tokens.items():
            frame = frame.replace(recorded, actual)
        for moment in _SCHEDULED.findall(frame):
            frame = frame.replace(moment, (int.from_bytes(moment) + self._later).to_bytes(8))
        match = _SAS.search(frame)
        if match is None:
            return frame
        token = match.group().decode()
        frame = frame.replace(encode(token), encode(self._signed_anew(token)))
        return struct.pack(">I", len(frame)) + frame[4:]

    def _signed_anew(self, token: str) -> str:
        scope = parse_qs(token.split(" ", 1)[1])["sr"][0]
        name, key = self._setup["bus"]["key_name"], self._setup["bus"]["key"]
        until = int(time.time()) + 1200
        signature = hmac.digest(key.encode(), f"{quote(scope, safe='')}\n{until}".encode(), hashlib.sha256)
        fields = {"sr": scope, "sig": base64.b64encode(signature).decode(), "se": until, "skn": name}
        return "SharedAccessSignature " + urlencode(fields)


def _prepare(peer: Peer, preparation: dict[str, Any]) -> None:
    """Do to a queue what the recorded program did to it outside the recording."""
    name = preparation["queue"]
    peer.open()
    peer.put_token(f"sb://h/{name}")
    if "hold_session" in preparation:  # held for as long as the connection is open
        peer.attach(2, name, receives=True, filters={SESSION_FILTER: preparation["hold_session"]})
    elif "dead_letter" in preparation:
        peer.attach(2, name, receives=True)
        reasons = {"DeadLetterReason": preparation["reason"], "DeadLetterErrorDescription": preparation["description"]}
        rejected = Described(ULong(DeliveryState.REJECTED), [Described(ULong(_ERROR), [_REJECTION, None, reasons])])
        for received in range(preparation["dead_letter"]):
            peer.credit(2, 1, received=received)
            peer.settle(peer.until(Performative.TRANSFER), rejected)
    else:
        peer.attach(2, name, receives=False)
        for message in preparation["messages"]:
            peer.transfer(2, encoded_message(message["body"], message_id=message["id"], session_id=message["session"]))
            peer.until(Performative.DISPOSITION)
