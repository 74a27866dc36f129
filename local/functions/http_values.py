"""Between aiohttp's requests and answers and the worker's RpcHttp."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from multidict import CIMultiDictProxy, MultiMapping

from .bindings import Function
from .frames import Outcome
from .protos import RpcHttp, RpcHttpCookie, TypedData

_HOP_BY_HOP = frozenset({"content-length", "transfer-encoding", "connection", "keep-alive"})
_SAME_SITE = ("", "; SameSite=Lax", "; SameSite=Strict", "; SameSite=None")


def to_rpc(request: web.Request, params: Mapping[str, str], body: bytes) -> RpcHttp:
    """The request as the worker gets it: header names in lower case, empty query values left out."""
    headers: CIMultiDictProxy[str] = request.headers
    return RpcHttp(
        method=request.method,
        url=str(request.url),
        headers={name.lower(): value for name, value in _joined(headers).items()},
        query={name: value for name, value in _joined(request.query).items() if value},
        params=dict(params),
        body=TypedData(bytes=body) if body else TypedData(),
    )


def to_response(function: Function, outcome: Outcome) -> web.Response:
    """The answer to the caller. A function that failed gives 500 with no body, as in Azure."""
    if not outcome.ok:
        return web.Response(status=500)
    value = outcome.returned if outcome.returned is not None else _named_output(function, outcome)
    if value is None:
        return web.Response(status=204)
    if value.kind is None:
        return web.Response(status=200)
    if value.kind != "http":
        return web.Response(body=_bytes(value.value))
    return _from_rpc(value.value)


def _named_output(function: Function, outcome: Outcome) -> TypedData | None:
    for name, binding in function.outputs.items():
        if binding["type"].lower() == "http" and name in outcome.outputs:
            return outcome.outputs[name]
    return None


def _from_rpc(answer: RpcHttp) -> web.Response:
    body = answer.body.value if answer.body.kind else b""
    response = web.Response(status=int(answer.status_code), body=_bytes(body))
    for name, value in answer.headers.items():
        if name.lower() not in _HOP_BY_HOP:
            response.headers[name] = value
    for cookie in answer.cookies:
        response.headers.add("Set-Cookie", _cookie(cookie))
    return response


def _cookie(cookie: RpcHttpCookie) -> str:
    text = f"{cookie.name}={cookie.value}"
    for label, value in (("Domain", _plain(cookie.domain)), ("Path", _plain(cookie.path))):
        text += f"; {label}={value}" if value else ""
    age = _plain(cookie.max_age)
    text += f"; Max-Age={int(age)}" if age is not None else ""
    expires = _plain(cookie.expires)
    if expires is not None:
        moment = datetime.fromtimestamp(expires.seconds, UTC)
        text += moment.strftime("; Expires=%a, %d %b %Y %H:%M:%S GMT")
    text += "; Secure" if _plain(cookie.secure) else ""
    text += "; HttpOnly" if _plain(cookie.http_only) else ""
    return text + _SAME_SITE[int(cookie.same_site or 0)]


def _plain(nullable: Any) -> Any:
    return nullable.value if nullable is not None else None


def _bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _joined(values: MultiMapping[str]) -> dict[str, str]:
    return {name: ",".join(values.getall(name)) for name in dict.fromkeys(values.keys())}
