"""The Service Bus trigger: takes messages, runs the function, settles.

Success completes, an exception abandons at once (the broker then redelivers, up to its delivery count). One receiver
stays open for each function and always has credit while a slot is free, so that a message reaches the function without
polling. A broker that is absent or restarts is noted once, and tried again with growing pauses.
"""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import MessageAlreadySettled, MessageLockLostError, ServiceBusError

from . import bus_metadata
from .bindings import Function
from .bus_client import client_for, incoming, receiver_for
from .bus_locks import LockKeeper
from .frames import Outcome
from .host_json import ServiceBusOptions
from .invocation import Invoker

RECEIVE_WAIT = 60.0
CONNECT_WITHIN = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
SETTLE_TRIES = 3

log = logging.getLogger("host")

# What the SDK is seen to raise when the broker goes away under it, besides its own errors.
_BROKEN = (ServiceBusError, OSError, AttributeError, ValueError, RuntimeError)


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """How a function takes its messages."""

    many: bool
    auto_complete: bool
    slots: int
    """Runs at once: maxConcurrentCalls, or one for a function that takes batches."""

    @classmethod
    def of(cls, function: Function, options: ServiceBusOptions) -> "Dispatch":
        own = function.trigger.get("autoCompleteMessages")
        many = function.trigger.get("cardinality") == "MANY"
        return cls(
            many=many,
            auto_complete=options.auto_complete if own is None else bool(own),
            slots=1 if many else options.max_concurrent_calls,
        )


class BusPump:
    """Feeds one function from its queue or subscription."""

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        section: dict[str, str],
        options: ServiceBusOptions,
        *,
        open_telemetry: bool,
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._section = section
        self._options = options
        self._open_telemetry = open_telemetry
        self._dispatch = Dispatch.of(function, options)
        self._slots = asyncio.Semaphore(self._dispatch.slots)
        self._running: set[asyncio.Task[None]] = set()
        self._receiver: ServiceBusReceiver

    async def run(self) -> None:
        """Receive until cancelled; then what runs is finished and settled before the connection is closed."""
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
                    log.info("'%s' receives again from %s.", self._function.name, self._source)
                failures = 0
                while True:
                    await self._take()
            except _BROKEN as error:
                failures += 1
                await self._pause(failures, error)

    async def _connect(self) -> None:
        """Open the link now: a first receive would do it too, but could not tell that it did."""
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
        if not self._dispatch.many:
            # One at a time: with a larger count the SDK would wait 0.2 s for more before it hands over the first.
            return await self._receiver.receive_messages(max_message_count=1, max_wait_time=RECEIVE_WAIT)
        most, least = self._options.max_batch, self._options.min_batch
        messages = await self._receiver.receive_messages(max_message_count=most, max_wait_time=RECEIVE_WAIT)
        deadline = time.monotonic() + self._options.max_batch_wait
        while messages and len(messages) < least and (left := deadline - time.monotonic()) > 0:
            messages += await self._receiver.receive_messages(
                max_message_count=most - len(messages), max_wait_time=left
            )
        return messages

    async def _pause(self, failures: int, error: Exception) -> None:
        if failures == 1:
            log.warning(
                "'%s' cannot receive from %s (%s); trying again until it can.",
                self._function.name, self._source, type(error).__name__,
            )  # fmt: skip
            log.debug("the cause: %s", error)
        longest = min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))

    @property
    def _source(self) -> str:
        trigger = self._function.trigger
        name: str = trigger.get("queueName") or f"{trigger['topicName']}/{trigger['subscriptionName']}"
        return name

    async def _handle(self, messages: list[ServiceBusReceivedMessage]) -> None:
        try:
            # The real extension renews no locks for batches.
            limit = 0.0 if self._dispatch.many else self._options.max_lock_renewal
            async with LockKeeper(self._receiver, messages, limit=limit):
                outcome = await self._invoke(messages)
            for message in messages:
                if not outcome.ok:
                    await self._settle("abandon", self._receiver.abandon_message, message)
                elif self._dispatch.auto_complete:
                    await self._settle("complete", self._receiver.complete_message, message)
        finally:
            self._slots.release()

    async def _invoke(self, messages: list[ServiceBusReceivedMessage]) -> Outcome:
        data_type = self._function.trigger.get("dataType")
        try:
            read = [incoming(message) for message in messages]
            shape = (
                bus_metadata.batch(read, data_type) if self._dispatch.many else bus_metadata.single(read[0], data_type)
            )
        except (ValueError, TypeError) as error:
            log.warning("'%s': a message from %s cannot be passed on: %s", self._function.name, self._source, error)
            return Outcome(invocation_id="", ok=False, error=str(error))
        value, metadata = shape
        trace_parent, trace_state = (
            (None, "") if self._dispatch.many else read[0].trace(open_telemetry=self._open_telemetry)
        )
        return await self._invoker.invoke(
            self._function,
            value,
            reason=f"(null); message {read[0].message_id}" if len(read) == 1 else f"(null); {len(read)} messages",
            metadata=metadata,
            trace_parent=trace_parent,
            trace_state=trace_state,
        )

    async def _settle(
        self,
        verb: str,
        call: Callable[[ServiceBusReceivedMessage], Awaitable[None]],
        message: ServiceBusReceivedMessage,
    ) -> None:
        """Complete or abandon. What fails here leaves the message to be redelivered when its lock ends."""
        for attempt in range(1, SETTLE_TRIES + 1):
            try:
                await call(message)
            except (MessageLockLostError, MessageAlreadySettled) as error:
                log.warning(
                    "'%s': message %s: %s: %s", self._function.name, message.message_id, verb, type(error).__name__
                )
                return
            except _BROKEN as error:
                if attempt == SETTLE_TRIES:
                    text = "'%s': message %s could not be settled (%s: %s); it will be delivered again."
                    log.warning(text, self._function.name, message.message_id, verb, type(error).__name__)
                    return
                await asyncio.sleep(FIRST_PAUSE * attempt)
            else:
                return
