"""The Service Bus trigger on a queue with sessions: several sessions at once, one message of each at a time.

A session is accepted when there is one with messages, and released when none came for `sessionIdleTimeout`. Its lock is
renewed from its acceptance on, for `maxAutoLockRenewalDuration` and no longer, however many messages came meanwhile.

A defect of Microsoft's .NET client is kept, because code that is affected by it must fail here too: in 7.21.0, losing
the lock of a held session costs the processor one of its concurrent sessions until the host is restarted. Nothing may
depend on the same instance accepting a lost session again.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import Any

from azure.servicebus.aio import ServiceBusClient, ServiceBusReceiver
from azure.servicebus.exceptions import OperationTimeoutError, SessionLockLostError

from .bindings import Function
from .bus_client import client_for, session_receiver_for
from .bus_locks import LockKeeper
from .bus_runs import BROKEN, BusRuns, source_of
from .host_json import ServiceBusOptions

ACCEPT_WAIT = 60.0
PAUSE = 1.0

log = logging.getLogger("host")


class SessionPump:
    """Feeds one function from its queue with sessions."""

    def __init__(self, function: Function, runs: BusRuns, section: dict[str, str], options: ServiceBusOptions) -> None:
        self._function = function
        self._runs = runs
        self._section = section
        self._options = options
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Accept sessions until cancelled; then finish and settle what is running, and release its session."""
        async with client_for(self._section, self._options, retries=False) as client:
            slots = [asyncio.create_task(self._run_slot(client)) for _ in range(self._options.max_concurrent_sessions)]
            try:
                await asyncio.Event().wait()
            finally:
                self._stopping.set()
                await asyncio.gather(*slots)

    async def _run_slot(self, client: ServiceBusClient) -> None:
        """Work on one session after another: one of the sessions that are held at once."""
        with contextlib.suppress(_StoppingError):
            while True:
                try:
                    await self._hold_next(client)
                except OperationTimeoutError:
                    continue  # no session has messages
                except SessionLockLostError:
                    log.error(  # noqa: TRY400 - the SDK's trace says nothing more
                        "'%s': the lock of a session of %s was lost; this slot accepts none any more.",
                        self._function.name, source_of(self._function),
                    )  # fmt: skip
                    return
                except BROKEN as error:
                    log.debug("'%s' cannot accept a session: %r", self._function.name, error)
                    await self._unless_stopping(asyncio.sleep(PAUSE))

    async def _hold_next(self, client: ServiceBusClient) -> None:
        receiver = session_receiver_for(client, self._function.trigger, wait=ACCEPT_WAIT)
        try:
            await self._unless_stopping(receiver.__aenter__())
            log.debug("'%s' holds session %s.", self._function.name, receiver.session.session_id)
            async with LockKeeper.of_session(receiver.session, limit=self._options.max_lock_renewal):
                await self._work(receiver)
        finally:
            await receiver.close()

    async def _work(self, receiver: ServiceBusReceiver) -> None:
        idle = self._options.session_idle_timeout
        while messages := await self._unless_stopping(receiver.receive_messages(1, max_wait_time=idle)):
            await self._runs.run(receiver, messages)

    async def _unless_stopping[T](self, waiting: Coroutine[Any, Any, T]) -> T:
        """The awaited result. Raises `_StoppingError`, and cancels the wait, if the host stops meanwhile."""
        task, stopping = asyncio.create_task(waiting), asyncio.create_task(self._stopping.wait())
        await asyncio.wait((task, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise _StoppingError


class _StoppingError(Exception):
    """The host is stopping."""
