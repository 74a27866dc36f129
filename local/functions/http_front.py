"""The HTTP trigger: finds the function for a request, checks the key, runs it.

As in Azure: routes are ordered by the functions' names and the first that matches is used, however general it is; a
wrong method gives 404, a missing or wrong key 401, a disabled function 404 (unless the master key is sent), too many
requests at once 429, and a response that takes longer than the front end's 230 s is cut off, while the function
continues."""

import asyncio
import logging
from collections.abc import Mapping

from .bindings import Function
from .host_json import HostJson
from .http_server import Incoming, text
from .http_values import Response, to_response, to_rpc
from .invocation import Runner
from .keys import Guard, Level
from .limits import ANSWER_WITHIN
from .protos import TypedData
from .routes import Route, compile_route

log = logging.getLogger("host")


class HttpFront:
    """Serves all HTTP functions of the app."""

    def __init__(
        self,
        functions: list[Function],
        runner: Runner,
        guard: Guard,
        host: HostJson,
        *,
        answer_within: float = ANSWER_WITHIN,
    ) -> None:
        self._runner = runner
        self._guard = guard
        self._answer_within = answer_within
        self._outstanding = 0
        self._max_outstanding = host.max_outstanding_requests
        served = [function for function in functions if function.kind == "httptrigger" and function.error is None]
        self._routes: list[tuple[Route, Function]] = [
            (compile_route(host.template(function.route)), function)
            for function in sorted(served, key=lambda function: function.name.upper())
        ]

    async def handle(self, incoming: Incoming) -> Response | None:
        function, params = self._find(incoming)
        if function is None:
            return None
        required = Level(function.trigger.get("authLevel") or Level.FUNCTION)
        access = self._guard.access(incoming.head.headers, incoming.query_pairs, function)
        if not access.opens(required):
            return Response(status=401)
        if function.disabled and not access.opens(Level.ADMIN):
            return Response(status=404)
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            return Response(status=429)
        self._outstanding += 1
        try:
            return await self._respond(incoming, function, params)
        finally:
            self._outstanding -= 1

    def _find(self, incoming: Incoming) -> tuple[Function | None, Mapping[str, str]]:
        for route, function in self._routes:
            if function.methods and incoming.head.method.upper() not in function.methods:
                continue
            params = route.match(incoming.path)
            if params is not None:
                return function, params
        return None, {}

    async def _respond(self, incoming: Incoming, function: Function, params: Mapping[str, str]) -> Response:
        request = await incoming.with_body()
        run = asyncio.create_task(
            self._runner.invoke(
                function,
                TypedData(http=to_rpc(request, params)),
                reason="This function was programmatically called via the host APIs.",
                trace_parent=request.header("traceparent"),
                trace_state=request.header("tracestate") or "",
            )
        )
        finished, _ = await asyncio.wait({run}, timeout=self._answer_within)
        if not finished:
            log.warning(
                "The response of '%s' was cut off after %g s; it keeps running.", function.name, self._answer_within
            )
            return text(504, f"The request timed out: no response within {self._answer_within:g} s.\n")
        return to_response(function, run.result())
