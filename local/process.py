"""Child processes: started with a log file, awaited until they report that they are ready, and ended by their pid."""

import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
START_TIMEOUT = 60.0
"""Seconds that a part has to become ready; on a busy machine it needs some of them."""
FAREWELL = 15.0
"""Seconds that a part has to end by itself before it is killed."""


PORTS = range(15_000, 32_000)
"""Below the range from which Linux, macOS and Windows choose ports for sockets that name none, such as those of
outgoing connections."""
PORT_TRIES = 50


class PartFailed(Exception):  # noqa: N818 - it reads better without a suffix
    """A part of the stack failed to start; the message ends with the last lines of its log."""


class Part:
    """One running part."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        reports_ready: bool = True,
    ) -> None:
        self.name, self.log = name, log
        self._reports_ready = reports_ready
        self._command = [*command]
        self._environment = {**os.environ, **(environment or {})}
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = self._start_process()

    def _start_process(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as errors:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if self._reports_ready else errors,
                stderr=errors,
                cwd=ROOT,
                env=self._environment,
                start_new_session=True,
            )

    def restart(self) -> None:
        """Start it again after it has ended, at the port that it had."""
        self._close_pipes()
        self._process = self._start_process()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ready(self) -> dict[str, Any]:
        """Wait for the JSON line that the part prints when it listens. Raises `PartFailed`."""
        assert self._process.stdout is not None
        end, text = time.monotonic() + START_TIMEOUT, b""
        while b"\n" not in text:
            seconds_left = end - time.monotonic()
            if seconds_left <= 0 or not select.select([self._process.stdout], [], [], seconds_left)[0]:
                raise self.failed(f"was not ready within {START_TIMEOUT:.0f} s")
            chunk = os.read(self._process.stdout.fileno(), 65536)
            if not chunk:
                raise self.failed(f"ended with exit code {self._process.wait()}")
            text += chunk
        line: dict[str, Any] = json.loads(text.partition(b"\n")[0])
        if "port" in line and "--port" in self._command:  # keep the port that it chose, for a restart
            self._command[self._command.index("--port") + 1] = str(line["port"])
        return line

    def wait_for_port(self, port: int) -> None:
        """Wait until the part accepts connections on a port. Raises `PartFailed`."""
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            if not self.alive:
                raise self.failed(f"ended with exit code {self._process.returncode}")
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.02)
        raise self.failed(f"did not listen on port {port} within {START_TIMEOUT:.0f} s")

    def ask_to_stop(self) -> None:
        if self.alive:
            self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End it and wait; kill it if it does not end by itself."""
        self.ask_to_stop()
        try:
            self._process.wait(FAREWELL)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close_pipes()

    def _close_pipes(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def send(self, number: signal.Signals, *, to: Sequence[int] = ()) -> None:
        """Send a signal to the part, or to the given processes of its family."""
        for pid in to or [self.pid]:
            with suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(pid, number)

    @property
    def family(self) -> list[int]:
        """The part's process, and all the processes that it started."""
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        parents = [(int(pid), int(parent)) for pid, parent in map(str.split, table.splitlines())]
        family = [self.pid]
        for ancestor in family:
            family += [pid for pid, parent in parents if parent == ancestor]
        return family

    def kill(self) -> None:
        """Kill it, as a crash would."""
        self._process.kill()
        self._process.wait()

    def failed(self, what: str) -> PartFailed:
        """An error to raise, with the last lines of the part's log."""
        lines = self.log.read_text(errors="replace").splitlines()[-15:] if self.log.exists() else []
        return PartFailed("\n".join([f"{self.name} {what}; the end of {self.log}:", *(f"  {line}" for line in lines)]))


def python(module: str, *arguments: str) -> list[str]:
    """A command that runs a module of ours with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


def free_port() -> int:
    """A port on which nobody listens now, and which the system assigns to nobody, so that it is still free when a part
    is stopped and started again. Another process may still bind it; parts that can do so choose their own."""
    for _ in range(PORT_TRIES):
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise PartFailed(f"none of {PORT_TRIES} tried ports is free")
