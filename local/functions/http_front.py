"""The HTTP trigger: routes a request to its function, checks the key, and answers.

As in Azure: a wrong method is 404, a missing or wrong key 401, a body above the limit 413, a disabled function 404
(unless the master key is given), too many requests at once 429, and an answer that takes longer than the front end's
230 s is cut, while the function runs on.
"""

import asyncio
import logging
from collections.abc import Mapping

from aiohttp import web

from .bindings import Function
from .host_json import HostJson
from .http_values import to_response, to_rpc
from .invocation import Invoker
from .keys import Guard, Level
from .protos import TypedData
from .routes import Route, compile_route

ANSWER_WITHIN = 230.0
"""Seconds after which Azure's front end gives up, whatever functionTimeout says."""
BODY_LIMIT = 104_857_600
"""Azure's limit; the app setting FUNCTIONS_REQUEST_BODY_SIZE_LIMIT changes it there and here."""

log = logging.getLogger("host")


class HttpFront:
    """All HTTP functions of the app behind one handler."""

    def __init__(
        self,
        functions: list[Function],
        invoker: Invoker,
        guard: Guard,
        host: HostJson,
        *,
        body_limit: int = BODY_LIMIT,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._invoker = invoker
        self._guard = guard
        self._body_limit = body_limit
        self._answer_within = answer_within
        self._outstanding = 0
        self._max_outstanding = host.max_outstanding_requests
        routes = [
            (compile_route(f"{host.route_prefix}/{function.route}"), function)
            for function in functions
            if function.kind == "httptrigger" and function.error is None
        ]
        self._routes: list[tuple[Route, Function]] = sorted(routes, key=lambda route: route[0].precedence)

    async def handle(self, request: web.Request) -> web.Response:
        function, params = self._find(request)
        if function is None:
            return web.Response(status=404)
        needed = Level(function.trigger.get("authLevel") or Level.FUNCTION)
        if not self._guard.allows(needed, request.headers, request.query, function):
            return web.Response(status=401)
        if function.disabled and self._guard.level(request.headers, request.query) is not Level.ADMIN:
            return web.Response(status=404)
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            return web.Response(status=429)
        self._outstanding += 1
        try:
            return await self._answer(request, function, params)
        finally:
            self._outstanding -= 1

    def _find(self, request: web.Request) -> tuple[Function | None, Mapping[str, str]]:
        # Of the escapes only %2F stays one, as in ASP.NET: it is no separator.
        path = request.rel_url.path_safe.replace("%25", "%")
        for route, function in self._routes:
            if function.methods and request.method not in function.methods:
                continue
            params = route.match(path)
            if params is not None:
                return function, params
        return None, {}

    async def _answer(self, request: web.Request, function: Function, params: Mapping[str, str]) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return too_large(self._body_limit)
        run = asyncio.create_task(
            self._invoker.invoke(
                function,
                TypedData(http=to_rpc(request, params, body)),
                reason="This function was programmatically called via the host APIs.",
                trace_parent=request.headers.get("traceparent"),
                trace_state=request.headers.get("tracestate", ""),
            )
        )
        done, _ = await asyncio.wait({run}, timeout=self._answer_within)
        if not done:
            log.warning("The answer of '%s' was cut after %g s; it runs on.", function.name, self._answer_within)
            return web.Response(
                status=504, text=f"The request timed out: no answer within {self._answer_within:g} s.\n"
            )
        return to_response(function, run.result())


def too_large(limit: int) -> web.Response:
    return web.Response(status=413, text=f"Request body too large. The max request body size is {limit} bytes.\n")
