"""The AMQP types for which Python has no name, so that a value keeps its type between decoding and encoding.

A plain `int` is an AMQP long, `float` a double, `str` a string, `bytes` a binary, `list` a list, `dict` a map.
"""

from dataclasses import dataclass
from typing import Any

type AmqpValue = Any
"""A decoded AMQP value of any kind, because the peer chooses it; it is checked where it is used (see
`frames.Fields`)."""


class DecodeError(ValueError):
    """The bytes are not the AMQP 1.0 that was expected."""


class Symbol(str):
    __slots__ = ()


class UByte(int):
    __slots__ = ()


class UShort(int):
    __slots__ = ()


class UInt(int):
    __slots__ = ()


class ULong(int):
    __slots__ = ()


class Byte(int):
    __slots__ = ()


class Short(int):
    __slots__ = ()


class Int(int):
    __slots__ = ()


class Timestamp(int):
    """Milliseconds since 1970-01-01 UTC."""

    __slots__ = ()

    @classmethod
    def of(cls, seconds: float) -> "Timestamp":
        return cls(int(seconds * 1000))


class Float(float):
    """Single precision."""

    __slots__ = ()


class Encoded(bytes):
    """A value of a type that is only passed on (decimal, char): constructor and data, as received."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Described:
    descriptor: AmqpValue
    value: AmqpValue


class Array(list[AmqpValue]):
    """Values of one type; `constructor` is the format code of that type."""

    def __init__(self, values: "list[AmqpValue] | tuple[AmqpValue, ...]" = (), *, constructor: int = 0x81) -> None:
        super().__init__(values)
        self.constructor = constructor
