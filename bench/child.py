"""Runs a command as a child process and measures what it takes."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
_LAUNCHER: Final = ROOT / "bench" / "launcher.py"
_LONGEST: Final = 180.0


class ChildFailed(Exception):  # noqa: N818 - it reads better without a suffix
    """A measured command ended with an error; the message holds the end of its output."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a command took, from its start to its end."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    output: str
    """Its standard output."""

    def report(self) -> dict[str, Any]:
        """The JSON object on the last line of its output."""
        report: dict[str, Any] = json.loads(self.output.strip().splitlines()[-1])
        return report


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Usage:
    """Raises `ChildFailed`."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report_file:
        process = subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), report_file.name, *command],
            env={**os.environ, **(environment or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        if process.returncode != 0:
            output = (process.stderr or process.stdout)[-2000:]
            raise ChildFailed(f"{command[0]} ended with exit code {process.returncode}: {output}")
        return Usage(**json.loads(Path(report_file.name).read_text()), output=process.stdout)
