"""The host's web server in this process, without a worker behind it, and a client that sends exactly the given bytes.

The test supplies the functions' outcomes, and looks at how the server changes requests and responses.
"""

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.functions.admin import Admin
from local.functions.bindings import Function
from local.functions.event_grid import EventGridWebhook
from local.functions.frames import Outcome
from local.functions.host_json import HostJson
from local.functions.http_front import HttpFront
from local.functions.http_server import application
from local.functions.keys import Guard, Keys
from local.functions.limits import BODY_LIMIT
from local.functions.protos import RpcHttp, TypedData

TIMEOUT = 10.0


def http_function(
    name: str,
    route: str | None,
    methods: Sequence[str] | None = None,
    level: str = "ANONYMOUS",
    *,
    disabled: bool = False,
) -> Function:
    trigger = {
        "type": "httpTrigger",
        "direction": "IN",
        "name": "req",
        "route": route,
        "authLevel": level,
        "methods": methods,
    }
    output = {"type": "http", "direction": "OUT", "name": "$return"}
    return Function(name=name, id=name, bindings=(trigger, output), retry=None, disabled=disabled)


def event_function(name: str, *, disabled: bool = False) -> Function:
    trigger = {"type": "eventGridTrigger", "direction": "IN", "name": "event"}
    return Function(name=name, id=name, bindings=(trigger,), retry=None, disabled=disabled)


def http_outcome(**fields: Any) -> Outcome:
    """The outcome of an HTTP function that returned this RpcHttp."""
    return Outcome(invocation_id="1", ok=True, returned=TypedData(http=RpcHttp(**fields)))


OK = http_outcome(status_code="200", body=TypedData())
FAILED = Outcome(invocation_id="1", ok=False, error="ValueError: boom")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One invocation: its function, its input and its trace."""

    function: str
    value: Any
    trace_parent: str | None = None


@dataclass
class Worker:
    """Returns what the test says, and keeps its input."""

    outcome: Callable[[Function, Any], Outcome] = lambda _function, _value: OK
    runs: list[Run] = field(default_factory=list)

    async def invoke(
        self,
        function: Function,
        value: TypedData,
        *,
        reason: str,
        metadata: Mapping[str, TypedData] | None = None,
        trace_parent: str | None = None,
        trace_state: str = "",
    ) -> Outcome:
        del reason, metadata, trace_state
        self.runs.append(Run(function=function.name, value=value.value, trace_parent=trace_parent))
        return self.outcome(function, value.value)


@dataclass(frozen=True, kw_only=True)
class Reply:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, header: str) -> list[str]:
        return [value for name, value in self.headers if name.lower() == header.lower()]


class Served:
    """A running server."""

    def __init__(self, port: int) -> None:
        self._port = port

    def send(
        self,
        method: str,
        target: str,
        headers: Sequence[Sequence[str]] = (),
        body: bytes = b"",
        *,
        version: str = "HTTP/1.1",
    ) -> Reply:
        """Send a request exactly as given, with a Host and nothing else added."""
        lines = [f"{method} {target} {version}", "Host: app.example", *(f"{name}: {value}" for name, value in headers)]
        with socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT) as connection:
            connection.sendall("".join(line + "\r\n" for line in lines).encode("latin-1") + b"\r\n" + body)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Reply(status=response.status, headers=response.getheaders(), body=response.read())


@contextmanager
def serve(
    functions: list[Function],
    worker: Worker,
    *,
    keys: Keys | None = None,
    host: HostJson | None = None,
    body_limit: int = BODY_LIMIT,
    home_page: bool = True,
) -> Iterator[Served]:
    """A server for these functions; without `keys` no request needs one."""
    guard, host = Guard(keys=keys), host or HostJson(route_prefix="")

    async def run_now(function: Function, payload: str) -> None:
        await worker.invoke(function, TypedData(string=payload), reason="run now")

    served = application(
        admin=Admin(functions, host, guard, run_now).handle,
        webhooks=EventGridWebhook(functions, worker, guard).handle,
        functions=HttpFront(functions, worker, guard, host).handle,
        body_limit=body_limit,
        home_page=home_page,
    )
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    listening = socket.create_server(("127.0.0.1", 0))
    runner = web.AppRunner(served, access_log=None, shutdown_timeout=0)

    async def start() -> None:
        await runner.setup()
        await web.SockSite(runner, listening).start()

    try:
        asyncio.run_coroutine_threadsafe(start(), loop).result(TIMEOUT)
        yield Served(listening.getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(TIMEOUT)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()
