"""Lets a part end with its parent: its standard input is a pipe that closes when the parent ends."""

import os
import sys
import threading
from collections.abc import Callable


def when_parent_ends(then: Callable[[], object]) -> None:
    """Call `then`, in a thread of its own, once standard input has ended.

    It reads the file descriptor: a thread blocked in `sys.stdin` would hold the lock of it, for which an exiting
    interpreter waits before it aborts.
    """
    threading.Thread(target=_wait, args=(sys.stdin.fileno(), then), daemon=True).start()


def _wait(descriptor: int, then: Callable[[], object]) -> None:
    while os.read(descriptor, 4096):
        continue
    then()
