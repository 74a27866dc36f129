"""One HTTP exchange with a registry: send, retry transient failures, and read the response up to a limit.

This is the lowest layer: it handles broken connections, busy servers and sizes, but neither tokens nor manifests. It
waits through `pause`, so that tests take no time and a caller can refuse to wait.
"""

import email.utils
import logging
import re
import ssl
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from slipway.dripping import TooSlow, start_of

from ._errors import ErrorSubject, QuotaFull, RegistryError, Throttled, TooLarge, Unreachable

type Body = bytes | Callable[[], Iterable[bytes]] | None
"""The bytes of a body, or a function that starts its stream again for each attempt."""

BROKEN: Final = (HTTPError, OSError)
"""The exceptions that urllib3 raises when a connection fails at any point of an exchange."""

_BUSY: Final = frozenset({429, 500, 502, 503, 504})
_TOO_MANY_REQUESTS: Final = 429
_NO_SPACE: Final = re.compile(rb'"Err": ?28\b|(?i:no space left)')
"""docker-registry reports a full disk as a 500 with the errno (28, ENOSPC)."""
_SMALL: Final = 64 * 1024
FIRST_ERROR: Final = 400


class Pool(Protocol):
    """The part of `urllib3.PoolManager` that is used."""

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse: ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The number and time of retries."""

    attempts: int = 5
    """For one exchange, one upload, or one download that makes no progress."""
    connect_seconds: float = 10
    read_seconds: float = 60
    """Longest time without receiving a byte."""
    first_pause: float = 0.2
    longest_pause: float = 20
    """If a registry asks for a longer pause, the exchange fails with a retryable error and the step is rescheduled."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The client's dependencies (connections, clock, sleep, randomness), replaceable in tests."""

    pool: Pool
    clock: Callable[[], float]
    """Seconds since 1970: tokens expire at a point in time."""
    pause: Callable[[float], None]
    random: Callable[[], float]
    """Between 0 and 1."""
    limits: Limits = field(default_factory=Limits)

    def backoff(self, attempt: int) -> float:
        longest = min(self.limits.longest_pause, self.limits.first_pause * 2.0**attempt)
        return longest * (0.5 + self.random() / 2)


@dataclass(frozen=True, kw_only=True)
class RegistryResponse:
    """A response whose body was read."""

    status: int
    headers: urllib3.HTTPHeaderDict
    body: bytes = field(repr=False)


