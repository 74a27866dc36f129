"""Asks ahead: what is needed later, and rests on nothing that is still to come, is future while something else is."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context


def ahead[T](ask: Callable[[], T]) -> Callable[[], T]:
    """Begin to ask, in a thread of its own, since one question may wait for another. What is returned waits for the
    answer, and raises what asking raised."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    future = thread.submit(copy_context().run, ask)
    thread.shutdown(wait=False)
    return future.result
