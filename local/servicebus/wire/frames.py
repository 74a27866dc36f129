"""AMQP frames: splitting the byte stream into them, building them, and reading their fields with type checks."""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

from .decode import decode
from .encode import encode
from .types import AmqpValue, DecodeError, Described, ULong

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
EMPTY_FRAME = b"\x00\x00\x00\x08\x02\x00\x00\x00"
FRAME_MAX = 65536
_PREFIX = struct.Struct(">IBBH")


class Kind(IntEnum):
    AMQP = 0
    SASL = 1


class Performative(IntEnum):
    OPEN = 0x10
    BEGIN = 0x11
    ATTACH = 0x12
    FLOW = 0x13
    TRANSFER = 0x14
    DISPOSITION = 0x15
    DETACH = 0x16
    END = 0x17
    CLOSE = 0x18
    SASL_MECHANISMS = 0x40
    SASL_INIT = 0x41
    SASL_OUTCOME = 0x44


_PERFORMATIVES = frozenset(Performative)


class DeliveryState(IntEnum):
    RECEIVED = 0x23
    ACCEPTED = 0x24
    REJECTED = 0x25
    RELEASED = 0x26
    MODIFIED = 0x27


@dataclass(frozen=True, slots=True)
class Frame:
    kind: Kind
    channel: int
    performative: Performative
    fields: "Fields"
    payload: bytes


class Fields:
    """The fields of a performative or of another described list, by position; absent ones are None, types are
    checked."""

    __slots__ = ("_values", "_what")

    def __init__(self, values: AmqpValue, what: str) -> None:
        if not isinstance(values, list):
            raise DecodeError(f"{what}: expected a list of fields, got {type(values).__name__}")
        self._values = values
        self._what = what

    @classmethod
    def of(cls, value: AmqpValue, what: str) -> "Fields":
        """The fields of a described value; no fields if there is no value."""
        return cls(value.value if isinstance(value, Described) else [], what)

    def raw(self, index: int) -> AmqpValue:
        return self._values[index] if index < len(self._values) else None

    def _typed_value[T](self, index: int, expected: type[T]) -> T | None:
        value = self.raw(index)
        if value is None or isinstance(value, expected):
            return value
        raise DecodeError(f"{self._what}, field {index}: expected {expected.__name__}, got {type(value).__name__}")

    def integer(self, index: int) -> int | None:
        return self._typed_value(index, int)

    def number(self, index: int, default: int | None = None) -> int:
        """An integer that must be present, unless there is a default."""
        value = self._typed_value(index, int)
        if value is None:
            value = default
        if value is None:
            raise DecodeError(f"{self._what}, field {index}: expected a number, got nothing")
        return value

    def flag(self, index: int) -> bool:
        return bool(self._typed_value(index, bool))

    def text(self, index: int) -> str:
        return self._typed_value(index, str) or ""

    def mapping(self, index: int) -> dict[AmqpValue, AmqpValue]:
        return self._typed_value(index, dict) or {}

    def described(self, index: int) -> Described | None:
        return self._typed_value(index, Described)

    def values(self, count: int) -> list[AmqpValue]:
        """A copy of the first `count` fields."""
        return [*self._values, *[None] * (count - len(self._values))][:count]


class FrameReader:
    """Collects received bytes and yields protocol headers (as bytes) and frames; drops empty frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes | Frame]:
        buffer = self._buffer
        buffer += data
        position = 0
        try:
            while len(buffer) - position >= _PREFIX.size:
                if buffer[position : position + 4] == b"AMQP":
                    header = bytes(buffer[position : position + 8])
                    position += 8
                    yield header
                    continue
                size, offset, kind, channel = _PREFIX.unpack_from(buffer, position)
                start = offset * 4
                if not _PREFIX.size <= start <= size <= FRAME_MAX or kind not in (Kind.AMQP, Kind.SASL):
                    raise DecodeError(
                        f"frame of {size} bytes, type {kind}, data at {start}: expected at most {FRAME_MAX}"
                    )
                if len(buffer) - position < size:
                    return
                body = bytes(buffer[position + start : position + size])
                position += size
                if body:
                    yield _frame(Kind(kind), channel, body)
        finally:
            del buffer[:position]


def _frame(kind: Kind, channel: int, body: bytes) -> Frame:
    described, position = decode(body)
    if not isinstance(described, Described) or described.descriptor not in _PERFORMATIVES:
        raise DecodeError("expected an AMQP performative at the start of a frame")
    performative = Performative(described.descriptor)
    fields = Fields(described.value, performative.name.lower())
    return Frame(kind, channel, performative, fields, body[position:])


def build(
    channel: int,
    performative: Performative,
    fields: Sequence[AmqpValue],
    *,
    payload: bytes = b"",
    kind: Kind = Kind.AMQP,
) -> bytes:
    body = encode(Described(ULong(performative), list(fields)))
    return _PREFIX.pack(_PREFIX.size + len(body) + len(payload), 2, kind, channel) + body + payload
