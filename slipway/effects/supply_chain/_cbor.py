"""A strict decoder for the subset of CBOR that a COSE_Sign1 envelope needs.

It refuses everything that two readers might interpret differently: indefinite lengths, numbers not in their shortest
form, duplicate keys, trailing bytes, deep nesting. A general library accepts far more (docs/decisions/0004).
"""

from dataclasses import dataclass
from typing import Any, Final

from ._reading import Unproven

MAX_DEPTH: Final = 8
MAX_ITEMS: Final = 256
"""Maximum items of one array or map; envelopes have a handful."""

_BYTES, _TEXT, _SIMPLE = 2, 3, 7
_SIMPLE_VALUES: Final = {20: False, 21: True, 22: None}
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LARGEST_DIRECT: Final = 23


@dataclass(frozen=True)
class Tagged:
    """A value with a CBOR tag."""

    tag: int
    value: Any


def decode(data: bytes, what: str) -> Any:
    """The value that the data encodes. Raises `Unproven` if it is invalid or followed by more bytes."""
    reader = _CborReader(data, what)
    value = reader.value(MAX_DEPTH)
    if reader.position != len(data):
        raise Unproven(f"{what}: {len(data) - reader.position} bytes follow the CBOR value")
    return value


def encode_sig_structure(protected: bytes, payload: bytes) -> bytes:
    """The bytes that COSE_Sign1 signs: `["Signature1", protected, h'', payload]` (RFC 9052, section 4.4)."""
    return b"\x84" + _head(_TEXT, 10) + b"Signature1" + _sized(protected) + _sized(b"") + _sized(payload)


def _sized(data: bytes) -> bytes:
    return _head(_BYTES, len(data)) + data


def _head(major: int, number: int) -> bytes:
    if number <= _LARGEST_DIRECT:
        return bytes([major << 5 | number])
    for info, size in _LENGTHS.items():
        if number < 1 << 8 * size:
            return bytes([major << 5 | info]) + number.to_bytes(size)
    raise ValueError(f"{number} is larger than CBOR can say")


class _CborReader:
    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what = data, what
        self.position = 0

    def value(self, depth: int) -> Any:
        if depth == 0:
            raise self._wrong(f"more than {MAX_DEPTH} levels")
        major, number = self._read_head()
        value: Any
        match major:
            case 0:
                value = number
            case 1:
                value = -1 - number
            case 2:
                value = self._take(number)
            case 3:
                value = self._text(number)
            case 4:
                value = [self.value(depth - 1) for _ in range(self._check_count(number))]
            case 5:
                value = self._map(self._check_count(number), depth)
            case 6:
                value = Tagged(number, self.value(depth - 1))
            case _ if number in _SIMPLE_VALUES:
                value = _SIMPLE_VALUES[number]
            case _:
                raise self._wrong("a value of a kind that no envelope has")
        return value

    def _read_head(self) -> tuple[int, int]:
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if info <= _LARGEST_DIRECT:
            return major, info
        if info not in _LENGTHS or major == _SIMPLE:
            raise self._wrong("an indefinite length, a float or a reserved form")
        size = _LENGTHS[info]
        number = int.from_bytes(self._take(size))
        if number <= (_LARGEST_DIRECT if size == 1 else (1 << 4 * size) - 1):
            raise self._wrong("a number in more bytes than it needs")
        return major, number

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise self._wrong("it ends too early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise self._wrong("text that is not UTF-8") from None

    def _check_count(self, count: int) -> int:
        if count > MAX_ITEMS:
            raise self._wrong(f"more than {MAX_ITEMS} items")
        return count

    def _map(self, count: int, depth: int) -> dict[int | str, Any]:
        entries: dict[int | str, Any] = {}
        for _ in range(count):
            key = self.value(depth - 1)
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise self._wrong("a map whose keys are neither numbers nor text")
            if key in entries:
                raise self._wrong("a key that occurs twice")
            entries[key] = self.value(depth - 1)
        return entries

    def _wrong(self, reason: str) -> Unproven:
        return Unproven(f"{self._what} is not the CBOR of an envelope: {reason}")
