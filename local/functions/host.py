"""Assembles one instance, runs it, and drains it.

The worker is started first and indexes the app while this process imports the rest, which takes most of a cold start.
"""

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from . import keys
from .admin import Admin
from .ages import HostAge
from .app_settings import AppSettings
from .bindings import Binding, Function, describe
from .errors import HostError
from .event_grid import EventGridWebhook
from .frames import Indexed
from .host_json import OPEN_TELEMETRY, HostJson
from .http_front import HttpFront
from .http_server import application
from .invocation import Invoker
from .limits import ANSWER_WITHIN, BODY_LIMIT, DRAIN_WITHIN, TIMER_LEASE
from .protos import TypedData
from .timers import Timer
from .worker import Worker

log = logging.getLogger("host")


@dataclass(frozen=True, kw_only=True)
class Options:
    """An instance's options from the command line."""

    state: Path
    keys_file: Path | None = None
    auth: bool = True
    drain_within: float = DRAIN_WITHIN
    timer_lease: float = TIMER_LEASE
    answer_within: float = ANSWER_WITHIN
    age: HostAge = HostAge.TODAY


class Host:
    """One instance of the function app."""

    def __init__(self, options: Options, settings: AppSettings, host: HostJson, worker: Worker) -> None:
        self._options = options
        self._settings = settings
        self._host = host
        self._worker = worker
        self._invoker = Invoker(worker, timeout=host.function_timeout, write=self._write)
        self._listeners: set[asyncio.Task[None]] = set()
        self._output: Any = None
        self._runner: web.AppRunner
        self.functions: list[Function] = []

    async def start(self, indexed: Indexed, socket: Any) -> None:
        """Listen on the given socket, and for every other trigger."""
        self.functions = describe(indexed.functions, self._settings, self._host, self._options.age)
        for function in self.functions:
            if function.error is not None:
                log.error("The '%s' function is in error: %s", function.name, function.error)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=self._options.drain_within)
        await self._runner.setup()
        await web.SockSite(self._runner, socket).start()
        for function in self.functions:
            if function.runs and function.kind == "timertrigger":
                self._listen(self._timer(function).run())
            elif function.runs and function.kind == "servicebustrigger":
                self._listen(self._pump(function))

    async def stop(self) -> None:
        """Accept nothing new, let running invocations end (for a bounded time), then end the worker."""
        stopping = [asyncio.create_task(self._runner.cleanup())]
        for listener in self._listeners:
            listener.cancel()
        stopping += self._listeners
        _, pending = await asyncio.wait(
            [*stopping, asyncio.create_task(self._invoker.idle())], timeout=self._options.drain_within
        )
        if pending:
            log.warning("%s invocation(s) did not end within %g s.", self._invoker.running, self._options.drain_within)
        await self._worker.stop()
        await asyncio.wait(stopping, timeout=self._options.drain_within)
        if self._output is not None:
            await self._output.close()

    def _application(self) -> web.Application:
        body_limit = _body_limit(self._settings)
        guard = keys.Guard(keys=self._keys() if self._options.auth else None)
        front = HttpFront(
            self.functions, self._invoker, guard, self._host, answer_within=self._options.answer_within
        )  # fmt: skip
        return application(
            admin=Admin(self.functions, self._host, guard, self._run_now).handle,
            webhooks=EventGridWebhook(self.functions, self._invoker, guard).handle,
            functions=front.handle,
            body_limit=body_limit,
            home_page=(self._settings.lookup("AzureWebJobsDisableHomepage") or "").lower() != "true",
        )

    def _keys(self) -> keys.Keys:
        keys_file = self._options.keys_file
        return keys.load(keys_file) if keys_file is not None else keys.load_or_make(self._options.state / "keys.json")

    def _listen(self, listener: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(listener)
        self._listeners.add(task)
        task.add_done_callback(self._listener_ended)

    def _listener_ended(self, task: asyncio.Task[None]) -> None:
        self._listeners.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("A listener ended: %r", task.exception(), exc_info=task.exception())

    def _timer(self, function: Function) -> Timer:
        return Timer(function, self._invoker, self._options.state, lease=self._options.timer_lease)

    async def _pump(self, function: Function) -> None:
        bus = await asyncio.to_thread(_import_bus)
        section = self._settings.connection(function.trigger.get("connection") or "ServiceBus")
        options, open_telemetry = self._host.service_bus, self._host.telemetry_mode == OPEN_TELEMETRY
        runs = bus.BusRuns(function, self._invoker, options, open_telemetry=open_telemetry)
        pump = bus.SessionPump if function.trigger.get("isSessionsEnabled") else bus.BusPump
        await pump(function, runs, section, options).run()

    async def _write(self, binding: Binding, value: TypedData) -> None:
        if self._output is None:
            module = await asyncio.to_thread(_import_output)
            self._output = self._output or module.BusOutput(self._settings, self._host.service_bus)
        await self._output.write(binding, value)

    async def _run_now(self, function: Function, text: str) -> None:
        """The run that `POST /admin/functions/{name}` requests. Its result goes to the log only, as in Azure."""
        if function.kind == "timertrigger":
            await self._timer(function).fire_now()
            return
        metadata: dict[str, TypedData] = {}
        value = TypedData(json=text) if function.kind == "eventgridtrigger" else TypedData(string=text)
        if function.kind == "servicebustrigger":
            from .bus_metadata import BusMessage, batch, single  # noqa: PLC0415 - rarely needed

            build = batch if function.trigger.get("cardinality") == "MANY" else single
            message = BusMessage(body=text.encode(), application_properties={})
            data_type = function.trigger.get("dataType")
            value, metadata = batch([message], data_type) if build is batch else single(message, data_type)
        await self._invoker.invoke(function, value, reason="run now", metadata=metadata)


def _body_limit(settings: AppSettings) -> int:
    text = settings.lookup("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT")
    if text is None:
        return BODY_LIMIT
    if not text.isdecimal() or int(text) < 1:
        raise HostError(f"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: expected a number of bytes, got {text!r}")
    return int(text)


def _import_bus() -> Any:
    from . import bus  # noqa: PLC0415 - the SDK is slow to import

    return bus


def _import_output() -> Any:
    from . import bus_output  # noqa: PLC0415 - the SDK is slow to import

    return bus_output
