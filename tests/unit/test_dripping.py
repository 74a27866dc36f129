"""A response that comes drop by drop from a real socket, by a clock that the test sets."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
import urllib3

from slipway.dripping import AT_ONCE, FLOOR, GRACE, TooSlow, pieces, start_of

DROPS = 400


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """Serves one request with the given function; returns the address."""
    listeners = list[socket.socket]()

    def server(serve_answer: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    serve_answer(connection)
                except OSError:
                    return  # the client has given up

        threading.Thread(target=once, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield server
    for listener in listeners:
        listener.close()


def response_of(address: str) -> urllib3.BaseHTTPResponse:
    return urllib3.PoolManager(retries=False, timeout=10).request("GET", address, preload_content=False)


class StepClock:
    """A clock that moves on by some seconds each time it is read."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._now = seconds, 0.0

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


def drops(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(DROPS):
        connection.sendall(b"1\r\nx\r\n")
    connection.sendall(b"0\r\n\r\n")


def test_a_dripping_server_is_given_up_with_the_bytes_that_came_and_the_time_they_took(
    serve: Callable[[Callable[[socket.socket], None]], str],
) -> None:
    with pytest.raises(TooSlow, match=r"only \d+ bytes came in \d\d+ s"):
        start_of(response_of(serve(drops)), 1_000_000, monotonic=StepClock(GRACE / 20))


class Slow:
    """Passes on what the socket delivers, with a clock as if it came at the given speed."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, speed: float) -> None:
        self._answer, self._speed, self.now = answer, speed, 0.0

    def read1(self, amt: int, /) -> bytes:
        chunk = self._answer.read1(amt)
        self.now += len(chunk) / self._speed
        return chunk


CONTENT = bytes(range(256)) * 4096 * 30


def all_of_it(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT))
    connection.sendall(CONTENT)


def test_a_large_download_that_is_slow_and_above_the_floor_comes_whole(
    serve: Callable[[Callable[[socket.socket], None]], str],
) -> None:
    slow = Slow(response_of(serve(all_of_it)), FLOOR * 1.5)
    chunks = list(pieces(slow, monotonic=lambda: slow.now))
    assert slow.now > 10 * GRACE
    assert b"".join(chunks) == CONTENT
    assert {len(piece) for piece in chunks} == {AT_ONCE}


def test_a_download_below_the_floor_is_given_up(serve: Callable[[Callable[[socket.socket], None]], str]) -> None:
    slow = Slow(response_of(serve(all_of_it)), FLOOR / 1.5)
    with pytest.raises(TooSlow):
        list(pieces(slow, monotonic=lambda: slow.now))
    assert slow.now < 4 * GRACE


def test_time_that_the_reader_takes_does_not_count_against_the_server(
    serve: Callable[[Callable[[socket.socket], None]], str],
) -> None:
    slow, size = Slow(response_of(serve(all_of_it)), FLOOR * 100), 0
    for piece in pieces(slow, monotonic=lambda: slow.now):
        slow.now += GRACE
        size += len(piece)
    assert size == len(CONTENT)


def test_no_more_than_asked_for_is_read(serve: Callable[[Callable[[socket.socket], None]], str]) -> None:
    assert start_of(response_of(serve(all_of_it)), 100) == CONTENT[:101]
