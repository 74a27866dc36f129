"""Decodes bytes to AMQP values. Malformed input raises `DecodeError`, and never recurses or loops without bound."""

import struct
import uuid
from collections.abc import Callable

from .types import (
    AmqpValue,
    Array,
    Byte,
    DecodeError,
    Described,
    Encoded,
    Float,
    Int,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

type _Buffer = bytes | bytearray | memoryview

_U32 = struct.Struct(">I")

_CONSTANTS: dict[int, Callable[[], AmqpValue]] = {
    0x40: lambda: None,
    0x41: lambda: True,
    0x42: lambda: False,
    0x43: lambda: UInt(0),
    0x44: lambda: ULong(0),
    0x45: list,
}

_FIXED: dict[int, tuple[struct.Struct, Callable[[AmqpValue], AmqpValue]]] = {
    0x50: (struct.Struct(">B"), UByte),
    0x51: (struct.Struct(">b"), Byte),
    0x52: (struct.Struct(">B"), UInt),
    0x53: (struct.Struct(">B"), ULong),
    0x54: (struct.Struct(">b"), Int),
    0x55: (struct.Struct(">b"), int),
    0x56: (struct.Struct(">B"), bool),
    0x60: (struct.Struct(">H"), UShort),
    0x61: (struct.Struct(">h"), Short),
    0x70: (_U32, UInt),
    0x71: (struct.Struct(">i"), Int),
    0x72: (struct.Struct(">f"), Float),
    0x80: (struct.Struct(">Q"), ULong),
    0x81: (struct.Struct(">q"), int),
    0x82: (struct.Struct(">d"), float),
    0x83: (struct.Struct(">q"), Timestamp),
    0x98: (struct.Struct(">16s"), lambda raw: uuid.UUID(bytes=raw)),
}

_VARIABLE: dict[int, Callable[[bytes], AmqpValue]] = {
    0xA0: bytes,
    0xA1: lambda raw: raw.decode(),
    0xA3: lambda raw: Symbol(raw.decode("ascii")),
}

_LIST, _MAP, _ARRAY = 0xC0, 0xC1, 0xE0
_WIDTH_BY_CATEGORY = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16}
_MALFORMED = (IndexError, struct.error, UnicodeDecodeError, RecursionError, TypeError)


def decode(buffer: _Buffer, position: int = 0) -> tuple[AmqpValue, int]:
    """The value that starts at `position`, and the position after it."""
    try:
        return _value(buffer, position)
    except _MALFORMED as error:
        raise DecodeError(f"malformed AMQP value at byte {position}: {type(error).__name__}") from error


def skip(buffer: _Buffer, position: int) -> int:
    """The position after the value that starts at `position`, without decoding it."""
    try:
        end = _skip(buffer, position)
    except _MALFORMED as error:
        raise DecodeError(f"malformed AMQP value at byte {position}: {type(error).__name__}") from error
    if end > len(buffer):
        raise DecodeError(f"AMQP value at byte {position} ends after its buffer")
    return end


def _skip(buffer: _Buffer, position: int) -> int:
    code = buffer[position]
    if code == 0:
        return _skip(buffer, _skip(buffer, position + 1))
    category = code >> 4
    if category in _WIDTH_BY_CATEGORY:
        return position + 1 + _WIDTH_BY_CATEGORY[category]
    if category in (0xA, 0xC, 0xE):
        return position + 2 + buffer[position + 1]
    if category in (0xB, 0xD, 0xF):
        return position + 5 + int(_U32.unpack_from(buffer, position + 1)[0])
    raise DecodeError(f"unknown AMQP type 0x{code:02x} at byte {position}")


def _value(buffer: _Buffer, position: int) -> tuple[AmqpValue, int]:
    code = buffer[position]
    if code == 0:
        descriptor, position = _value(buffer, position + 1)
        value, position = _value(buffer, position)
        return Described(descriptor, value), position
    return _content(buffer, position + 1, code)


def _content(buffer: _Buffer, position: int, code: int) -> tuple[AmqpValue, int]:
    """The value of type `code` whose data starts at `position`."""
    fixed = _FIXED.get(code)
    if fixed is not None:
        layout, make = fixed
        return make(layout.unpack_from(buffer, position)[0]), position + layout.size
    constant = _CONSTANTS.get(code)
    if constant is not None:
        return constant(), position
    kind = code & 0xEF  # the 32-bit form of a type differs from its 8-bit form in this one bit
    if kind in _VARIABLE:
        return _variable(buffer, position, code)
    if kind in (_LIST, _MAP, _ARRAY):
        return _compound(buffer, position, code)
    end = skip(buffer, position - 1)
    return Encoded(buffer[position - 1 : end]), end


def _size(buffer: _Buffer, position: int, code: int) -> tuple[int, int]:
    if code & 0x10:
        return int(_U32.unpack_from(buffer, position)[0]), position + 4
    return buffer[position], position + 1


def _variable(buffer: _Buffer, position: int, code: int) -> tuple[AmqpValue, int]:
    size, start = _size(buffer, position, code)
    raw = bytes(buffer[start : start + size])
    if len(raw) != size:
        raise DecodeError(f"AMQP value at byte {position} announces {size} bytes, got {len(raw)}")
    return _VARIABLE[code & 0xEF](raw), start + size


def _compound(buffer: _Buffer, position: int, code: int) -> tuple[AmqpValue, int]:
    size, start = _size(buffer, position, code)
    end = start + size
    count, inside = _size(buffer, start, code)
    if end > len(buffer) or count > size:
        raise DecodeError(f"AMQP compound at byte {position} announces {count} values in {size} bytes")
    if code & 0xEF == _ARRAY:
        return _array(buffer, inside, count, end), end
    values = []
    for _ in range(count):
        value, inside = _value(buffer, inside)
        values.append(value)
    if code & 0xEF == _MAP:
        return dict(zip(values[::2], values[1::2], strict=False)), end
    return values, end


def _array(buffer: _Buffer, position: int, count: int, end: int) -> Array:
    if position >= end:
        return Array()
    code = buffer[position]
    if code == 0:
        raise DecodeError("an array of described values is not supported")
    values = []
    position += 1
    for _ in range(count):
        value, position = _content(buffer, position, code)
        values.append(value)
    return Array(values, constructor=code)
