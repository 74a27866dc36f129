"""Asks ahead: a question whose answer is needed later, and that depends on nothing still to come, is asked while other
work goes on."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Final

_THREADS: Final = ThreadPoolExecutor(max_workers=1_000, thread_name_prefix="ahead")
"""It uses an idle thread, and starts one only if there is none. Its limit is so high that a question never waits for a
thread, since one question may wait for another."""


def ahead[T](ask: Callable[[], T]) -> Callable[[], T]:
    """Begin to ask, in another thread. The returned function waits for the answer, and raises any error of the
    question."""
    return _THREADS.submit(copy_context().run, ask).result
