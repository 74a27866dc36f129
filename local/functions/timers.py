"""Timer triggers: one owner among the instances, its status in the state folder, no overlap.

In Azure a blob lease decides who owns a timer. It lasts 60 s and is renewed while its owner lives; the others check
every 60 s whether it is free. After a crash there are no runs for up to two minutes, and then one that is past due.
Here the lease is a file in the state folder that the instances share.
"""

import asyncio
import fcntl
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from . import timer_status
from .bindings import Function
from .invocation import Invoker
from .limits import TIMER_LEASE
from .ncrontab import Schedule
from .protos import TypedData
from .timer_status import Due, Status

SHORTEST_LOOK = 0.5
LONGEST_SLEEP = 60.0
"""The wait is split up, so that a computer that was asleep catches up soon."""

log = logging.getLogger("host")


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Timer:
    """Runs one timer function for as long as the instance owns it."""

    def __init__(
        self,
        function: Function,
        invoker: Invoker,
        state: Path,
        *,
        lease: float = TIMER_LEASE,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._function = function
        self._invoker = invoker
        self._clock = clock
        self._schedule = Schedule(function.trigger["schedule"])
        # The extension keeps no status for timers that fire more than once a minute, nor if `useMonitor` is off.
        self._monitored = function.trigger.get("useMonitor", True) is not False and self._schedule.keeps_status(clock())
        self._lease = _Lease(state / f"{function.name}.timer.lease", lease)
        self._file = state / f"{function.name}.timer.json"

    async def run(self) -> None:
        """Wait for ownership, then fire until cancelled."""
        async with self._lease.held():
            log.info("This instance (%s) owns timer '%s'.", os.getpid(), self._function.name)
            start = timer_status.at_start(
                self._schedule,
                self._stored_status(),
                self._clock(),
                run_on_startup=bool(self._function.trigger.get("runOnStartup")),
            )
            status, due = start.status, start.due
            if start.store:
                self._store_status(status)
            while True:
                if due is Due.NO:
                    await self._sleep_until(status.next)
                started = self._clock()
                visible_status = status if self._monitored else None
                value = TypedData(json=timer_status.payload(visible_status, past_due=due is Due.PAST))
                await self._invoker.invoke_with_retry(self._function, value, reason=self._reason())
                status = timer_status.after_run(self._schedule, status, started, planned=due is Due.NO)
                self._store_status(status)
                due = Due.NO

    async def fire_now(self) -> None:
        """Run once, out of turn, because the admin endpoint asked for it. The function sees the stored status, and is
        not retried."""
        value = TypedData(json=timer_status.payload(self._stored_status(), past_due=False))
        await self._invoker.invoke(self._function, value, reason=self._reason())

    def _reason(self) -> str:
        return f"Timer fired at {self._clock().isoformat(timespec='seconds')}"

    async def _sleep_until(self, moment: datetime) -> None:
        while (seconds_left := (moment - self._clock()).total_seconds()) > 0:
            await asyncio.sleep(min(seconds_left, LONGEST_SLEEP))

    def _stored_status(self) -> Status | None:
        if not self._monitored or not self._file.exists():
            return None
        try:
            return Status.parse(self._file.read_text())
        except (ValueError, KeyError, TypeError) as error:
            log.warning("The status of timer '%s' is unreadable (%s); starting over.", self._function.name, error)
            return None

    def _store_status(self, status: Status) -> None:
        if self._monitored:
            partial = self._file.with_suffix(".part")
            partial.write_text(json.dumps(status.as_json()))
            partial.replace(self._file)


class _Lease:
    """A file that says until when its owner holds the lease. It is locked while one process writes it."""

    def __init__(self, file: Path, seconds: float) -> None:
        self._file = file
        self._seconds = seconds

    @asynccontextmanager
    async def held(self) -> AsyncIterator[None]:
        """Wait until the lease is free, and hold it until the block ends. If the process dies, the lease runs out."""
        with self._file.open("a+") as handle:
            while not (_try_lock(handle.fileno()) and self._is_over(handle)):
                fcntl.flock(handle.fileno(), fcntl.LOCK_UN)
                await asyncio.sleep(max(self._seconds, SHORTEST_LOOK))
            renewing = asyncio.create_task(self._renew(handle))
            try:
                yield
            finally:
                renewing.cancel()
                self._write(handle, 0.0)

    def _is_over(self, handle: IO[str]) -> bool:
        handle.seek(0)
        return float(handle.read() or 0) <= time.time()

    async def _renew(self, handle: IO[str]) -> None:
        while True:
            self._write(handle, time.time() + self._seconds)
            await asyncio.sleep(max(self._seconds / 2, SHORTEST_LOOK))

    def _write(self, handle: IO[str], until: float) -> None:
        handle.seek(0)
        handle.truncate()
        handle.write(f"{until}")
        handle.flush()


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
