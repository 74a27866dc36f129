"""Encodes AMQP values to bytes."""

import struct
import uuid
from collections.abc import Callable

from .types import (
    AmqpValue,
    Array,
    Byte,
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

_U8 = struct.Struct(">B")
_U32 = struct.Struct(">I")
_U64 = struct.Struct(">Q")
_I64 = struct.Struct(">q")

_FIXED: dict[type, tuple[int, struct.Struct]] = {
    int: (0x81, _I64),
    Timestamp: (0x83, _I64),
    Int: (0x71, struct.Struct(">i")),
    UByte: (0x50, _U8),
    UShort: (0x60, struct.Struct(">H")),
    Byte: (0x51, struct.Struct(">b")),
    Short: (0x61, struct.Struct(">h")),
    Float: (0x72, struct.Struct(">f")),
    float: (0x82, struct.Struct(">d")),
}

# Type -> the codes of zero, of one byte, and of the full width.
_COMPACT: dict[type, tuple[int, int, int, struct.Struct]] = {
    UInt: (0x43, 0x52, 0x70, _U32),
    ULong: (0x44, 0x53, 0x80, _U64),
}

_ARRAY_ELEMENTS: dict[int, Callable[[AmqpValue], bytes]] = {
    0x70: _U32.pack,
    0x80: _U64.pack,
    0x81: _I64.pack,
    0x83: _I64.pack,
    0x98: lambda value: bytes(value.bytes),
    0xA3: lambda value: _U8.pack(len(value)) + value.encode("ascii"),
    0xB1: lambda value: _U32.pack(len(value.encode())) + value.encode(),
}


def encode(value: AmqpValue) -> bytes:
    out = bytearray()
    encode_into(out, value)
    return bytes(out)


def encode_into(out: bytearray, value: AmqpValue) -> None:
    kind = type(value)
    if kind in _COMPACT:
        _compact(out, value, _COMPACT[kind])
    elif kind in _FIXED:
        code, layout = _FIXED[kind]
        out.append(code)
        out += layout.pack(value)
    elif kind in _ENCODERS:
        _ENCODERS[kind](out, value)
    else:
        raise TypeError(f"no AMQP type for {kind.__name__}")


def _compact(out: bytearray, value: int, form: tuple[int, int, int, struct.Struct]) -> None:
    empty, short, full, layout = form
    if value == 0:
        out.append(empty)
    elif value < 256:
        out += bytes((short, value))
    else:
        out.append(full)
        out += layout.pack(value)


def _variable(out: bytearray, code: int, raw: bytes) -> None:
    if len(raw) < 256:
        out += bytes((code, len(raw)))
    else:
        out.append(code | 0x10)
        out += _U32.pack(len(raw))
    out += raw


def _compound(out: bytearray, code: int, body: bytearray, count: int) -> None:
    if len(body) < 255 and count < 256:
        out += bytes((code, len(body) + 1, count))
    else:
        out.append(code | 0x10)
        out += _U32.pack(len(body) + 4) + _U32.pack(count)
    out += body


def _list(out: bytearray, values: list[AmqpValue]) -> None:
    if not values:
        out.append(0x45)
        return
    body = bytearray()
    for value in values:
        encode_into(body, value)
    _compound(out, 0xC0, body, len(values))


def _map(out: bytearray, values: dict[AmqpValue, AmqpValue]) -> None:
    body = bytearray()
    for key, value in values.items():
        encode_into(body, key)
        encode_into(body, value)
    _compound(out, 0xC1, body, 2 * len(values))


def _array(out: bytearray, values: Array) -> None:
    element = _ARRAY_ELEMENTS.get(values.constructor)
    if element is None:
        raise TypeError(f"no encoding for an AMQP array of type 0x{values.constructor:02x}")
    body = b"".join(element(value) for value in values)
    out.append(0xF0)
    out += _U32.pack(len(body) + 5) + _U32.pack(len(values)) + bytes((values.constructor,)) + body


def _described(out: bytearray, value: Described) -> None:
    out.append(0)
    encode_into(out, value.descriptor)
    encode_into(out, value.value)


def _bytes(out: bytearray, value: bytes) -> None:
    _variable(out, 0xA0, bytes(value))


def _uuid(out: bytearray, value: uuid.UUID) -> None:
    out.append(0x98)
    out += value.bytes


_ENCODERS: dict[type, Callable[[bytearray, AmqpValue], None]] = {
    type(None): lambda out, _: out.append(0x40),
    bool: lambda out, value: out.append(0x41 if value else 0x42),
    str: lambda out, value: _variable(out, 0xA1, value.encode()),
    Symbol: lambda out, value: _variable(out, 0xA3, value.encode("ascii")),
    bytes: _bytes,
    bytearray: _bytes,
    uuid.UUID: _uuid,
    Encoded: lambda out, value: out.extend(value),
    Described: _described,
    Array: _array,
    list: _list,
    tuple: _list,
    dict: _map,
}
