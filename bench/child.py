"""Running a command as a child and learning what it took."""

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


class ChildFailed(Exception):  # noqa: N818 - it is what happened to the child
    """A measured command ended with an error; the message holds the end of what it said."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The time of a command, from its start to its end."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    said: str
    """Its standard output."""

    def told(self) -> dict[str, Any]:
        """The JSON object on the last line of its output."""
        found: dict[str, Any] = json.loads(self.said.strip().splitlines()[-1])
        return found


def run(command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Taken:
    """Raises `ChildFailed`."""
    with tempfile.NamedTemporaryFile(suffix=".json") as report:
        launched = subprocess.run(
            [sys.executable, "-I", "-S", str(_LAUNCHER), report.name, *command],
            env={**os.environ, **(environment or {})},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        if launched.returncode != 0:
            said = (launched.stderr or launched.stdout)[-2000:]
            raise ChildFailed(f"{command[0]} ended with exit code {launched.returncode}: {said}")
        return Taken(**json.loads(Path(report.name).read_text()), said=launched.stdout)
