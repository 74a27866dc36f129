"""Helm and Kustomize, run on this machine for `slipway bundle build`.

Their output may depend only on the files that they are given. Each run has an empty home, none of the caller's
variables, no working proxy and no other program to call, so nothing is fetched. The two runs that are compared differ
in day, second and home.
"""

import re
import shutil
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from slipway.bundle.rendering import LARGEST_OUTPUT, Conditions, Program
from slipway.catalogue import ConfigError, Problem

MOST_SECONDS: Final = 120.0
APART: Final = 1.1
"""Seconds between two runs with the same arguments, so that a time that is exact to the second differs."""
_MOST_TOLD: Final = 600
_NO_NETWORK: Final = "http://127.0.0.1:9"
_VERSION: Final = re.compile(r"v?([0-9]+)(?:\.[0-9]+){1,2}(?:[-+][0-9A-Za-z.+-]{1,60})?")
_VERSION_ARGUMENTS: Final = {Program.HELM: ("version", "--template", "{{.Version}}"), Program.KUSTOMIZE: ("version",)}


class Programs:
    """The programs on the caller's PATH."""

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        seconds: float = MOST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path, self._seconds, self._clock, self._pause = environment.get("PATH", ""), seconds, clock, pause
        self._ended: dict[tuple[str, ...], float] = {}

    def version(self, program: Program, needed_by: str) -> str:
        """The version without a leading `v`. Raises `ConfigError` if the program is not installed, or its version is
        not supported."""
        output = self._called(program, _VERSION_ARGUMENTS[program], Conditions.ONE, needed_by)
        text = output.decode("utf-8", "replace").strip()
        match = _VERSION.fullmatch(text)
        if match is None or match[1] not in program.majors:
            raise ConfigError([Problem(file=needed_by, expected=program.accepted_versions, got=repr(text[:80]))])
        return text.removeprefix("v")

    def run(self, program: Program, arguments: tuple[str, ...], conditions: Conditions, needed_by: str) -> bytes:
        same = (program.command, *arguments)
        if same in self._ended and (wait := self._ended[same] + APART - self._clock()) > 0:
            self._pause(wait)
        output = self._called(program, arguments, conditions, needed_by)
        self._ended[same] = self._clock()
        return output

    def _called(self, program: Program, arguments: tuple[str, ...], conditions: Conditions, needed_by: str) -> bytes:
        executable = shutil.which(program.command, path=self._path)
        if executable is None:
            expected, advice = f"{program.command} on the PATH", f"install {program.accepted_versions}"
            raise ConfigError([Problem(file=needed_by, expected=expected, got="none", message=advice)])
        with tempfile.TemporaryDirectory() as home:
            return self._output([executable, *arguments], _environment(Path(home), conditions), program, needed_by)

    def _output(self, command: list[str], environment: dict[str, str], program: Program, needed_by: str) -> bytes:
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(  # noqa: S603 - found on the PATH, with our own arguments
                command,
                env=environment,
                cwd=environment["HOME"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as process,
        ):
            late = threading.Event()

            def end() -> None:
                late.set()
                process.kill()

            timer = threading.Timer(self._seconds, end)
            timer.start()
            try:
                assert process.stdout is not None
                output = process.stdout.read(LARGEST_OUTPUT + 1)
                if len(output) > LARGEST_OUTPUT:
                    process.kill()
                code = process.wait()
            finally:
                timer.cancel()
            errors.seek(0)
            error_text = errors.read(64 * 1024).decode("utf-8", "replace")
        if late.is_set():
            problem = Problem(file=needed_by, expected=f"{program.command} to end in {self._seconds:g} s", got="no end")
        elif len(output) > LARGEST_OUTPUT:
            expected = f"at most {LARGEST_OUTPUT // 1024**2} MiB from {program.command}"
            problem = Problem(file=needed_by, expected=expected, got="more")
        elif code != 0:
            problem = Problem(file=needed_by, message=f"{program.command} refuses it: {_shortened(error_text)}")
        else:
            return output
        raise ConfigError([problem])


def _shortened(output: str) -> str:
    """A program's message in one line: without advice that does not apply here; of a long one, the end."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("Use --debug")]
    text = " ".join(lines).removeprefix("Error: ")
    return text if len(text) <= _MOST_TOLD else "…" + text[-_MOST_TOLD:]


def _environment(home: Path, conditions: Conditions) -> dict[str, str]:
    zone = home / "zone"
    zone.write_bytes(_zone(conditions.hours_east))
    empty = home / "programs"
    empty.mkdir()
    proxies = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), _NO_NETWORK)
    return {"HOME": str(home), "PATH": str(empty), "TZ": str(zone), "TMPDIR": str(home), **proxies}


def _zone(hours_east: int) -> bytes:
    """A time zone's file (RFC 8536, version 1) with one offset, since a machine need not have any."""
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    return b"TZif" + bytes(16) + counts + struct.pack(">lbb", hours_east * 3600, 0, 0) + b"SLW\0"
