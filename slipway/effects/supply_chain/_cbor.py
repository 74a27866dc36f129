"""CBOR, as little of it as a COSE_Sign1 envelope needs, and strictly.

Definite lengths, the shortest form of every number, no key twice, no trailing bytes, few levels: whatever allows two
readers to see two things is refused. Ours, because a general library takes far more (docs/decisions/0004).
"""

from dataclasses import dataclass
from typing import Any, Final

from ._reading import Unproven

MAX_DEPTH: Final = 8
MAX_ITEMS: Final = 256
"""In one array or map: envelopes have a handful."""

_BYTES, _TEXT, _SIMPLE = 2, 3, 7
_SIMPLE_VALUES: Final = {20: False, 21: True, 22: None}
_LENGTHS: Final = {24: 1, 25: 2, 26: 4, 27: 8}
_LARGEST_DIRECT: Final = 23


@dataclass(frozen=True)
class Tagged:
    """A value with a tag that says what it means."""

    tag: int
    value: Any


def decode(data: bytes, what: str) -> Any:
    """One value that takes up all of the data."""
    reader = _Reader(data, what)
    value = reader.value(MAX_DEPTH)
    if reader.position != len(data):
        raise Unproven(f"{what}: {len(data) - reader.position} bytes follow the CBOR value")
    return value


def encode_sig_structure(protected: bytes, payload: bytes) -> bytes:
    """What a COSE_Sign1 signature is over: `["Signature1", protected, h'', payload]` (RFC 9052, section 4.4)."""
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


class _Reader:
    def __init__(self, data: bytes, what: str) -> None:
        self._data, self._what = data, what
        self.position = 0

    def value(self, depth: int) -> Any:
        if depth == 0:
            raise self._wrong(f"more than {MAX_DEPTH} levels")
        major, number = self._read_head()
        found: Any
        match major:
            case 0:
                found = number
            case 1:
                found = -1 - number
            case 2:
                found = self._take(number)
            case 3:
                found = self._text(number)
            case 4:
                found = [self.value(depth - 1) for _ in range(self._few(number))]
            case 5:
                found = self._map(self._few(number), depth)
            case 6:
                found = Tagged(number, self.value(depth - 1))
            case _ if number in _SIMPLE_VALUES:
                found = _SIMPLE_VALUES[number]
            case _:
                raise self._wrong("a value of a kind that no envelope has")
        return found

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
        found = self._data[self.position : end]
        self.position = end
        return found

    def _text(self, size: int) -> str:
        try:
            return self._take(size).decode()
        except UnicodeDecodeError:
            raise self._wrong("text that is not UTF-8") from None

    def _few(self, count: int) -> int:
        if count > MAX_ITEMS:
            raise self._wrong(f"more than {MAX_ITEMS} items")
        return count

    def _map(self, count: int, depth: int) -> dict[int | str, Any]:
        found: dict[int | str, Any] = {}
        for _ in range(count):
            key = self.value(depth - 1)
            if isinstance(key, bool) or not isinstance(key, int | str):
                raise self._wrong("a map whose keys are neither numbers nor text")
            if key in found:
                raise self._wrong("a key that is there twice")
            found[key] = self.value(depth - 1)
        return found

    def _wrong(self, came: str) -> Unproven:
        return Unproven(f"{self._what} is not the CBOR of an envelope: {came}")
