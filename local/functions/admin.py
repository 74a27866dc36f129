"""The admin endpoints, for the master key: what runs here, and "run it now".

`GET /admin/functions`, `GET` and `POST /admin/functions/{name}`, `GET /admin/host/status`, and `/admin/host/ping`,
which asks for no key.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from .bindings import Function
from .host_json import HostJson
from .keys import Guard, Level

RunNow = Callable[[Function, str], Awaitable[None]]
"""Runs a function out of turn, with the given input."""


def listing(function: Function, host: HostJson) -> dict[str, Any]:
    """One function as the admin pages and `--list` show it."""
    is_http = function.kind == "httptrigger"
    return {
        "name": function.name,
        "isDisabled": function.disabled,
        "error": function.error,
        "invokeUrlTemplate": "/" + f"{host.route_prefix}/{function.route}".lstrip("/") if is_http else None,
        "config": {"bindings": list(function.bindings)},
    }


class Admin:
    """The handlers of `/admin/...`."""

    def __init__(self, functions: list[Function], host: HostJson, guard: Guard, run_now: RunNow) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._host = host
        self._guard = guard
        self._run_now = run_now
        self._started = time.monotonic()
        self._running: set[asyncio.Future[None]] = set()

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/admin/functions", self._all),
            web.get("/admin/functions/{name}", self._one),
            web.post("/admin/functions/{name}", self._run),
            web.get("/admin/host/status", self._status),
            web.route("*", "/admin/host/ping", self._ping),
        ]

    async def _all(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.json_response([listing(function, self._host) for function in self._functions.values()])

    async def _one(self, request: web.Request) -> web.Response:
        self._admit(request)
        return web.json_response(listing(self._find(request), self._host))

    async def _run(self, request: web.Request) -> web.Response:
        self._admit(request)
        function = self._find(request)
        if function.error is not None:
            return web.Response(status=409, text=f"function '{function.name}' is in error: {function.error}\n")
        try:
            data = json.loads(await request.read() or b"{}")
        except ValueError:
            return web.Response(status=400, text='body: expected JSON such as {"input": "text"}\n')
        given = data.get("input") if isinstance(data, dict) else None
        text = given if isinstance(given, str) else "" if given is None else json.dumps(given)
        task = asyncio.ensure_future(self._run_now(function, text))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return web.Response(status=202)

    async def _status(self, request: web.Request) -> web.Response:
        self._admit(request)
        errors = {function.name: function.error for function in self._functions.values() if function.error}
        uptime = int((time.monotonic() - self._started) * 1000)
        return web.json_response(
            {"state": "Running", "version": "local", "processUptime": uptime, "pid": os.getpid(), "errors": errors}
        )

    async def _ping(self, _request: web.Request) -> web.Response:
        return web.Response()

    def _admit(self, request: web.Request) -> None:
        if not self._guard.allows(Level.ADMIN, request.headers, request.query):
            raise web.HTTPUnauthorized(text="")

    def _find(self, request: web.Request) -> Function:
        function = self._functions.get(request.match_info["name"].lower())
        if function is None:
            raise web.HTTPNotFound(text="")
        return function
