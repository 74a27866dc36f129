"""Cold start: from the start of the host's process to the app's first answer, beside an app of one function."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import urllib3

from local.functions.launch import command_line

from .child import ROOT
from .rows import Row, compared
from .setting import TRIVIAL, BenchStack

ROUNDS: Final = 7
AIM: Final = 1.5


def rows() -> list[Row]:
    ours, trivial = list[float](), list[float]()
    with BenchStack() as stack, tempfile.TemporaryDirectory() as name:
        settings, keys = stack.folder / "local.settings.json", stack.folder / "keys.json"
        for round_ in range(ROUNDS + 1):
            state = Path(name) / str(round_)
            slipway = _seconds(ROOT, state / "slipway", "/api/hooks/azure-devops", settings=settings, keys=keys)
            smallest = _seconds(TRIVIAL, state / "trivial", "/trivial")
            if round_:  # the first one wrote the compiled modules and filled the page cache
                ours.append(slipway)
                trivial.append(smallest)
    note = (
        "the first answer is that of the hook to a request without its secret: the function has run, with settings "
        "read; connections to storage and queues are opened by the first event"
    )
    return [compared("start.first-answer", ours, trivial, peer_name="an app of one function", aim=AIM, note=note)]


def _seconds(app: Path, state: Path, path: str, **files: Path) -> float:
    """Start an instance, ask until it answers, and stop it."""
    options: Sequence[str] = [text for name, file in files.items() for text in (f"--{name}", str(file))]
    command = command_line("--app", str(app), "--state", str(state), "--stop-with-parent", *options)
    http = urllib3.PoolManager(retries=False, timeout=60)
    begin = time.monotonic()
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    )
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        status = http.request("POST", url + path, body=b"{}").status
        taken = time.monotonic() - begin
    finally:
        process.terminate()
        process.communicate(timeout=60)
    if status not in (202, 401):
        raise RuntimeError(f"{sys.executable} {path} was answered with {status}")
    return taken
