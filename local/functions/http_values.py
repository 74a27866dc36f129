"""Translates between HTTP and the worker's RpcHttp, in both directions. Pure; `http_server.py` reads and writes the
bytes.

The rules are those of the host's own conversion and of Kestrel behind it, which refuses more than aiohttp does: a
single header that it refuses turns the whole response into a 500 without a body.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from . import paths
from .bindings import Function
from .errors import NotCoveredError
from .frames import Outcome
from .protos import RpcHttp, RpcHttpCookie, TypedData

type Headers = Sequence[tuple[str, str]]

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_PRINTABLE = re.compile(r"[\t\x20-\x7e]*")
_STATUS = re.compile(r"\s*[+-]?[0-9]+\s*")
_CHARSET = re.compile(r"charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
_SAME_SITE = ("", "; samesite=lax", "; samesite=strict", "; samesite=none")
_LARGEST_INT = 2**31 - 1
_OK, _NO_CONTENT, _RESET_CONTENT, _FAILED = 200, 204, 205, 500
_STATUSES = range(200, 1000)
_TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as received: header names and values as sent, the target undecoded."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for key, value in self.headers if key.lower() == name), None)


@dataclass(frozen=True, kw_only=True)
class Response:
    """A response as it is sent."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class _RefusedHeaderError(Exception):
    """Kestrel refuses to write this header."""


def to_rpc(request: Request, params: Mapping[str, str]) -> RpcHttp:
    """The request in the form that the worker gets: header names in lower case, several values joined with a comma."""
    headers: dict[str, str] = {}
    for name, value in request.headers:
        key = name.lower()
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    # App Service's front end reports the caller's scheme and the requested host in these headers.
    if disguised := request.header("disguised-host"):
        headers["host"] = disguised
    scheme = "https" if (request.header("x-forwarded-proto") or "").lower() == "https" else "http"
    path, query = paths.split(request.target)
    return RpcHttp(
        method=request.method,
        url=paths.url(scheme, headers.get("host", ""), path, request.target),
        headers=headers,
        query=paths.query_values(query),
        params=dict(params),
        body=TypedData(bytes=request.body) if request.body else TypedData(),
    )


def to_response(function: Function, outcome: Outcome) -> Response:
    """The response to the caller. A function that failed gives 500 without a body."""
    if not outcome.ok:
        return Response(status=_FAILED)
    value = outcome.returned if outcome.returned is not None else _named_output(function, outcome)
    if value is None:
        return Response(status=_NO_CONTENT)
    if value.kind == "http":
        return _from_rpc(value.value)
    body, content_type = _content(value, None)
    return Response(status=_OK, headers=[("Content-Type", content_type)] if content_type else [], body=body)


def _named_output(function: Function, outcome: Outcome) -> TypedData | None:
    for name, binding in function.outputs.items():
        if binding["type"].lower() == "http" and name in outcome.outputs:
            return outcome.outputs[name]
    return None


def _from_rpc(rpc: RpcHttp) -> Response:
    status = _status(str(rpc.status_code or ""))
    content_types = {name: value for name, value in rpc.headers.items() if name.lower() == "content-type"}
    body, content_type = _content(rpc.body, next(reversed(content_types.values()), None))
    headers: list[tuple[str, str]] = []
    try:
        if content_type:
            headers.append(_checked_header("Content-Type", content_type))
        headers += [_checked_header(name, value) for name, value in _without_duplicates(rpc.headers.items())]
        headers += [_checked_header("Set-Cookie", _cookie(cookie)) for cookie in rpc.cookies]
        _check_length(rpc.headers, body)
    except _RefusedHeaderError:
        return Response(status=_FAILED, headers=headers[:1] if content_type and headers else [])
    return Response(status=status, headers=headers, body=b"" if status == _RESET_CONTENT else body)


def _status(text: str) -> int:
    """A status that is not a number counts as 200."""
    number = int(text) if _STATUS.fullmatch(text) else _OK
    if abs(number) > _LARGEST_INT:
        number = _OK
    if number not in _STATUSES:
        raise NotCoveredError(f"the function returned the status {number}, which Azure sends unchanged")
    return number


def _content(body: TypedData, content_type: str | None) -> tuple[bytes, str | None]:
    """The bytes of a body and their content type. Text always has a type, and its charset is respected; bytes keep the
    one that they came with."""
    if body.kind is None:
        return b"", content_type
    if body.kind == "bytes":
        return bytes(body.value), content_type or None
    text = _json_text(body.value) if body.kind == "json" else str(body.value)
    if not content_type:
        return text.encode(), _TEXT
    charset = _CHARSET.search(content_type)
    if charset is None:
        return text.encode(), f"{content_type.lstrip()}; charset=utf-8"
    if charset[1].lower() == "utf-8":
        return text.encode(), content_type
    raise NotCoveredError(f"the function returned text with the charset {charset[1]!r}; this host covers utf-8")


def _json_text(text: str) -> str:
    """JSON as the host writes it: text without quotes, null as nothing, everything else indented."""
    value = json.loads(text)
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def _without_duplicates(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The headers without duplicates: of names that differ only in case, the first. Leaves out those by which the
    server itself delimits the body."""
    names = {"content-type", "content-length"}
    for name, value in headers:
        key = name.lower()
        if key == "transfer-encoding":
            raise NotCoveredError("the function set the header Transfer-Encoding, which breaks the response in Azure")
        if key not in names:
            names.add(key)
            yield name, value


def _checked_header(name: str, value: str) -> tuple[str, str]:
    if not _TOKEN.fullmatch(name) or not _PRINTABLE.fullmatch(value):
        raise _RefusedHeaderError(name)
    return name, value.strip(" \t")


def _check_length(headers: Mapping[str, str], body: bytes) -> None:
    content_length = next((value for name, value in headers.items() if name.lower() == "content-length"), None)
    if content_length is None:
        return
    if not (content_length.isascii() and content_length.isdigit()) or int(content_length) < len(body):
        raise _RefusedHeaderError("Content-Length")
    if int(content_length) > len(body):
        raise NotCoveredError(
            f"the function set Content-Length to {content_length} for {len(body)} bytes, after which "
            "the response hangs in Azure"
        )


def _cookie(cookie: RpcHttpCookie) -> str:
    """The cookie as the host writes it: the value percent-encoded, the path `/` unless there is another."""
    if cookie.name and not _TOKEN.fullmatch(cookie.name):
        raise _RefusedHeaderError(cookie.name)
    text = f"{cookie.name}={quote(cookie.value or '', safe='~_-.')}"
    expires = _plain(cookie.expires)
    if expires is not None:
        moment = datetime.fromtimestamp(expires.seconds, UTC)
        text += moment.strftime("; expires=%a, %d %b %Y %H:%M:%S GMT")
    age, domain, path = (_plain(value) for value in (cookie.max_age, cookie.domain, cookie.path))
    text += f"; max-age={int(age)}" if age is not None else ""
    text += f"; domain={domain}" if domain is not None else ""
    text += f"; path={'/' if path is None else path}"
    text += "; secure" if _plain(cookie.secure) else ""
    text += _SAME_SITE[int(cookie.same_site or 0)]
    return text + ("; httponly" if _plain(cookie.http_only) else "")


def _plain(nullable: Any) -> Any:
    return nullable.value if nullable is not None else None
