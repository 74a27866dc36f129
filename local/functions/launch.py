"""Starts a host as a process of its own, for tests and for the local stack. Imports the standard library only."""

import json
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_WITHIN = 60.0
STOP_WITHIN = 60.0


class HostProcess:
    """A running `python -m local.functions`; a context manager that stops it."""

    def __init__(self, process: subprocess.Popen[str], ready: dict[str, Any], log: Path) -> None:
        self.process = process
        self.log = log
        self.url: str = ready["url"]
        self.pid: int = ready["pid"]
        self.functions: list[str] = ready["functions"]
        self.errors: dict[str, str] = ready["errors"]

    @classmethod
    def start(
        cls, app: Path, state: Path, *arguments: str, environment: Mapping[str, str] | None = None, name: str = "host"
    ) -> Self:
        """Start an instance and wait until it is ready. If it fails, raises RuntimeError with the end of its log."""
        state.mkdir(parents=True, exist_ok=True)
        log = state / f"{name}.log"
        command = command_line(
            "--app", str(app), "--state", str(state), "--log", str(log), "--stop-with-parent", *arguments
        )
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        line = _first_line(process)
        if not line:
            process.kill()
            process.wait()
            raise RuntimeError(f"the host did not start:\n{_tail(log)}")
        return cls(process, json.loads(line), log)

    def stop(self) -> int:
        """Send SIGTERM and wait; returns the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self._end()

    def kill(self) -> int:
        """Kill it without draining, like a power cut."""
        self.process.kill()
        return self._end()

    def _end(self) -> int:
        try:
            code = self.process.wait(STOP_WITHIN)
        finally:
            self.process.kill()
            for pipe in (self.process.stdin, self.process.stdout):
                if pipe is not None:
                    pipe.close()
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


ROOT = Path(__file__).resolve().parents[2]


def command_line(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", "local.functions", *arguments]


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    deadline = time.monotonic() + START_WITHIN
    while (seconds_left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], seconds_left)[0]:
            return process.stdout.readline()
    return ""


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:] if log.exists() else "(no log)"
