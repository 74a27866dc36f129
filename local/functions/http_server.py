"""The web server in front of everything: reads requests as Kestrel does, leads them to their door, writes answers.

`/admin/...` and `/runtime/webhooks/...` are the host's own and lie before every function; case does not count in them.
`/` is answered with the host's home page if no function takes it, for any method: the page tells nothing about the app.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from . import paths
from .errors import NotCoveredError
from .http_values import Answer, Request
from .limits import BODY_LIMIT

HOME_PAGE = "<!DOCTYPE html><title>Functions</title><p>A function app is up and running.</p>\n"

log = logging.getLogger("host")


class TooLargeError(Exception):
    """The body is above the limit: in Azure that ends in the 500 of anything that goes wrong in the host."""


class Incoming:
    """A request whose body is read when somebody wants it."""

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

    async def whole(self) -> Request:
        """With its body, as a function gets it: only if its length was announced. A chunked body does not arrive."""
        length = int(self.head.header("content-length") or 0)
        if length > self._body_limit:
            raise TooLargeError
        return replace(self.head, body=await self._request.read() if length else b"")

    async def streamed(self) -> bytes:
        """The body however it is delimited, as an extension's webhook reads it."""
        try:
            return await self._request.read()
        except web.HTTPRequestEntityTooLarge as error:
            raise TooLargeError from error


type Door = Callable[[Incoming], Awaitable[Answer | None]]
"""Answers a request; None if there is nothing behind this path."""


def application(
    *, admin: Door, webhooks: Door, functions: Door, body_limit: int = BODY_LIMIT, home_page: bool = True
) -> web.Application:
    """The server as an aiohttp application without routes of its own: aiohttp would tidy up the paths."""

    async def lead(incoming: Incoming) -> Answer:
        first = [segment.lower() for segment in incoming.path.split("/")[1:3]]
        if first[0] == "admin":
            found = await admin(incoming)
        elif first == ["runtime", "webhooks"]:
            found = await webhooks(incoming)
        else:
            found = await functions(incoming)
        if found is None and incoming.path == "/":
            return _home_page() if home_page else Answer(status=204)
        return Answer(status=404) if found is None else found

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        del handler  # what aiohttp's own router would take
        if not all(_is_text(value) for value in request.headers.values()):
            return web.Response(status=400)
        try:
            answer = await lead(Incoming(request, body_limit=body_limit))
        except paths.BadTargetError as error:
            answer = Answer(status=error.status)
        except TooLargeError:
            log.warning("A request to %s was larger than %s bytes.", request.path, body_limit)
            answer = Answer(status=500)
        except NotCoveredError as error:
            log.warning("%s: %s", request.path, error)
            answer = text(501, f"Not covered by this host: {error}.\n")
        return _response(answer)

    # One byte above the limit, because aiohttp refuses a body of just its own limit.
    served = web.Application(client_max_size=body_limit + 1, middlewares=[serve])
    served.on_response_prepare.append(_without_what_aiohttp_adds)
    return served


def text(status: int, body: str) -> Answer:
    return Answer(status=status, headers=[("Content-Type", "text/plain; charset=utf-8")], body=body.encode())


def _home_page() -> Answer:
    return Answer(status=200, headers=[("Content-Type", "text/html")], body=HOME_PAGE.encode())


def _is_text(value: str) -> bool:
    """Not so where aiohttp kept bytes that are not UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


_CONTENT_TYPE = web.ResponseKey("content type of the answer", str)


def _response(answer: Answer) -> web.Response:
    response = web.Response(status=answer.status, body=answer.body)
    for name, value in answer.headers:
        response.headers.add(name, value)
    response[_CONTENT_TYPE] = next((value for name, value in answer.headers if name == "Content-Type"), "")
    return response


async def _without_what_aiohttp_adds(_request: web.Request, response: web.StreamResponse) -> None:
    """aiohttp gives every answer a content type, or takes it from one without a body; the real server does neither."""
    content_type = response.get(_CONTENT_TYPE)
    response.headers.popall("Content-Type", None)
    if content_type:
        response.headers["Content-Type"] = content_type
