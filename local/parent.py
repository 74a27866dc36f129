"""A part that ends with its parent: its standard input is a pipe that closes when the parent ends."""

import os
import sys
import threading
from collections.abc import Callable


def when_parent_ends(then: Callable[[], object]) -> None:
    """Calls `then`, in a thread of its own, once standard input has ended.

    It reads the file descriptor: a thread that is blocked in `sys.stdin` holds its lock, for which an interpreter that
    ends by itself would wait, and abort.
    """
    threading.Thread(target=_wait, args=(sys.stdin.fileno(), then), daemon=True).start()


def _wait(descriptor: int, then: Callable[[], object]) -> None:
    while os.read(descriptor, 4096):
        continue
    then()
