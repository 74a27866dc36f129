"""The child process: drives Microsoft's azure_functions_runtime as Azure's proxy worker does.

Order of calls: init (in which the library indexes the app), metadata, load for each function, then invocations, each in
a task of its own: the library attaches a telemetry context to the current task and never detaches it.
Nothing is added to what the library does. In particular, a sync function gets no trace context from this host, because
library 1.3 gives it none in Azure.
"""

import asyncio
import logging
import os
import socket
import sys
from contextvars import ContextVar
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from . import frames, protos


async def index(runtime: Any, app: Path) -> frames.Indexed | frames.Refused:
    """Let the library load the app; if it refuses, the whole app is down."""
    response = await runtime.worker_init_request(
        _request(
            worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(app), host_version="4.0")
        )
    )
    if response.result.status != protos.StatusResult.Success:
        return frames.Refused(message=response.result.exception.message, stack=response.result.exception.stack_trace)
    metadata = await runtime.functions_metadata_request(
        _request(functions_metadata_request=SimpleNamespace(function_app_directory=str(app)))
    )
    functions = list(metadata.function_metadata_results or [])
    for function in functions:
        load = SimpleNamespace(function_id=function.function_id, metadata=function)
        await runtime.function_load_request(_request(function_load_request=load))
    return frames.Indexed(functions=functions, capabilities=dict(response.capabilities))


_CURRENT: ContextVar[str | None] = ContextVar("invocation_id", default=None)


def current_invocation(runtime: Any) -> ContextVar[str | None]:
    """The library's own context variable; library 1.0 has none."""
    variable: ContextVar[str | None] = getattr(runtime, "invocation_id_cv", _CURRENT)
    return variable


async def run(runtime: Any, order: frames.Invoke) -> frames.Outcome:
    """One invocation. If the function raises, the library does not raise but returns a failed result."""
    # The library sets this for sync functions only; here, logs of async functions carry the id too.
    current_invocation(runtime).set(order.invocation_id)
    invocation = SimpleNamespace(
        invocation_id=order.invocation_id,
        function_id=order.function_id,
        input_data=[protos.ParameterBinding(name, data) for name, data in order.inputs],
        trigger_metadata=order.metadata,
        trace_context=SimpleNamespace(trace_parent=order.trace_parent, trace_state=order.trace_state, attributes={}),
        retry_context=SimpleNamespace(
            retry_count=order.retry_count, max_retry_count=order.max_retry_count, exception=order.retry_exception
        ),
    )
    response = await runtime.invocation_request(_request(invocation_request=invocation))
    ok = response.result.status == protos.StatusResult.Success
    failure = response.result.exception
    return frames.Outcome(
        invocation_id=order.invocation_id,
        ok=ok,
        returned=response.return_value,
        outputs={binding.name: binding.data for binding in response.output_data},
        error="" if ok else failure.message,
        stack="" if ok else failure.stack_trace,
    )


def _request(**fields: Any) -> SimpleNamespace:
    return SimpleNamespace(
        name="", request=SimpleNamespace(**fields), properties={"protos": protos, "host": "127.0.0.1"}
    )


async def serve(runtime: Any, app: Path, descriptor: int) -> None:
    """Index, then serve invocations until the host closes its end."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=descriptor))
    indexed = await index(runtime, app)
    await frames.send(writer, indexed)
    if isinstance(indexed, frames.Refused):
        return

    async def answer(order: frames.Invoke) -> None:
        await frames.send(writer, await run(runtime, order))

    running: set[asyncio.Task[None]] = set()
    while True:
        try:
            order = await frames.receive(reader)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        assert isinstance(order, frames.Invoke)
        task = asyncio.create_task(answer(order))
        running.add(task)
        task.add_done_callback(running.discard)


class _InvocationId(logging.Filter):
    """Puts the first digits of the invocation id on each record."""

    def __init__(self, runtime: Any) -> None:
        super().__init__()
        self._current = current_invocation(runtime)

    def filter(self, record: logging.LogRecord) -> bool:
        record.invocation = (self._current.get() or "-")[:8]
        return True


def _set_up_logging(runtime: Any, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname).1s %(name)s [%(invocation)s] %(message)s"))
    handler.addFilter(_InvocationId(runtime))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("azure.functions").setLevel(logging.WARNING)


def main(descriptor: int, app: Path, level: str, own_root: str) -> None:
    """Entry point of the child. Removes the host's own folder from sys.path: in Azure the app does not see it
    either."""
    sys.path[:] = [str(app), *(entry for entry in sys.path if entry not in ("", own_root, str(app)))]
    import azure_functions_runtime as runtime  # noqa: PLC0415 - sys.path has to be that of the app first

    _set_up_logging(runtime, level)
    runtime.start_threadpool_executor()
    asyncio.run(serve(runtime, app, descriptor))
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads of sync functions may still be running; the host is gone, so nobody waits for them.
    os._exit(0)