class _NoQueries(logging.Filter):
    """Removes queries from urllib3's debug log: the query of a redirected download contains a signature."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(re.sub(r"\?.*", "?…", a) if isinstance(a, str) else a for a in record.args)
        return True


def new_pool(connections: int = 16, *, authority: str | None = None) -> urllib3.PoolManager:
    """A pool to share between registries and threads; `connections` are kept open per host.

    `authority` is a file of CA certificates that replaces the machine's own.
    """
    logger = logging.getLogger("urllib3.connectionpool")
    if not any(isinstance(existing, _NoQueries) for existing in logger.filters):
        logger.addFilter(_NoQueries())
    return urllib3.PoolManager(num_pools=32, maxsize=connections, ssl_context=_trust(authority))


@cache
def _trust(authority: str | None) -> ssl.SSLContext:
    """The TLS context shared by all connections: urllib3 would spend 20 ms per connection on loading the machine's
    certificates."""
    return ssl.create_default_context(cafile=authority)


def send(
    around: Surroundings, method: str, url: str, *, where: ErrorSubject, headers: dict[str, str], body: Body = None
) -> urllib3.BaseHTTPResponse:
    """One attempt, without reading the body: the caller must read or `discard` the response."""
    stream = body() if callable(body) else body
    try:
        return around.pool.request(
            method,
            url,
            headers=headers,
            body=stream,
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
            timeout=urllib3.Timeout(connect=around.limits.connect_seconds, read=around.limits.read_seconds),
        )
    except BROKEN as error:
        # `from None`: the text of urllib3's errors can contain a whole URL, and in it a signature.
        raise broken_connection(where, f"{method} {urlsplit(url).hostname}", error) from None
    finally:
        if isinstance(stream, Generator):
            stream.close()


def ask(
    around: Surroundings,
    method: str,
    url: str,
    *,
    where: ErrorSubject,
    headers: dict[str, str],
    body: Body = None,
    limit: int = _SMALL,
) -> RegistryResponse:
    """A complete exchange, retried while the server is busy or the connection breaks.

    A streamed body is sent only once: its upload session may be gone, so the caller has to start a new one.
    """

    def once() -> RegistryResponse:
        return read_answer(send(around, method, url, where=where, headers=headers, body=body), where, limit)

    return with_retries(around, once, where=where, attempts=1 if callable(body) else around.limits.attempts)


def with_retries[A: (RegistryResponse, urllib3.BaseHTTPResponse)](
    around: Surroundings, once: Callable[[], A], *, where: ErrorSubject, attempts: int
) -> A:
    """Repeat `once` while it fails with a transient error, pausing in between."""
    attempt = 0
    while True:
        failure: RegistryError
        wait = around.backoff(attempt)
        try:
            answer = once()
        except Unreachable as error:
            failure = error
        else:
            if answer.status not in _BUSY:
                return answer
            if isinstance(answer, urllib3.BaseHTTPResponse):
                discard(answer)
            retry_after = _retry_after(answer.headers, around.clock())
            wait = wait if retry_after is None else max(wait, retry_after)
            failure = _transient_error(where, answer, retry_after)
        attempt += 1
        if attempt >= attempts or not failure.retryable or wait > around.limits.longest_pause:
            raise failure
        around.pause(wait)


def broken_connection(where: ErrorSubject, doing: str, error: Exception) -> Unreachable:
    cause = error.__cause__ or error.__context__
    reason = str(error) if isinstance(error, TooSlow) else type(cause).__name__ if cause else ""
    detail = type(error).__name__ + (f" ({reason})" if reason else "")
    return Unreachable(where, f"{doing} failed: {detail}")


def discard(response: urllib3.BaseHTTPResponse) -> None:
    """Drop a response without reading its body, and close its connection."""
    response.close()
    response.release_conn()


def read_answer(response: urllib3.BaseHTTPResponse, where: ErrorSubject, limit: int) -> RegistryResponse:
    """The whole answer; of an error, as much as a reason needs."""
    is_error = response.status >= FIRST_ERROR
    limit = _SMALL if is_error else limit
    declared = response.headers.get("Content-Length", "")
    is_head = response.length_remaining == 0  # also true for a HEAD, whose Content-Length is that of the GET
    try:
        if not is_head and not is_error and declared.isdecimal() and int(declared) > limit:
            raise TooLarge(where, f"expected at most {limit} bytes, the registry announces {declared[:20]}")
        data = start_of(response, limit)  # read to the end, which shows a body that is shorter than announced
    except BROKEN as error:
        discard(response)
        raise broken_connection(where, "reading the answer", error) from None
    except RegistryError:
        discard(response)
        raise
    if len(data) > limit:
        discard(response)
        if not is_error:
            raise TooLarge(where, f"expected at most {limit} bytes, got more")
    else:
        response.release_conn()
    return RegistryResponse(status=response.status, headers=response.headers, body=data[:limit])


def _transient_error(
    where: ErrorSubject, answer: RegistryResponse | urllib3.BaseHTTPResponse, retry_after: float | None
) -> RegistryError:
    if answer.status == _TOO_MANY_REQUESTS:
        return Throttled(where, "the registry answers 429, too many requests", retry_after=retry_after)
    if isinstance(answer, RegistryResponse) and _NO_SPACE.search(answer.body):
        return QuotaFull(where, f"the registry answers {answer.status}: no space left on its device")
    return Unreachable(where, f"the registry answers {answer.status}", retry_after=retry_after)


def _retry_after(headers: urllib3.HTTPHeaderDict, now: float) -> float | None:
    value = headers.get("Retry-After")
    if value is None:
        return None
    if value.isdecimal():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None
