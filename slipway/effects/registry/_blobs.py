"""Blobs: read as a stream that survives broken connections, hashed on the way, and written in one request.

Only one chunk per stream is in memory at a time, whatever the size of a layer.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Final
from urllib.parse import urlencode, urljoin

import urllib3

from slipway.dripping import pieces

from ._answers import failure
from ._endpoint import require_own_host, trusted
from ._errors import (
    DigestMismatch,
    ErrorSubject,
    Forgotten,
    NotInRegistry,
    RegistryError,
    Throttled,
    Unreachable,
    Unsupported,
)
from ._http import BROKEN, broken_connection, discard
from ._session import RegistrySession, Scopes, pull_scopes, push_scopes

CHUNK: Final = 128 * 1024
"""Larger chunks take more memory without saving time, since they no longer fit the processor's cache (decision 3)."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_WORTH_A_NEW_COUNT: Final = 16 * 1024 * 1024
"""If a connection breaks after this many bytes, the count of failures starts again, since large layers take long."""

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _PARTIAL, _NOT_FOUND = 200, 201, 202, 204, 206, 404


def exists(session: RegistrySession, repository: str, digest: str) -> bool:
    where = session.where(repository, digest)
    answer = session.ask("HEAD", f"/v2/{repository}/blobs/{digest}", where=where, scopes=pull_scopes(repository))
    # A redirect leads to the bytes, so the blob exists.
    if answer.status == _OK or answer.status in _REDIRECTS:
        return True
    if answer.status == _NOT_FOUND:
        return False
    raise failure(answer, where, "looking for the blob")


def read_blob(session: RegistrySession, repository: str, digest: str, size: int) -> Iterator[bytes]:
    """The bytes from the registry, unverified. After a broken connection, reading continues from the same offset."""
    around = session.around
    offset, failures = 0, 0
    while True:
        before = offset
        try:
            for chunk in _read_from(session, repository, digest, size, offset):
                offset += len(chunk)
                yield chunk
        except Unreachable:
            failures = 1 if offset - before >= _WORTH_A_NEW_COUNT else failures + 1
            if failures >= around.limits.attempts:
                raise
        else:
            return
        around.pause(around.backoff(failures))


def _read_from(session: RegistrySession, repository: str, digest: str, size: int, offset: int) -> Iterator[bytes]:
    """The bytes from `offset` to the end, over one connection."""
    where = session.where(repository, digest)
    response = _open(session, repository, digest, size, offset)
    try:
        for chunk in pieces(response, at_once=CHUNK):
            offset += len(chunk)
            if offset > size:
                raise DigestMismatch(where, f"expected {size} bytes, got more")
            yield chunk
    except BROKEN as error:
        raise broken_connection(where, f"reading the blob after {offset} of {size} bytes", error) from None
    finally:
        # A connection that was read to its end is back in the pool already; any other must be closed.
        discard(response)
    if offset < size:
        raise Unreachable(where, f"the blob ended after {offset} of {size} bytes")


def verified(chunks: Iterable[bytes], digest: str, size: int, where: ErrorSubject) -> Iterator[bytes]:
    """The same bytes. Yields the last chunk only if all bytes match size and digest; raises `DigestMismatch`
    otherwise."""
    hashed = hashlib.sha256()
    received = 0
    previous = b""
    for chunk in chunks:
        if previous:
            yield previous
        hashed.update(chunk)
        received += len(chunk)
        previous = chunk
        if received > size:
            raise DigestMismatch(where, f"expected {size} bytes, got more")
    if received != size:
        raise DigestMismatch(where, f"expected {size} bytes, got {received}")
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise DigestMismatch(where, f"the {size} bytes have the digest sha256:{hashed.hexdigest()}")
    if previous:
        yield previous


def mount(session: RegistrySession, repository: str, digest: str, origin: str) -> bool:
    """Ask the registry to link a blob from another of its repositories; False if it wants an upload instead."""
    where = session.where(repository, digest)
    scopes = push_scopes(repository) + pull_scopes(origin)
    query = urlencode({"mount": digest, "from": origin})
    answer = session.ask("POST", f"/v2/{repository}/blobs/uploads/?{query}", where=where, scopes=scopes)
    if answer.status == _CREATED:
        return True
    if answer.status != _ACCEPTED:
        raise failure(answer, where, "mounting the blob")
    # The registry has opened an upload instead. It would expire within days; cancelling it is a courtesy.
    with suppress(RegistryError):
        session.ask("DELETE", _location(session, answer.headers, where), where=where, scopes=scopes)
    return False


