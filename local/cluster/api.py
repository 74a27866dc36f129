"""Requests to the API server by the node and by the cluster's set-up, as the administrator."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import urllib3

from .certificates import Certificates

type Json = dict[str, Any]

_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_WATCH_SECONDS = 240


class ApiServerAway(Exception):  # noqa: N818 - it reads better without a suffix
    """The API server did not respond. It may be starting, or may have been stopped."""


class Refused(Exception):  # noqa: N818 - it reads better without a suffix
    """The API server responded with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api(Protocol):
    """The part of an API server that the mirror needs."""

    def call(self, method: str, path: str, body: Json | None = None, *, media: str = "application/json") -> Json:
        """Raises `ApiServerAway` or `Refused`."""
        ...

    def watch(self, path: str, since: str) -> Iterator[Json]:
        """Events until the server ends the watch. Raises `ApiServerAway` or `Refused`."""
        ...


class AdminApi:
    """Requests to one API server, with a client certificate, by default the administrator's."""

    def __init__(self, url: str, files: Certificates, *, leaf: str = "admin") -> None:
        self._url = url
        self._pool = urllib3.PoolManager(
            ca_certs=str(files.authority),
            cert_file=str(files.certificate(leaf)),
            key_file=str(files.key(leaf)),
            maxsize=16,
            retries=False,
        )

    def call(self, method: str, path: str, body: Json | None = None, *, media: str = "application/json") -> Json:
        content = None if body is None else json.dumps(body).encode()
        try:
            response = self._pool.request(
                method, self._url + path, body=content, headers=_headers(media), timeout=_TIMEOUT
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiServerAway(str(error)) from error
        return _object(response.status, response.data)

    def watch(self, path: str, since: str) -> Iterator[Json]:
        separator = "&" if "?" in path else "?"
        query = (
            f"{separator}watch=true&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={since}"
        )
        timeout = urllib3.Timeout(connect=5, read=_WATCH_SECONDS + 30)
        try:
            response = self._pool.request(
                "GET",
                self._url + path + query,
                headers=_headers("application/json"),
                timeout=timeout,
                preload_content=False,
            )
            if response.status != HTTPStatus.OK:
                _object(response.status, response.read())
            for line in _lines(response):
                yield json.loads(line)
        except urllib3.exceptions.HTTPError as error:
            raise ApiServerAway(str(error)) from error


def _headers(media: str) -> Mapping[str, str]:
    return {"Content-Type": media, "Accept": "application/json", "User-Agent": "kubelet/local"}


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    remainder = b""
    for chunk in response.stream():
        *lines, remainder = (remainder + chunk).split(b"\n")
        yield from filter(None, lines)


def _object(status: int, data: bytes) -> Json:
    """Parse a response; one that is not JSON (`ok` at /readyz) becomes a message."""
    try:
        body = json.loads(data)
    except ValueError:
        body = {"message": data[:300].decode(errors="replace")}
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(status, str(body.get("message", ""))[:500])
    return dict(body)
