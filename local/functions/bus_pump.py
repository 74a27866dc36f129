"""The Service Bus trigger: receives messages, runs the function, settles.

Success completes, an exception abandons at once (the broker then redelivers, up to its delivery count). One receiver
stays open for each function and always has credit while a slot is free, so that a message reaches the function without
polling. A broker that is down or restarts is logged once, and retried with growing pauses.
"""

import asyncio
import logging
import random
import time

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver

from .bindings import Function
from .bus_client import client_for, receiver_for
from .bus_locks import LockKeeper
from .bus_runs import BROKEN, BusRuns, source_of
from .host_json import ServiceBusOptions

RECEIVE_WAIT = 60.0
CONNECT_WITHIN = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0

log = logging.getLogger("host")


class BusPump:
    """Feeds one function from its queue or subscription."""

    def __init__(self, function: Function, runs: BusRuns, section: dict[str, str], options: ServiceBusOptions) -> None:
        self._function = function
        self._runs = runs
        self._section = section
        self._options = options
        # Runs at the same time: maxConcurrentCalls, or one for a function that takes batches.
        self._slots = asyncio.Semaphore(1 if runs.many else options.max_concurrent_calls)
        self._running: set[asyncio.Task[None]] = set()
        self._receiver: ServiceBusReceiver

    async def run(self) -> None:
        """Receive until cancelled; then finish and settle what is running before closing the connection."""
        client = client_for(self._section, self._options, retries=False)
        async with client:
            self._receiver = receiver_for(client, self._function.trigger, self._options.prefetch_count)
            try:
                await self._receive_for_ever()
            finally:
                if self._running:
                    await asyncio.wait(self._running)
                await self._receiver.close()

    async def _receive_for_ever(self) -> None:
        failures = 0
        while True:
            try:
                await self._connect()
                if failures:
                    log.info("'%s' receives again from %s.", self._function.name, source_of(self._function))
                failures = 0
                while True:
                    await self._take()
            except BROKEN as error:
                failures += 1
                await self._pause(failures, error)

    async def _connect(self) -> None:
        """Open the link now: a first receive would do it too, but could not report that it did."""
        async with asyncio.timeout(CONNECT_WITHIN):
            await self._receiver.__aenter__()

    async def _take(self) -> None:
        """Wait for a free slot and for messages, and start a run on them."""
        await self._slots.acquire()
        messages: list[ServiceBusReceivedMessage] = []
        try:
            messages = await self._receive()
        finally:
            if not messages:
                self._slots.release()
        if messages:
            task = asyncio.create_task(self._handle(messages))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _receive(self) -> list[ServiceBusReceivedMessage]:
        if not self._runs.many:
            # One at a time: with a larger count the SDK would wait 0.2 s for more before it hands over the first.
            return await self._receiver.receive_messages(max_message_count=1, max_wait_time=RECEIVE_WAIT)
        max_count, min_count = self._options.max_batch, self._options.min_batch
        messages = await self._receiver.receive_messages(max_message_count=max_count, max_wait_time=RECEIVE_WAIT)
        deadline = time.monotonic() + self._options.max_batch_wait
        while messages and len(messages) < min_count and (seconds_left := deadline - time.monotonic()) > 0:
            messages += await self._receiver.receive_messages(
                max_message_count=max_count - len(messages), max_wait_time=seconds_left
            )
        return messages

    async def _pause(self, failures: int, error: Exception) -> None:
        if failures == 1:
            log.warning(
                "'%s' cannot receive from %s (%s); trying again until it can.",
                self._function.name, source_of(self._function), type(error).__name__,
            )  # fmt: skip
            log.debug("the error: %s", error)
        max_pause = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
        await asyncio.sleep(max_pause * random.uniform(0.5, 1.0))

    async def _handle(self, messages: list[ServiceBusReceivedMessage]) -> None:
        try:
            # The real extension renews no locks for batches.
            limit = 0.0 if self._runs.many else self._options.max_lock_renewal
            async with LockKeeper.of_messages(self._receiver, messages, limit=limit):
                await self._runs.run(self._receiver, messages)
        finally:
            self._slots.release()
