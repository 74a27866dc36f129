"""The HTTP trigger: finds the function of a request, checks the key, runs it.

As in Azure: the routes stand in the order of the functions' names and the first that fits is taken, however general it
is; a wrong method is 404, a missing or wrong key 401, a disabled function 404 (unless the master key is given), too
many requests at once 429, and an answer that takes longer than the front end's 230 s is cut, while the function runs
on."""

import asyncio
import logging
from collections.abc import Mapping

from .bindings import Function
from .host_json import HostJson
from .http_server import Incoming, text
from .http_values import Answer, to_answer, to_rpc
from .invocation import Runner
from .keys import Guard, Level
from .limits import ANSWER_WITHIN
from .protos import TypedData
from .routes import Route, compile_route

log = logging.getLogger("host")


class HttpFront:
    """All HTTP functions of the app behind one door."""

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

    async def handle(self, incoming: Incoming) -> Answer | None:
        function, params = self._find(incoming)
        if function is None:
            return None
        needed = Level(function.trigger.get("authLevel") or Level.FUNCTION)
        shown = self._guard.shown(incoming.head.headers, incoming.query_pairs, function)
        if not shown.opens(needed):
            return Answer(status=401)
        if function.disabled and not shown.opens(Level.ADMIN):
            return Answer(status=404)
        if self._max_outstanding is not None and self._outstanding >= self._max_outstanding:
            return Answer(status=429)
        self._outstanding += 1
        try:
            return await self._answer(incoming, function, params)
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

    async def _answer(self, incoming: Incoming, function: Function, params: Mapping[str, str]) -> Answer:
        request = await incoming.whole()
        run = asyncio.create_task(
            self._runner.invoke(
                function,
                TypedData(http=to_rpc(request, params)),
                reason="This function was programmatically called via the host APIs.",
                trace_parent=request.header("traceparent"),
                trace_state=request.header("tracestate") or "",
            )
        )
        done, _ = await asyncio.wait({run}, timeout=self._answer_within)
        if not done:
            log.warning("The answer of '%s' was cut after %g s; it runs on.", function.name, self._answer_within)
            return text(504, f"The request timed out: no answer within {self._answer_within:g} s.\n")
        return to_answer(function, run.result())
