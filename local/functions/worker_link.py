"""One worker process as the host sees it: start, invoke, kill, and its output as log lines."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from local.guardian import Guardian

from . import frames
from .ages import HostAge
from .errors import HostError, WorkerLostError

ROOT = str(Path(__file__).resolve().parents[2])
MAX_LINE = 32 * 1024
_BOOT = (
    "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[4]); "
    "from local.functions.worker_process import main; "
    "main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])"
)
_LEVELS = {
    "D": logging.DEBUG, "I": logging.INFO, "W": logging.WARNING, "E": logging.ERROR, "C": logging.CRITICAL,
}  # fmt: skip

log = logging.getLogger("worker")


class WorkerLink:
    """A running worker process. `start` returns once the app is indexed."""

    def __init__(self, process: asyncio.subprocess.Process, age: HostAge) -> None:
        self._process = process
        # A worker whose code blocks the interpreter would not notice that the host is gone.
        self._guardian = Guardian()
        self._guardian.watch(process.pid)
        self._age = age
        self._leave_hanging = False
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self._pending: dict[str, asyncio.Future[frames.Outcome]] = {}
        self._pumps: list[asyncio.Task[None]] = []
        self._listener: asyncio.Task[None] | None = None
        self.indexed: frames.Indexed
        self.ended = asyncio.Event()

    @classmethod
    async def start(
        cls, app: Path, environment: Mapping[str, str], log_level: str, *, age: HostAge = HostAge.TODAY
    ) -> "WorkerLink":
        """Start a worker and let it index the app; a HostError with the library's message if it refuses."""
        host_socket, worker_socket = socket.socketpair()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _BOOT, str(worker_socket.fileno()), str(app), log_level, ROOT,
                pass_fds=[worker_socket.fileno()], cwd=app, env=dict(environment), start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        finally:
            worker_socket.close()
        link = cls(process, age)
        link._reader, link._writer = await asyncio.open_connection(sock=host_socket)
        assert process.stdout is not None
        assert process.stderr is not None
        link._pumps = [
            asyncio.create_task(link._forward(process.stdout)),
            asyncio.create_task(link._forward(process.stderr)),
        ]
        try:
            await link._await_index()
        except BaseException:
            await link.kill()
            raise
        link._listener = asyncio.create_task(link._listen())
        return link

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        return self._process.returncode

    async def invoke(self, order: frames.Invoke) -> frames.Outcome:
        """Run one function; WorkerLostError if the process ends before it responds."""
        if self.ended.is_set():
            raise WorkerLostError(f"worker process {self.pid} has ended")
        outcome: asyncio.Future[frames.Outcome] = asyncio.get_running_loop().create_future()
        self._pending[order.invocation_id] = outcome
        try:
            await frames.send(self._writer, order)
            return await outcome
        except ConnectionError as error:
            raise WorkerLostError(f"worker process {self.pid} closed its end") from error
        finally:
            self._pending.pop(order.invocation_id, None)

    async def kill(self, *, leave_hanging: bool = False) -> None:
        """Kill the process and its children. Its invocations fail, or hang if `leave_hanging` is set."""
        self._leave_hanging = self._leave_hanging or leave_hanging
        if self._process.returncode is None:
            # It may have ended a moment ago without asyncio having noticed.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._guardian.forget(self._process.pid)
        self._guardian.close()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        self._writer.close()
        if self._listener is not None and self._listener is not asyncio.current_task():
            await self._listener

    async def _await_index(self) -> None:
        try:
            reply = await frames.receive(self._reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            code = await self._process.wait()
            raise HostError(f"the worker process ended with code {code} while it loaded the app") from error
        if isinstance(reply, frames.Refused):
            raise HostError(reply.message + ("\n" + reply.stack if reply.stack else ""))
        assert isinstance(reply, frames.Indexed)
        if not reply.functions:
            raise HostError("0 functions found: expected function_app.py with at least one function")
        if "HttpUri" in reply.capabilities:
            raise HostError("the app uses HTTP streams (the FastAPI extension), which this host does not cover")
        self.indexed = reply

    async def _listen(self) -> None:
        try:
            while True:
                outcome = await frames.receive(self._reader)
                assert isinstance(outcome, frames.Outcome)
                future = self._pending.get(outcome.invocation_id)
                if future is not None and not future.done():
                    future.set_result(outcome)
        except (asyncio.IncompleteReadError, ConnectionError):
            log.debug("worker process %s closed its end", self.pid)
        finally:
            is_ignored = self._age is HostAge.OCTOBER_2024 and await self._process.wait() == 0
            self.ended.set()
            for future in () if self._leave_hanging or is_ignored else self._pending.values():
                if not future.done():
                    future.set_exception(WorkerLostError(f"worker process {self.pid} has ended"))

    async def _forward(self, stream: asyncio.StreamReader) -> None:
        """Turn the worker's output into log lines. A line without a level keeps that of the previous one."""
        level, remainder = logging.INFO, b""
        while chunk := await stream.read(MAX_LINE):
            *lines, remainder = (remainder + chunk).split(b"\n")
            if len(remainder) > MAX_LINE:
                lines, remainder = [*lines, remainder], b""
            for line in lines:
                level = self._log_line(line, level)
        if remainder:
            self._log_line(remainder, level)

    def _log_line(self, line: bytes, level: int) -> int:
        text = line[:MAX_LINE].decode("utf-8", "replace")
        if text[1:2] == " " and text[0] in _LEVELS:
            level, text = _LEVELS[text[0]], text[2:]
        log.log(level, "[%s] %s", self.pid, text)
        return level
