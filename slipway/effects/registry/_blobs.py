"""Blobs: read as a stream that survives broken connections, hashed on the way, and written in one request.

Nothing is ever held whole: one chunk per stream is in memory, whatever the size of a layer.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import count
from typing import Final
from urllib.parse import urlencode, urljoin

import urllib3

from ._endpoint import trusted
from ._errors import DigestMismatch, RegistryError, Throttled, Unreachable, Unsupported, Where
from ._http import BROKEN, broken, discard
from ._session import Scopes, Session, failure, pull, push

CHUNK: Final = 128 * 1024
"""Larger ones take more memory and no less time: they no longer fit the processor's cache (decision 3)."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_WORTH_A_NEW_COUNT: Final = 16 * 1024 * 1024
"""A broken connection that brought this much does not count against the attempts: large layers take long."""

_OK, _CREATED, _ACCEPTED, _NO_CONTENT, _PARTIAL, _NOT_FOUND = 200, 201, 202, 204, 206, 404


def exists(session: Session, repository: str, digest: str) -> bool:
    where = session.where(repository, digest)
    answer = session.ask("HEAD", f"/v2/{repository}/blobs/{digest}", where=where, scopes=pull(repository))
    # A redirect says where the bytes are, so they are.
    if answer.status == _OK or answer.status in _REDIRECTS:
        return True
    if answer.status == _NOT_FOUND:
        return False
    raise failure(answer, where, "looking for the blob")


def read(session: Session, repository: str, digest: str, size: int) -> Iterator[bytes]:
    """The bytes as the registry gives them; a connection that breaks is taken up again where it stopped."""
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


def _read_from(session: Session, repository: str, digest: str, size: int, offset: int) -> Iterator[bytes]:
    """The bytes from `offset` to the end, over one connection."""
    where = session.where(repository, digest)
    response = _open(session, repository, digest, size, offset)
    try:
        while chunk := response.read(CHUNK):
            offset += len(chunk)
            if offset > size:
                raise DigestMismatch(where, f"expected {size} bytes, got more")
            yield chunk
    except BROKEN as error:
        raise broken(where, f"reading the blob after {offset} of {size} bytes", error) from None
    finally:
        # A connection that was read to its end has gone back to the pool already; any other is of no more use.
        discard(response)
    if offset < size:
        raise Unreachable(where, f"the blob ended after {offset} of {size} bytes")


def verified(chunks: Iterable[bytes], digest: str, size: int, where: Where) -> Iterator[bytes]:
    """The same bytes; the last of them is handed on only if all of them are what the digest says."""
    hashed = hashlib.sha256()
    seen = 0
    held = b""
    for chunk in chunks:
        if held:
            yield held
        hashed.update(chunk)
        seen += len(chunk)
        held = chunk
        if seen > size:
            raise DigestMismatch(where, f"expected {size} bytes, got more")
    if seen != size:
        raise DigestMismatch(where, f"expected {size} bytes, got {seen}")
    if f"sha256:{hashed.hexdigest()}" != digest:
        raise DigestMismatch(where, f"the {size} bytes have the digest sha256:{hashed.hexdigest()}")
    if held:
        yield held


def mount(session: Session, repository: str, digest: str, origin: str) -> bool:
    """Have the registry link a blob of another of its repositories; False where it would rather have the bytes."""
    where = session.where(repository, digest)
    scopes = push(repository) + pull(origin)
    query = urlencode({"mount": digest, "from": origin})
    answer = session.ask("POST", f"/v2/{repository}/blobs/uploads/?{query}", where=where, scopes=scopes)
    if answer.status == _CREATED:
        return True
    if answer.status != _ACCEPTED:
        raise failure(answer, where, "mounting the blob")
    # The registry has opened an upload instead. It goes away by itself in days; saying so is only polite.
    with suppress(RegistryError):
        session.ask("DELETE", _location(session, answer.headers, where), where=where, scopes=scopes)
    return False