def write(
    session: RegistrySession, repository: str, digest: str, size: int, chunks: Callable[[], Iterable[bytes]]
) -> None:
    """Upload in one request. After a transient failure the upload starts over: registries do not keep a partial
    request, and a restarted replica has lost the whole upload."""
    around = session.around
    for attempt in count(1):
        feed = _Feed(chunks)
        try:
            _upload(session, repository, digest, size, feed)
        except (Forgotten, Throttled, Unreachable) as error:
            wait = max(around.backoff(attempt), error.retry_after or 0)
            if error is feed.failure or attempt >= around.limits.attempts or wait > around.limits.longest_pause:
                raise
            around.pause(wait)
            # The upload may have succeeded and only its response been lost.
            if exists(session, repository, digest):
                return
        else:
            return


class _Feed:
    """The bytes of one upload. It remembers a failure of the source, to distinguish it from one of the target."""

    def __init__(self, chunks: Callable[[], Iterable[bytes]]) -> None:
        self._chunks = chunks
        self.failure: RegistryError | None = None

    def __call__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks()
        except RegistryError as error:
            self.failure = error
            raise


def _upload(session: RegistrySession, repository: str, digest: str, size: int, feed: _Feed) -> None:
    where = session.where(repository, digest)
    scopes = push_scopes(repository)
    started = session.ask("POST", f"/v2/{repository}/blobs/uploads/", where=where, scopes=scopes)
    if started.status == _CREATED:
        # The specification has this answer only for a mount. Some registries also send it for bytes that they have
        # already.
        if exists(session, repository, digest):
            return
        raise Forgotten(where, "starting the upload was answered with 201, as if the blob were there, and it is not")
    if started.status != _ACCEPTED:
        raise failure(started, where, "starting the upload")
    location = _location(session, started.headers, where)
    url = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': digest})}"
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    answer = session.ask("PUT", url, where=where, scopes=scopes, headers=headers, body=feed)
    if answer.status not in (_CREATED, _NO_CONTENT):
        error = failure(answer, where, "uploading the blob")
        raise Forgotten(where, error.what) if isinstance(error, NotInRegistry) else error
    stored = answer.headers.get("Docker-Content-Digest", digest)
    if stored != digest:
        raise DigestMismatch(where, f"the registry says that it stored {stored[:100]}")


def _location(session: RegistrySession, headers: urllib3.HTTPHeaderDict, where: ErrorSubject) -> str:
    location = headers.get("Location")
    if not location:
        raise Unsupported(where, "the registry opened an upload without a Location")
    return require_own_host(where, session.endpoint, location, "upload address")


def _open(session: RegistrySession, repository: str, digest: str, size: int, offset: int) -> urllib3.BaseHTTPResponse:
    """A response positioned at `offset`, also if the registry ignores the range."""
    where = session.where(repository, digest)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    response = _follow_redirects(session, f"/v2/{repository}/blobs/{digest}", where, pull_scopes(repository), headers)
    try:
        if response.status not in (_OK, _PARTIAL):
            raise failure(response, where, "reading the blob")
        skip = offset if response.status == _OK else 0
        _check_extent(response, size - offset + skip, offset - skip, where)
        for _ in pieces(response, at_once=CHUNK, most=skip):
            pass
    except BROKEN as error:
        discard(response)
        raise broken_connection(where, "reading the blob again", error) from None
    except RegistryError:
        discard(response)
        raise
    return response


def _check_extent(response: urllib3.BaseHTTPResponse, expected: int, start: int, where: ErrorSubject) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != expected:
        raise DigestMismatch(
            where, f"expected {expected} bytes from byte {start}, the registry announces {announced[:20]}"
        )
    extent = response.headers.get("Content-Range", "")
    if response.status == _PARTIAL and not extent.startswith(f"bytes {start}-"):
        raise Unsupported(where, f"requested the bytes from {start}, got {extent[:80]!r}")


def _follow_redirects(
    session: RegistrySession, path: str, where: ErrorSubject, scopes: Scopes, headers: dict[str, str]
) -> urllib3.BaseHTTPResponse:
    """Follow redirects through `RegistrySession`, which sends the token to the registry alone, not to its storage."""
    base = session.endpoint.url
    for _ in range(_MOST_REDIRECTS + 1):
        response = session.stream("GET", path, where=where, scopes=scopes, headers=headers)
        if response.status not in _REDIRECTS:
            return response
        location = response.headers.get("Location", "")
        discard(response)
        path = trusted(where, base, urljoin(urljoin(base, path), location), "download address")
    raise Unsupported(where, f"more than {_MOST_REDIRECTS} redirects")
