"""`make down`: end what `make up` started. Its data is kept for the next start."""

import fcntl
import json
import os
import signal
import sys
import time

from .up import FOLDER, STACK_FILE

WITHIN = 60.0
"""Seconds within which every part must have ended."""


def main() -> int:
    try:
        stack = json.loads(STACK_FILE.read_text())
    except OSError:
        print("Nothing is up here.")
        return 0
    if not _is_up_running():
        STACK_FILE.unlink(missing_ok=True)
        print("Nothing is up here any more.")
        return 0
    os.kill(int(stack["up"]), signal.SIGTERM)
    end = time.monotonic() + WITHIN
    while _is_up_running():
        if time.monotonic() > end:
            print(f"It did not end within {WITHIN:.0f} s: process {stack['up']}", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("Slipway is down. `make up` continues from here.")
    return 0


def _is_up_running() -> bool:
    """Whether `make up` is running: it holds the lock for as long as it runs, even if its file is gone."""
    with (FOLDER / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