def write(session: Session, repository: str, digest: str, size: int, chunks: Callable[[], Iterable[bytes]]) -> None:
    """Upload in one request. After a failure that passes, begin anew: registries keep no half of such a request."""
    around = session.around
    for attempt in count(1):
        feed = _Feed(chunks)
        try:
            _upload(session, repository, digest, size, feed)
        except (Throttled, Unreachable) as error:
            wait = max(around.backoff(attempt), error.retry_after or 0)
            if error is feed.failure or attempt >= around.limits.attempts or wait > around.limits.longest_pause:
                raise
            around.pause(wait)
            # The answer may have been lost rather than the bytes.
            if exists(session, repository, digest):
                return
        else:
            return


class _Feed:
    """The bytes of one upload, remembering a failure of their source so that it is not taken for the target's."""

    def __init__(self, chunks: Callable[[], Iterable[bytes]]) -> None:
        self._chunks = chunks
        self.failure: RegistryError | None = None

    def __call__(self) -> Iterator[bytes]:
        try:
            yield from self._chunks()
        except RegistryError as error:
            self.failure = error
            raise


def _upload(session: Session, repository: str, digest: str, size: int, feed: _Feed) -> None:
    where = session.where(repository, digest)
    scopes = push(repository)
    started = session.ask("POST", f"/v2/{repository}/blobs/uploads/", where=where, scopes=scopes)
    if started.status != _ACCEPTED:
        raise failure(started, where, "starting the upload")
    location = _location(session, started.headers, where)
    url = f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': digest})}"
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
    answer = session.ask("PUT", url, where=where, scopes=scopes, headers=headers, body=feed)
    if answer.status not in (_CREATED, _NO_CONTENT):
        raise failure(answer, where, "uploading the blob")
    stored = answer.headers.get("Docker-Content-Digest", digest)
    if stored != digest:
        raise DigestMismatch(where, f"the registry says that it stored {stored[:100]}")


def _location(session: Session, headers: urllib3.HTTPHeaderDict, where: Where) -> str:
    location = headers.get("Location")
    if not location:
        raise Unsupported(where, "the registry opened an upload without saying where")
    return trusted(where, session.endpoint.url, location, "upload address")


def _open(session: Session, repository: str, digest: str, size: int, offset: int) -> urllib3.BaseHTTPResponse:
    """A response from which the bytes after `offset` can be read."""
    where = session.where(repository, digest)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
    response = _followed(session, f"/v2/{repository}/blobs/{digest}", where, pull(repository), headers)
    try:
        if response.status not in (_OK, _PARTIAL):
            raise failure(response, where, "reading the blob")
        skip = offset if response.status == _OK else 0
        _check_extent(response, size - offset + skip, offset - skip, where)
        while skip and (chunk := response.read(min(skip, CHUNK))):
            skip -= len(chunk)
    except BROKEN as error:
        discard(response)
        raise broken(where, "reading the blob again", error) from None
    except RegistryError:
        discard(response)
        raise
    return response


def _check_extent(response: urllib3.BaseHTTPResponse, expected: int, start: int, where: Where) -> None:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) != expected:
        raise DigestMismatch(
            where, f"expected {expected} bytes from byte {start}, the registry announces {announced[:20]}"
        )
    extent = response.headers.get("Content-Range", "")
    if response.status == _PARTIAL and not extent.startswith(f"bytes {start}-"):
        raise Unsupported(where, f"asked for the bytes from {start}, got {extent[:80]!r}")


def _followed(
    session: Session, path: str, where: Where, scopes: Scopes, headers: dict[str, str]
) -> urllib3.BaseHTTPResponse:
    """Follow redirects by hand: `Session` sends the token to the registry only, never to the storage behind it."""
    base = session.endpoint.url
    for _ in range(_MOST_REDIRECTS + 1):
        response = session.stream("GET", path, where=where, scopes=scopes, headers=headers)
        if response.status not in _REDIRECTS:
            return response
        location = response.headers.get("Location", "")
        discard(response)
        path = trusted(where, base, urljoin(urljoin(base, path), location), "download address")
    raise Unsupported(where, f"more than {_MOST_REDIRECTS} redirects")
