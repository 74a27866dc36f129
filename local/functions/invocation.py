"""One run of a function: trace ids, time limit, retry policy, output bindings, and a count of what is running.

Every trigger goes through here. `Invoker.invoke` never raises for a failure of the function: the outcome says so.
"""

import asyncio
import logging
import random
import re
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from . import frames
from .bindings import Binding, Function
from .errors import WorkerLostError
from .protos import RpcException, RpcRetryOptions, TypedData
from .worker import Worker

Output = Callable[[Binding, TypedData], Awaitable[None]]
"""Writes one value through an output binding; if it raises, the invocation fails."""


class Runner(Protocol):
    """What a trigger needs of an `Invoker`."""

    async def invoke(
        self,
        function: Function,
        value: TypedData,
        *,
        reason: str,
        metadata: Mapping[str, TypedData] | None = None,
        trace_parent: str | None = None,
        trace_state: str = "",
    ) -> frames.Outcome:
        """Run the function once."""


_TRACE_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")

log = logging.getLogger("host")


class Invoker:
    """Runs functions on the worker."""

    def __init__(self, worker: Worker, *, timeout: float | None, write: Output) -> None:
        self._worker = worker
        self._timeout = timeout
        self._write = write
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        return self._running

    async def idle(self) -> None:
        """Returns once nothing is running."""
        await self._idle.wait()

    async def invoke(
        self,
        function: Function,
        value: TypedData,
        *,
        reason: str,
        metadata: Mapping[str, TypedData] | None = None,
        trace_parent: str | None = None,
        trace_state: str = "",
        attempt: "Attempt | None" = None,
    ) -> frames.Outcome:
        """Run the function once."""
        attempt = attempt or Attempt()
        invocation = frames.Invoke(
            invocation_id=str(uuid.uuid4()),
            function_id=function.id,
            inputs=[(function.trigger["name"], value)],
            metadata=dict(metadata or {}),
            trace_parent=own_span(trace_parent),
            trace_state=trace_state,
            retry_count=attempt.count,
            max_retry_count=attempt.limit,
            retry_exception=attempt.last,
        )
        log.info("Executing 'Functions.%s' (Reason='%s', Id=%s)", function.name, reason, invocation.invocation_id)
        started = time.monotonic()
        self._running += 1
        self._idle.clear()
        try:
            outcome = await self._write_outputs(function, await self._run(function, invocation))
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()
        self._log_end(function, outcome, started)
        return outcome

    async def invoke_with_retry(self, function: Function, value: TypedData, *, reason: str) -> frames.Outcome:
        """Run the function under its `@app.retry` policy, which, of the triggers here, Azure honours only for
        timers."""
        policy = function.retry
        attempt = Attempt(limit=policy.max_retry_count if policy else 0)
        while True:
            outcome = await self.invoke(function, value, reason=reason, attempt=attempt)
            if outcome.ok or policy is None or (attempt.limit != -1 and attempt.count >= attempt.limit):
                return outcome
            attempt = attempt.after(outcome)
            await asyncio.sleep(pause(policy, attempt.count))

    async def _run(self, function: Function, invocation: frames.Invoke) -> frames.Outcome:
        # Waiting for a restart of the worker counts towards the function's time limit.
        try:
            return await asyncio.wait_for(self._worker.invoke(invocation), self._timeout)
        except WorkerLostError as lost:
            error = f"LanguageWorkerProcessExitedException: {lost}"
        except TimeoutError:
            error = f"FunctionTimeoutException: Timeout value of {self._timeout} s was exceeded by '{function.name}'"
            log.warning("%s. The worker is restarted.", error)
            await self._worker.restart()
        return frames.Outcome(invocation_id=invocation.invocation_id, ok=False, error=error)

    async def _write_outputs(self, function: Function, outcome: frames.Outcome) -> frames.Outcome:
        if not outcome.ok:
            return outcome
        bindings = function.outputs
        values = dict(outcome.outputs)
        if outcome.returned is not None and "$return" in bindings:
            values["$return"] = outcome.returned
        for name, value in values.items():
            binding = bindings.get(name)
            if binding is None or binding["type"].lower() == "http" or value.kind is None:
                continue
            try:
                await self._write(binding, value)
            except Exception as error:  # noqa: BLE001 - as in Azure, whatever an output binding raises fails the run
                reason = f"Error while writing output binding '{name}': {type(error).__name__}: {error}"
                return frames.Outcome(invocation_id=outcome.invocation_id, ok=False, error=reason)
        return outcome

    def _log_end(self, function: Function, outcome: frames.Outcome, started: float) -> None:
        duration = (time.monotonic() - started) * 1000
        if outcome.ok:
            log.info(
                "Executed 'Functions.%s' (Succeeded, Id=%s, %.0f ms)", function.name, outcome.invocation_id, duration
            )
        else:
            details = f"{outcome.error}\n{outcome.stack}".rstrip()
            text = "Executed 'Functions.%s' (Failed, Id=%s, %.0f ms): %s"
            log.error(text, function.name, outcome.invocation_id, duration, details)


class Attempt:
    """Which attempt a run is, within its retry policy."""

    def __init__(self, *, count: int = 0, limit: int = 0, last: RpcException | None = None) -> None:
        self.count = count
        self.limit = limit
        self.last = last

    def after(self, outcome: frames.Outcome) -> "Attempt":
        last = RpcException(message=outcome.error, stack_trace=outcome.stack)
        return Attempt(count=self.count + 1, limit=self.limit, last=last)


def own_span(trace_parent: str | None) -> str:
    """A traceparent for a span of the host itself, in the caller's trace if there is one."""
    caller = _TRACE_PARENT.fullmatch(trace_parent or "")
    trace, flags = (caller[1], caller[3]) if caller else (secrets.token_hex(16), "01")
    return f"00-{trace}-{secrets.token_hex(8)}-{flags}"


def pause(policy: RpcRetryOptions, count: int) -> float:
    """Seconds before this retry. Exponential: about 1, 2, 3, 5, 9 times the minimum; what is added each time varies by
    a fifth."""
    if policy.retry_strategy == "fixed_delay":
        return float(policy.delay_interval.total_seconds())
    minimum, maximum = policy.minimum_interval.total_seconds(), policy.maximum_interval.total_seconds()
    added = 0.0 if count < 2 else random.uniform(0.8, 1.2) * 2 ** (count - 2) * minimum
    return float(min(minimum + added, maximum))
