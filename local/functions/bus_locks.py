"""Keeps the locks of messages alive while a function works on them.

Not the SDK's AutoLockRenewer: that one looks once a second, so it loses short locks, and closing it waits a second.
"""

import asyncio
import logging
import time
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver
from azure.servicebus.exceptions import ServiceBusError

log = logging.getLogger("host")


class LockKeeper:
    """Renews the locks at half of their time, for at most `limit` seconds; 0 means never."""

    def __init__(
        self, receiver: ServiceBusReceiver, messages: list[ServiceBusReceivedMessage], *, limit: float
    ) -> None:
        self._receiver = receiver
        self._messages = messages
        self._until = time.monotonic() + limit
        self._limit = limit
        self._done = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        if self._limit > 0:
            self._tasks = [asyncio.create_task(self._keep(message)) for message in self._messages]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A renewal under way is left to end: cancelled, its answer would stay on the link.
        self._done.set()
        await asyncio.gather(*self._tasks)

    async def _keep(self, message: ServiceBusReceivedMessage) -> None:
        while message.locked_until_utc is not None:
            pause = (message.locked_until_utc - datetime.now(UTC)).total_seconds() / 2
            if pause <= 0 or time.monotonic() + pause > self._until or await self._finished_within(pause):
                return
            try:
                await self._receiver.renew_message_lock(message)
                log.debug("message %s: lock renewed", message.message_id)
            except (ServiceBusError, OSError, ValueError) as error:
                log.warning("message %s: its lock could not be renewed (%s)", message.message_id, type(error).__name__)
                return

    async def _finished_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._done.wait(), seconds)
        except TimeoutError:
            return False
        return True
