"""The admin endpoints, which need the master key: what runs here, and "run it now".

`GET /admin/functions`, `GET` and `POST /admin/functions/{name}`, `GET /admin/host/status`, and `/admin/host/ping`,
which needs no key.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from .bindings import Function
from .host_json import HostJson
from .http_server import Incoming, text
from .http_values import Response
from .keys import Guard, Level

RunNow = Callable[[Function, str], Awaitable[None]]
"""Runs a function out of turn, with the given input."""

_JSON_TYPES = ("application/json", "text/json")


def listing(function: Function, host: HostJson) -> dict[str, Any]:
    """One function as the admin endpoints and `--list` show it."""
    is_http = function.kind == "httptrigger"
    return {
        "name": function.name,
        "isDisabled": function.disabled,
        "error": function.error,
        "invokeUrlTemplate": "/" + host.template(function.route).lstrip("/") if is_http else None,
        "config": {"bindings": list(function.bindings)},
    }


class Admin:
    """The paths under `/admin/`."""

    def __init__(self, functions: list[Function], host: HostJson, guard: Guard, run_now: RunNow) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._host = host
        self._guard = guard
        self._run_now = run_now
        self._started = time.monotonic()
        self._running: set[asyncio.Future[None]] = set()

    async def handle(self, incoming: Incoming) -> Response | None:
        method, path = incoming.head.method.upper(), incoming.path.lower().rstrip("/").split("/")[2:]
        match method, path:
            case (("GET" | "POST"), ["host", "ping"]):
                return Response(status=200)
            case "GET", ["host", "status"]:
                return self._refusal(incoming) or self._status()
            case "GET", ["functions"]:
                return self._refusal(incoming) or _json(
                    [listing(function, self._host) for function in self._functions.values()]
                )
            case "GET", ["functions", name]:
                return self._refusal(incoming) or self._one_function(name)
            case "POST", ["functions", name]:
                return self._refusal(incoming) or await self._run(incoming, name)
        return None

    def _refusal(self, incoming: Incoming) -> Response | None:
        access = self._guard.access(incoming.head.headers, incoming.query_pairs)
        if access.opens(Level.ADMIN):
            return None
        return Response(status=401 if access.level is Level.ANONYMOUS else 403)

    def _one_function(self, name: str) -> Response | None:
        function = self._functions.get(name)
        return None if function is None else _json(listing(function, self._host))

    async def _run(self, incoming: Incoming, name: str) -> Response | None:
        content_type = (incoming.head.header("content-type") or "").partition(";")[0].strip().lower()
        if content_type not in _JSON_TYPES and not content_type.endswith("+json"):
            return Response(status=415)
        try:
            input_text = _input(await incoming.read_body())
        except ValueError as error:
            return text(400, f"{error}\n")
        function = self._functions.get(name)
        if function is None or function.error is not None:
            return None
        task = asyncio.ensure_future(self._run_now(function, input_text))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return Response(status=202)

    def _status(self) -> Response:
        errors = {function.name: function.error for function in self._functions.values() if function.error}
        uptime = int((time.monotonic() - self._started) * 1000)
        return _json(
            {"state": "Running", "version": "local", "processUptime": uptime, "pid": os.getpid(), "errors": errors}
        )


def _input(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ValueError('body: expected JSON such as {"input": "text"}') from error
    if not isinstance(document, dict):
        raise ValueError('body: expected an object such as {"input": "text"}')  # noqa: TRY004 - the body is wrong, not a type in our code
    input_value = next((value for name, value in document.items() if name.lower() == "input"), None)
    if isinstance(input_value, dict | list):
        raise ValueError("input: expected text, a number, true or false")  # noqa: TRY004 - the body is wrong, not a type in our code
    return input_value if isinstance(input_value, str) else "" if input_value is None else json.dumps(input_value)


def _json(value: Any) -> Response:
    return Response(
        status=200, headers=[("Content-Type", "application/json; charset=utf-8")], body=json.dumps(value).encode()
    )
