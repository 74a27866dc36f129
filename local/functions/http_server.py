"""The web server in front of everything: reads requests as Kestrel does, dispatches them, writes responses.

`/admin/...` and `/runtime/webhooks/...` belong to the host and take precedence over every function; their case does not
count. `/` gets the host's home page if no function handles it, for any method: the page reveals nothing about the app.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from . import paths
from .errors import NotCoveredError
from .http_values import Request, Response
from .limits import BODY_LIMIT

HOME_PAGE = "<!DOCTYPE html><title>Functions</title><p>A function app is up and running.</p>\n"

log = logging.getLogger("host")


class TooLargeError(Exception):
    """The body is above the limit: in Azure that gives the same 500 as any other failure in the host."""


class Incoming:
    """A request whose body is read only when it is needed."""

    def __init__(self, request: web.Request, *, body_limit: int) -> None:
        self._request = request
        self._body_limit = body_limit
        self.path, self.query = paths.split(request.raw_path)
        self.head = Request(
            method=request.method,
            target=request.raw_path,
            headers=[(name, value) for name, value in request.headers.items()],
        )

    @property
    def query_pairs(self) -> list[tuple[str, str]]:
        return list(paths.pairs(self.query))

    async def with_body(self) -> Request:
        """The request with its body, as a function gets it: only if its length was announced. A chunked body is
        dropped."""
        length = int(self.head.header("content-length") or 0)
        if length > self._body_limit:
            raise TooLargeError
        return replace(self.head, body=await self._request.read() if length else b"")

    async def read_body(self) -> bytes:
        """The body, however it is delimited, as an extension's webhook reads it."""
        try:
            return await self._request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise TooLargeError from error


type Endpoint = Callable[[Incoming], Awaitable[Response | None]]
"""Handles a request; returns None if there is nothing at this path."""


def application(
    *, admin: Endpoint, webhooks: Endpoint, functions: Endpoint, body_limit: int = BODY_LIMIT, home_page: bool = True
) -> web.Application:
    """The server as an aiohttp application without routes of its own, since aiohttp would normalize the paths."""

    async def dispatch(incoming: Incoming) -> Response:
        first = [segment.lower() for segment in incoming.path.split("/")[1:3]]
        if first[0] == "admin":
            response = await admin(incoming)
        elif first == ["runtime", "webhooks"]:
            response = await webhooks(incoming)
        else:
            response = await functions(incoming)
        if response is None and incoming.path == "/":
            return _home_page() if home_page else Response(status=204)
        return Response(status=404) if response is None else response

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        del handler  # aiohttp's own router, which has no routes here
        if not all(_is_text(value) for value in request.headers.values()):
            return web.Response(status=400)
        try:
            response = await dispatch(Incoming(request, body_limit=body_limit))
        except paths.BadTargetError as error:
            response = Response(status=error.status)
        except TooLargeError:
            log.warning("A request to %s was larger than %s bytes.", request.path, body_limit)
            response = Response(status=500)
        except NotCoveredError as error:
            log.warning("%s: %s", request.path, error)
            response = text(501, f"Not covered by this host: {error}.\n")
        return _to_aiohttp(response)

    # One byte above the limit, because aiohttp refuses a body of exactly its limit.
    server = web.Application(client_max_size=body_limit + 1, middlewares=[serve])
    server.on_response_prepare.append(_remove_added_content_type)
    return server


def text(status: int, body: str) -> Response:
    return Response(status=status, headers=[("Content-Type", "text/plain; charset=utf-8")], body=body.encode())


def _home_page() -> Response:
    return Response(status=200, headers=[("Content-Type", "text/html")], body=HOME_PAGE.encode())


def _is_text(value: str) -> bool:
    """False where aiohttp kept bytes that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


_CONTENT_TYPE = web.ResponseKey("content type of the response", str)


def _to_aiohttp(response: Response) -> web.Response:
    aiohttp_response = web.Response(status=response.status, body=response.body)
    for name, value in response.headers:
        aiohttp_response.headers.add(name, value)
    aiohttp_response[_CONTENT_TYPE] = next((value for name, value in response.headers if name == "Content-Type"), "")
    return aiohttp_response


async def _remove_added_content_type(_request: web.Request, response: web.StreamResponse) -> None:
    """Undo what aiohttp adds: it gives every response a content type, or drops that of one without a body. The real
    server does neither."""
    content_type = response.get(_CONTENT_TYPE)
    response.headers.popall("Content-Type", None)
    if content_type:
        response.headers["Content-Type"] = content_type
