"""Keeps one worker process alive: restarts it when it dies or when a function exceeds its time limit.

As in the real host, the third death without thirty quiet minutes between them is not followed by a restart: the host
stops, and the platform restarts it (`__main__.py` acts as the platform). Restarts are at least ten seconds apart. Other
invocations in a process that ended fail at once or hang, depending on the version of the host (`ages.py`).
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import frames
from .ages import HostAge
from .errors import HostError
from .limits import RESTART_PAUSE
from .worker_link import WorkerLink

MAX_DEATHS = 3
QUIET_SECONDS = 30 * 60.0

log = logging.getLogger("host")


class Deaths:
    """Counts deaths of the worker without a long quiet time in between."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moments: list[float] = []

    def count_one(self) -> int:
        now = self._clock()
        if self._moments and now - self._moments[-1] > QUIET_SECONDS:
            self._moments.clear()
        self._moments.append(now)
        return len(self._moments)


class Worker:
    """The worker of this instance, whichever process that is at the moment."""

    def __init__(
        self,
        app: Path,
        environment: Mapping[str, str],
        log_level: str = "info",
        *,
        age: HostAge = HostAge.TODAY,
        restart_pause: float = RESTART_PAUSE,
    ) -> None:
        self._app = app
        self._environment = environment
        self._log_level = log_level
        self._age = age
        self._restart_pause = restart_pause
        self._restarted = float("-inf")
        self._deaths = Deaths()
        self._timed_out = False
        self._link: WorkerLink
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> frames.Indexed:
        """Start the first process; HostError if the app cannot be indexed."""
        self._link = await self._launch()
        self._ready.set()
        self._keeper = asyncio.create_task(self._keep())
        self._keeper.add_done_callback(self._keeper_ended)
        return self._link.indexed

    async def invoke(self, order: frames.Invoke) -> frames.Outcome:
        """Run one function, on a fresh process if the last one just died. WorkerLostError if it dies meanwhile."""
        await self._ready.wait()
        return await self._link.invoke(order)

    async def restart(self) -> None:
        """End the process, because a function exceeded its time limit; the next one starts by itself."""
        self._ready.clear()
        self._timed_out = True
        await self._link.kill(leave_hanging=self._age is HostAge.OCTOBER_2024)

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            await self._link.kill()

    async def _launch(self) -> WorkerLink:
        return await WorkerLink.start(self._app, self._environment, self._log_level, age=self._age)

    async def _keep(self) -> None:
        while True:
            await self._link.ended.wait()
            # Clear this first: what the process held fails now, and a retry has to wait for the next process.
            self._ready.clear()
            await self._link.kill()
            if self._link.exit_code == 0 and self._age is HostAge.OCTOBER_2024:
                log.error("Worker process %s ended with code 0, which this host ignores.", self._link.pid)
                self._ready.set()
                return
            log.error("The worker process %s ended with code %s.", self._link.pid, self._link.exit_code)
            if not await self._replace():
                raise HostError(
                    "Exceeded language worker restart retry count for runtime:python. "
                    "Shutting down and proactively recycling the Functions Host to recover"
                )
            self._ready.set()

    async def _replace(self) -> bool:
        """Start the next process; False if the host has to be recycled."""
        counts, self._timed_out = not self._timed_out, False
        while True:
            if counts and self._deaths.count_one() >= MAX_DEATHS:
                return False
            await asyncio.sleep(self._restarted + self._restart_pause - time.monotonic())
            self._restarted = time.monotonic()
            try:
                self._link = await self._launch()
            except HostError as error:
                log.warning("The worker could not be restarted: %s", error)
                counts = True
            else:
                return True

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        if keeper.cancelled() or self.given_up.done() or keeper.exception() is None:
            return
        self.given_up.set_result(str(keeper.exception()))
        # Wake up those who wait for a process; their invocation then fails.
        self._ready.set()
