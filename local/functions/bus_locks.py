"""Renews locks: those of messages while a function works on them, that of a session while it is held.

This is not the SDK's AutoLockRenewer, which checks once a second: it loses short locks, and closing it waits a second.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from azure.servicebus import ServiceBusReceivedMessage
from azure.servicebus.aio import ServiceBusReceiver, ServiceBusSession
from azure.servicebus.exceptions import ServiceBusError

log = logging.getLogger("host")


@dataclass(frozen=True, kw_only=True)
class _Lock:
    name: str
    until: Callable[[], datetime | None]
    renew: Callable[[], Awaitable[object]]


class LockKeeper:
    """Renews locks at half of their time, for at most `limit` seconds; 0 means never."""

    def __init__(self, locks: Sequence[_Lock], *, limit: float) -> None:
        self._locks = locks
        self._until = time.monotonic() + limit
        self._limit = limit
        self._done = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def of_messages(
        cls, receiver: ServiceBusReceiver, messages: list[ServiceBusReceivedMessage], *, limit: float
    ) -> Self:
        def lock(message: ServiceBusReceivedMessage) -> _Lock:
            return _Lock(
                name=f"message {message.message_id}",
                until=lambda: message.locked_until_utc,
                renew=lambda: receiver.renew_message_lock(message),
            )

        return cls([lock(message) for message in messages], limit=limit)

    @classmethod
    def of_session(cls, session: ServiceBusSession, *, limit: float) -> Self:
        name = f"session {session.session_id}"
        return cls([_Lock(name=name, until=lambda: session.locked_until_utc, renew=session.renew_lock)], limit=limit)

    async def __aenter__(self) -> Self:
        if self._limit > 0:
            self._tasks = [asyncio.create_task(self._keep_renewing(lock)) for lock in self._locks]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A renewal under way is left to end: if it were cancelled, its response would stay on the link.
        self._done.set()
        await asyncio.gather(*self._tasks)

    async def _keep_renewing(self, lock: _Lock) -> None:
        while (until := lock.until()) is not None:
            pause = (until - datetime.now(UTC)).total_seconds() / 2
            if pause <= 0 or time.monotonic() + pause > self._until or await self._finished_within(pause):
                return
            try:
                await lock.renew()
                log.debug("%s: lock renewed", lock.name)
            except (ServiceBusError, OSError, ValueError) as error:
                log.warning("%s: its lock could not be renewed (%s)", lock.name, type(error).__name__)
                return

    async def _finished_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._done.wait(), seconds)
        except TimeoutError:
            return False
        return True
