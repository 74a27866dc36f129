"""Requests to the API server by the node and by the set-up of the cluster, as the administrator."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Protocol

import urllib3

from .certificates import Certificates

type Json = dict[str, Any]

_TIMEOUT = urllib3.Timeout(connect=5, read=30)
_WATCH_SECONDS = 240


class Away(Exception):  # noqa: N818 - it is where the server is
    """The API server did not answer. It may be starting, or somebody has stopped it."""


class Refused(Exception):  # noqa: N818 - it is what happened to the request
    """The API server answered something else than success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Api(Protocol):
    """The part of an API server that the mirror needs."""

    def call(self, method: str, path: str, body: Json | None = None, *, media: str = "application/json") -> Json:
        """Raises `Away` or `Refused`."""
        ...

    def watch(self, path: str, since: str) -> Iterator[Json]:
        """Events until the server ends the watch. Raises `Away` or `Refused`."""
        ...


class AdminApi:
    """One API server, with the administrator's certificate."""

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
            answer = self._pool.request(
                method, self._url + path, body=content, headers=_headers(media), timeout=_TIMEOUT
            )
        except urllib3.exceptions.HTTPError as error:
            raise Away(str(error)) from error
        return _object(answer.status, answer.data)

    def watch(self, path: str, since: str) -> Iterator[Json]:
        mark = "&" if "?" in path else "?"
        query = f"{mark}watch=true&allowWatchBookmarks=true&timeoutSeconds={_WATCH_SECONDS}&resourceVersion={since}"
        wait = urllib3.Timeout(connect=5, read=_WATCH_SECONDS + 30)
        try:
            answer = self._pool.request(
                "GET",
                self._url + path + query,
                headers=_headers("application/json"),
                timeout=wait,
                preload_content=False,
            )
            if answer.status != HTTPStatus.OK:
                _object(answer.status, answer.read())
            for line in _lines(answer):
                yield json.loads(line)
        except urllib3.exceptions.HTTPError as error:
            raise Away(str(error)) from error


def _headers(media: str) -> Mapping[str, str]:
    return {"Content-Type": media, "Accept": "application/json", "User-Agent": "kubelet/local"}


def _lines(answer: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for chunk in answer.stream():
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)


def _object(status: int, data: bytes) -> Json:
    """An answer that is no object (`ok` at /readyz) is its own message."""
    try:
        body = json.loads(data)
    except ValueError:
        body = {"message": data[:300].decode(errors="replace")}
    if status >= HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(status, str(body.get("message", ""))[:500])
    return dict(body)
