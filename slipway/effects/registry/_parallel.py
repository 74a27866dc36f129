"""Run work in parallel, and stop at the first failure."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, as_completed, wait

type Question = Callable[[], Iterable[Question]]
"""Finds something out, and returns the questions that follow from the answer."""


def map_parallel[T, R](executor: Executor, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in the order of the items. After a failure, calls not yet started are cancelled."""
    futures = [executor.submit(function, item) for item in items]
    try:
        for future in as_completed(futures):
            future.result()
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]


def explore(executor: Executor, questions: Iterable[Question]) -> None:
    """Ask the questions and all that follow from them, each as soon as it is known. Stops like `map_parallel`."""
    pending: set[Future[Iterable[Question]]] = {executor.submit(question) for question in questions}
    try:
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                pending |= {executor.submit(question) for question in future.result()}
    except BaseException:
        for future in pending:
            future.cancel()
        raise
