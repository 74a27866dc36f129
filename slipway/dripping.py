"""Reads the body of another server's answer as it comes, and gives up if it only drips: a socket's timeout limits each
silence, but a byte now and then never exceeds it.

Headers that drip, and the Azure SDKs' own reading of blobs and rows, are not covered.
"""

import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

FLOOR: Final = 16 * 1024
"""The least bytes per second for which the rest is waited for: a layer of 100 MB takes an hour and three quarters."""
GRACE: Final = 60.0
"""Seconds of waiting that any answer may take, however little arrives."""
AT_ONCE: Final = 64 * 1024


class TooSlow(TimeoutError):  # noqa: N818 - it is what happened
    """The server answers too slowly to wait for the rest; the message says how much came in what time."""


class Readable(Protocol):
    def read1(self, amt: int, /) -> bytes: ...


def pieces(
    answer: Readable,
    *,
    at_once: int = AT_ONCE,
    most: int | None = None,
    grace: float = GRACE,
    monotonic: Callable[[], float] = time.monotonic,
) -> Iterator[bytes]:
    """The body in pieces of `at_once` bytes, of which the last may be shorter; at most `most` bytes of it. The reader's
    own time between pieces does not count. Raises `TooSlow`."""
    came, waited, piece = 0, 0.0, bytearray()
    while (room := at_once - len(piece) if most is None else min(at_once - len(piece), most - came)) > 0:
        before = monotonic()
        read = answer.read1(room)
        waited += monotonic() - before
        if not read:
            break
        came += len(read)
        if waited > grace + came / FLOOR:
            raise TooSlow(f"only {came} bytes came in {waited:.0f} s")
        piece += read
        if len(piece) == at_once:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def start_of(
    answer: Readable, limit: int, *, grace: float = GRACE, monotonic: Callable[[], float] = time.monotonic
) -> bytes:
    """The body; if it is longer than the limit, the limit and one byte more. Raises `TooSlow`."""
    return b"".join(pieces(answer, most=limit + 1, grace=grace, monotonic=monotonic))
