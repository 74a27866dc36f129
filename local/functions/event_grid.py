"""The webhook of the Event Grid extension: `/runtime/webhooks/EventGrid?functionName=NAME&code=KEY`.

One invocation for each event of a delivery, in parallel. If one fails the answer is 500, and Event Grid sends the whole
delivery again: a function must bear the events it has already handled. An unreadable delivery is 500 as well, and comes
again. The name of the function is compared with its case.
"""

import asyncio
import json
from typing import Any

from . import json_net, paths
from .bindings import Function
from .frames import Outcome
from .http_server import Incoming, text
from .http_values import Answer
from .invocation import Runner
from .keys import Guard, Level
from .protos import TypedData

_ORIGIN = "eventgrid.azure.net"
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS"})


class EventGridWebhook:
    """Takes deliveries for all Event Grid functions of the app."""

    def __init__(self, functions: list[Function], runner: Runner, guard: Guard) -> None:
        self._functions = {f.name: f for f in functions if f.kind == "eventgridtrigger" and f.runs}
        self._runner = runner
        self._guard = guard

    async def handle(self, incoming: Incoming) -> Answer | None:
        """The paths under `/runtime/webhooks/`: the key of the named extension, or the master key, is asked for
        first."""
        extension = incoming.path.lower().removeprefix("/runtime/webhooks").strip("/").split("/")[0]
        if incoming.head.method.upper() not in _METHODS or not extension:
            return None
        shown = self._guard.shown(incoming.head.headers, incoming.query_pairs, extension=extension)
        if not shown.opens(Level.SYSTEM):
            return Answer(status=401 if shown.level is Level.ANONYMOUS else 403)
        if extension != "eventgrid":
            return None
        name = next((value for key, value in self._query(incoming).items() if key.lower() == "functionname"), "")
        function = self._functions.get(name)
        if function is None:
            return text(404, f"cannot find function: '{name}'")
        if incoming.head.method.upper() == "OPTIONS":  # the handshake of CloudEvents 1.0
            return Answer(status=200, headers=[("WebHook-Allowed-Origin", _ORIGIN)])
        return await self._take(incoming, function)

    def _query(self, incoming: Incoming) -> dict[str, str]:
        return paths.query_values(incoming.query)

    async def _take(self, incoming: Incoming, function: Function) -> Answer:
        kind = (incoming.head.header("aeg-event-type") or "").lower()
        if kind == "unsubscribe":
            return Answer(status=202)
        if kind not in ("subscriptionvalidation", "notification"):
            return Answer(status=400)
        try:
            delivered = _delivered(await incoming.streamed())
            if kind == "subscriptionvalidation":
                return text(200, json.dumps({"validationResponse": _validation_code(delivered)}, separators=(",", ":")))
        except ValueError:
            return Answer(status=500)
        events = delivered if isinstance(delivered, list) else [delivered]
        delivery = incoming.head.header("traceparent"), incoming.head.header("tracestate") or ""
        run = [self._invoke(function, event, delivery) for event in events if isinstance(event, dict)]
        outcomes = await asyncio.gather(*run)
        if not all(outcome.ok for outcome in outcomes):
            return text(500, f"Exception while executing function: Functions.{function.name}")
        return Answer(status=202 if len(outcomes) == len(events) else 500)

    async def _invoke(self, function: Function, event: dict[str, Any], delivery: tuple[str | None, str]) -> Outcome:
        # The span of the function is a child of the delivery. The context that the event itself carries is a link in
        # Azure, not the parent.
        trace_parent, trace_state = delivery
        return await self._runner.invoke(
            function,
            TypedData(json=json.dumps(event)),
            reason="EventGrid trigger fired",
            metadata={"data": TypedData(json=json.dumps(event.get("data")))},
            trace_parent=trace_parent,
            trace_state=trace_state,
        )


def _delivered(body: bytes) -> list[Any] | dict[str, Any]:
    data = json_net.loads(body.decode("utf-8-sig", "replace"))
    if not isinstance(data, list | dict):
        raise ValueError("body: expected an event, or an array of events")  # noqa: TRY004 - a fault of the body
    return data


def _validation_code(delivered: list[Any] | dict[str, Any]) -> str:
    event = delivered if isinstance(delivered, dict) else delivered[0] if delivered else None
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str) and isinstance(delivered, dict):  # a text is read only where the event comes alone
        data = json.loads(data)
    if not isinstance(data, dict) or "validationCode" not in data:
        raise ValueError("data.validationCode: expected text, found none")
    code = data["validationCode"]
    return "" if code is None else code if isinstance(code, str) else json.dumps(code)
