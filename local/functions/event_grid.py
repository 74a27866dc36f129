"""The webhook of the Event Grid extension: `/runtime/webhooks/EventGrid?functionName=NAME&code=KEY`.

One invocation for each event of a delivery, in parallel. If one fails the answer is 500, and Event Grid sends the whole
delivery again: a function must bear the events it has already handled.
"""

import asyncio
import json
from typing import Any

from aiohttp import web

from .bindings import Function
from .http_front import too_large
from .invocation import Invoker
from .keys import Guard, Level
from .protos import TypedData


class EventGridWebhook:
    """Takes deliveries for all Event Grid functions of the app."""

    def __init__(self, functions: list[Function], invoker: Invoker, guard: Guard, *, body_limit: int) -> None:
        self._functions = {f.name.lower(): f for f in functions if f.kind == "eventgridtrigger" and f.runs}
        self._invoker = invoker
        self._guard = guard
        self._body_limit = body_limit

    async def handle(self, request: web.Request) -> web.Response:
        if request.match_info["extension"].lower() != "eventgrid":
            return web.Response(status=404)
        if not self._guard.allows(Level.SYSTEM, request.headers, request.query):
            return web.Response(status=401)
        if request.method == "OPTIONS":
            return _allow_origin(request)
        name = next((value for key, value in request.query.items() if key.lower() == "functionname"), "")
        function = self._functions.get(name.lower())
        if function is None:
            return web.Response(status=404, text=f"cannot find function: '{name}'")
        return await self._take(request, function)

    async def _take(self, request: web.Request, function: Function) -> web.Response:
        kind = request.headers.get("aeg-event-type", "").lower()
        if kind == "unsubscribe":
            return web.Response(status=202)
        if kind not in ("subscriptionvalidation", "notification"):
            return web.Response(
                status=400, text="aeg-event-type: expected SubscriptionValidation, Notification or Unsubscribe\n"
            )
        try:
            events = _events(await request.read())
            if kind == "subscriptionvalidation":
                return web.json_response({"validationResponse": _validation_code(events)})
        except web.HTTPRequestEntityTooLarge:
            return too_large(self._body_limit)
        except ValueError as error:
            return web.Response(status=400, text=f"{error}\n")
        outcomes = await asyncio.gather(*(self._invoke(function, event) for event in events))
        failed = next((outcome for outcome in outcomes if not outcome.ok), None)
        return web.Response(status=202) if failed is None else web.Response(status=500, text=failed.error)

    async def _invoke(self, function: Function, event: dict[str, Any]) -> Any:
        return await self._invoker.invoke(
            function,
            TypedData(json=json.dumps(event)),
            reason="EventGrid trigger fired",
            metadata={"data": TypedData(json=json.dumps(event.get("data")))},
            trace_parent=event.get("traceparent"),
            trace_state=event.get("tracestate") or "",
        )


def _allow_origin(request: web.Request) -> web.Response:
    """The handshake of CloudEvents 1.0, by which a receiver says that it wants deliveries."""
    origin = request.headers.get("WebHook-Request-Origin")
    if not origin:
        return web.Response(status=400, text="WebHook-Request-Origin: expected the header\n")
    return web.Response(headers={"WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"})


def _events(body: bytes) -> list[dict[str, Any]]:
    try:
        data = json.loads(body)
    except ValueError as error:
        raise ValueError(f"body: expected JSON: {error}") from error
    events = data if isinstance(data, list) else [data]
    if not all(isinstance(event, dict) for event in events):
        raise ValueError("body: expected an event, or an array of events")
    return events


def _validation_code(events: list[dict[str, Any]]) -> str:
    data = events[0].get("data") if events else None
    if isinstance(data, str):
        data = json.loads(data)
    code = data.get("validationCode") if isinstance(data, dict) else None
    if not isinstance(code, str):
        raise ValueError("data.validationCode: expected text")  # noqa: TRY004 - a fault of the body, not of a type
    return code
