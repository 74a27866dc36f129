"""One process of a container: started in a group of its own, its output kept, and certain to be ended."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from local.guardian import Guardian

MAX_LOG = 1024 * 1024
_CHUNK = 64 * 1024


class LogBuffer:
    """The last megabyte of a container's output."""

    def __init__(self, most: int = MAX_LOG) -> None:
        self._most = most
        self._bytes = bytearray()
        self._lock = threading.Lock()

    def write(self, chunk: bytes) -> None:
        with self._lock:
            self._bytes += chunk
            if len(self._bytes) > self._most:
                del self._bytes[: len(self._bytes) - self._most]

    def read(self) -> bytes:
        with self._lock:
            return bytes(self._bytes)


class Process:
    """A running program. `poll()` reports when it has ended; nothing in its process group outlives it."""

    def __init__(
        self, argv: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: LogBuffer, guardian: Guardian
    ) -> None:
        self._guardian = guardian
        self._log = log
        self._popen = subprocess.Popen(
            list(argv),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        guardian.watch(self._popen.pid)
        self._reader = threading.Thread(target=self._read, name=f"log-{self._popen.pid}", daemon=True)
        self._reader.start()
        self.exit_code: int | None = None

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit code as a container reports it (128 + signal), or None while it runs."""
        if self.exit_code is None and self._has_ended():
            self._signal_group(signal.SIGKILL)  # before it is reaped: afterwards the group's id may be reused
            code = self._popen.wait()
            self._guardian.forget(self._popen.pid)
            self._reader.join(timeout=2)
            self.exit_code = 128 - code if code < 0 else code
        return self.exit_code

    def terminate(self) -> None:
        """Ask it to end, as Kubernetes asks a container's first process."""
        if self.poll() is None:
            self._popen.send_signal(signal.SIGTERM)

    def kill(self) -> int:
        """Kill it and everything that it started."""
        if self.poll() is None:
            self._signal_group(signal.SIGKILL)
            os.waitid(os.P_PID, self._popen.pid, os.WEXITED | os.WNOWAIT)
        return self.poll() or 0

    def _has_ended(self) -> bool:
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self._popen.pid, flags) is not None

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, number)

    def _read(self) -> None:
        stream = self._popen.stdout
        if stream is None:
            return
        with stream:
            while chunk := os.read(stream.fileno(), _CHUNK):
                self._log.write(chunk)
