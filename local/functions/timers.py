"""Timer triggers: one owner among the instances, status kept in the state folder, no overlap.

In Azure a blob lease decides who owns a timer; here it is a lock on a file in the state folder that the instances
share. It is released when its process ends, however it ends.
"""

import asyncio
import fcntl
import json
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from . import timer_status
from .bindings import Function
from .invocation import Invoker
from .ncrontab import Schedule
from .protos import TypedData
from .timer_status import Due, Status

LEASE_POLL = 0.5
LONGEST_SLEEP = 60.0
"""Wait in pieces, so that a laptop that slept catches up soon."""

log = logging.getLogger("host")


def local_now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - timers run in local time


class Timer:
    """Runs one timer function for as long as the instance owns it."""

    def __init__(
        self, function: Function, invoker: Invoker, state: Path, clock: Callable[[], datetime] = local_now
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._clock = clock
        self._schedule = Schedule(function.trigger["schedule"])
        # The extension keeps no status for timers that fire more than once a minute, nor where it is told not to.
        self._monitored = function.trigger.get("useMonitor", True) is not False and not self._schedule.is_sub_minute()
        self._lock = state / f"{function.name}.timer.lock"
        self._file = state / f"{function.name}.timer.json"

    async def run(self) -> None:
        """Wait for ownership, then fire until cancelled."""
        async with self._owned():
            log.info("This instance (%s) owns timer '%s'.", os.getpid(), self._function.name)
            status, due = timer_status.at_start(
                self._schedule,
                self._kept(),
                self._clock(),
                run_on_startup=bool(self._function.trigger.get("runOnStartup")),
            )
            self._keep(status)
            while True:
                if due is Due.NO:
                    await self._until(status.next)
                started = self._clock()
                await self._fire(status, past_due=due is Due.PAST)
                status = timer_status.after_run(self._schedule, status, started, self._clock())
                self._keep(status)
                due = Due.NO

    async def fire_now(self) -> None:
        """Run once, out of turn: what the admin endpoint asks for."""
        await self._fire(None, past_due=False)

    async def _fire(self, status: Status | None, *, past_due: bool) -> None:
        shown = status if self._monitored else None
        value = TypedData(json=timer_status.payload(shown, past_due=past_due))
        await self._invoker.invoke_with_retry(
            self._function, value, reason=f"Timer fired at {self._clock().isoformat(timespec='seconds')}"
        )

    async def _until(self, moment: datetime) -> None:
        while (left := (moment - self._clock()).total_seconds()) > 0:
            await asyncio.sleep(min(left, LONGEST_SLEEP))

    @asynccontextmanager
    async def _owned(self) -> AsyncIterator[None]:
        with self._lock.open("w") as handle:
            while not _locked(handle.fileno()):
                await asyncio.sleep(LEASE_POLL)
            yield

    def _kept(self) -> Status | None:
        if not self._monitored or not self._file.exists():
            return None
        try:
            return Status.parse(self._file.read_text())
        except (ValueError, KeyError, TypeError) as error:
            log.warning("The status of timer '%s' is unreadable (%s); starting anew.", self._function.name, error)
            return None

    def _keep(self, status: Status) -> None:
        if self._monitored:
            partial = self._file.with_suffix(".part")
            partial.write_text(json.dumps(status.as_json()))
            partial.replace(self._file)


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
