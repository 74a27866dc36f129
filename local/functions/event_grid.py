"""The webhook of the Event Grid extension: `/runtime/webhooks/EventGrid?functionName=NAME&code=KEY`.

Each event of a delivery is one invocation, in parallel. If one fails the response is 500, and Event Grid sends the
whole delivery again: a function must tolerate events that it has already handled. An unreadable delivery is also
answered with 500, and redelivered. The name of the function is case-sensitive.
"""

import asyncio
import json
from typing import Any

from . import json_net, paths
from .bindings import Function
from .frames import Outcome
from .http_server import Incoming, text
from .http_values import Response
from .invocation import Runner
from .keys import Guard, Level
from .protos import TypedData

_ORIGIN = "eventgrid.azure.net"
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS"})


class EventGridWebhook:
    """Handles deliveries for all Event Grid functions of the app."""

    def __init__(self, functions: list[Function], runner: Runner, guard: Guard) -> None:
        self._functions = {f.name: f for f in functions if f.kind == "eventgridtrigger" and f.runs}
        self._runner = runner
        self._guard = guard

    async def handle(self, incoming: Incoming) -> Response | None:
        """Handle the paths under `/runtime/webhooks/`. The key of the named extension, or the master key, is checked
        first."""
        extension = incoming.path.lower().removeprefix("/runtime/webhooks").strip("/").split("/")[0]
        if incoming.head.method.upper() not in _METHODS or not extension:
            return None
        access = self._guard.access(incoming.head.headers, incoming.query_pairs, extension=extension)
        if not access.opens(Level.SYSTEM):
            return Response(status=401 if access.level is Level.ANONYMOUS else 403)
        if extension != "eventgrid":
            return None
        name = next((value for key, value in self._query(incoming).items() if key.lower() == "functionname"), "")
        function = self._functions.get(name)
        if function is None:
            return text(404, f"cannot find function: '{name}'")
        if incoming.head.method.upper() == "OPTIONS":  # the handshake of CloudEvents 1.0
            return Response(status=200, headers=[("WebHook-Allowed-Origin", _ORIGIN)])
        return await self._deliver(incoming, function)

    def _query(self, incoming: Incoming) -> dict[str, str]:
        return paths.query_values(incoming.query)

    async def _deliver(self, incoming: Incoming, function: Function) -> Response:
        kind = (incoming.head.header("aeg-event-type") or "").lower()
        if kind == "unsubscribe":
            return Response(status=202)
        if kind not in ("subscriptionvalidation", "notification"):
            return Response(status=400)
        try:
            delivered = _delivery_of(await incoming.read_body())
            if kind == "subscriptionvalidation":
                return text(200, json.dumps({"validationResponse": _validation_code(delivered)}, separators=(",", ":")))
        except ValueError:
            return Response(status=500)
        events = delivered if isinstance(delivered, list) else [delivered]
        trace = incoming.head.header("traceparent"), incoming.head.header("tracestate") or ""
        invocations = [self._invoke(function, event, trace) for event in events if isinstance(event, dict)]
        outcomes = await asyncio.gather(*invocations)
        if not all(outcome.ok for outcome in outcomes):
            return text(500, f"Exception while executing function: Functions.{function.name}")
        return Response(status=202 if len(outcomes) == len(events) else 500)

    async def _invoke(self, function: Function, event: dict[str, Any], trace: tuple[str | None, str]) -> Outcome:
        # The function's span is a child of the delivery. The context that the event itself carries is only a link in
        # Azure, not the parent.
        trace_parent, trace_state = trace
        return await self._runner.invoke(
            function,
            TypedData(json=json.dumps(event)),
            reason="EventGrid trigger fired",
            metadata={"data": TypedData(json=json.dumps(event.get("data")))},
            trace_parent=trace_parent,
            trace_state=trace_state,
        )


def _delivery_of(body: bytes) -> list[Any] | dict[str, Any]:
    document = json_net.loads(body.decode("utf-8-sig", "replace"))
    if not isinstance(document, list | dict):
        raise ValueError("body: expected an event, or an array of events")  # noqa: TRY004 - the body is wrong, not a type in our code
    return document


def _validation_code(delivery: list[Any] | dict[str, Any]) -> str:
    event = delivery if isinstance(delivery, dict) else delivery[0] if delivery else None
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str) and isinstance(delivery, dict):  # text is parsed only if the event is not in an array
        data = json.loads(data)
    if not isinstance(data, dict) or "validationCode" not in data:
        raise ValueError("data.validationCode: expected text, found none")
    code = data["validationCode"]
    return "" if code is None else code if isinstance(code, str) else json.dumps(code)
