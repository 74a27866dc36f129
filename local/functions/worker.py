"""Keeps one worker process alive: restarts it when it dies or when a function ran past its time.

Everything else that ran in the process is lost with it, as in Azure. Three failed starts in a row end the host.
"""

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

from . import frames
from .errors import HostError
from .worker_link import WorkerLink

MAX_FAILED_STARTS = 3
RESTART_PAUSE = 0.5

log = logging.getLogger("host")


class Worker:
    """The worker of this instance, whichever process it is just now."""

    def __init__(self, app: Path, environment: Mapping[str, str], log_level: str = "info") -> None:
        self._app = app
        self._environment = environment
        self._log_level = log_level
        self._link: WorkerLink
        self._ready = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self.given_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def start(self) -> frames.Indexed:
        """Start the first process; HostError when the app cannot be indexed."""
        self._link = await self._launch()
        self._ready.set()
        self._keeper = asyncio.create_task(self._keep())
        self._keeper.add_done_callback(self._keeper_ended)
        return self._link.indexed

    async def ready(self) -> None:
        """Returns when a process has indexed the app, at once but for a restart."""
        await self._ready.wait()

    async def invoke(self, order: frames.Invoke) -> frames.Outcome:
        """Run one function, on a fresh process if the last one just died. WorkerLostError if it dies meanwhile."""
        await self._ready.wait()
        return await self._link.invoke(order)

    async def restart(self) -> None:
        """End the process; the next one starts by itself."""
        self._ready.clear()
        await self._link.kill()

    async def stop(self) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
            await self._link.kill()

    async def _launch(self) -> WorkerLink:
        return await WorkerLink.start(self._app, self._environment, self._log_level)

    async def _keep(self) -> None:
        while True:
            await self._link.ended.wait()
            self._ready.clear()
            await self._link.kill()
            log.error("The worker process %s ended with code %s; restarting.", self._link.pid, self._link.exit_code)
            if not await self._replace():
                return
            self._ready.set()

    async def _replace(self) -> bool:
        for attempt in range(1, MAX_FAILED_STARTS + 1):
            try:
                self._link = await self._launch()
            except HostError as error:
                log.warning("The worker could not be restarted (%s of %s): %s", attempt, MAX_FAILED_STARTS, error)
                await asyncio.sleep(RESTART_PAUSE)
            else:
                return True
        return False

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        if keeper.cancelled() or self.given_up.done():
            return
        reason = keeper.exception() or f"the worker could not be started {MAX_FAILED_STARTS} times in a row"
        self.given_up.set_result(str(reason))
