"""Do the same to many things at once, and stop at the first failure."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, as_completed, wait

type Question = Callable[[], Iterable[Question]]
"""Something to find out, and what is to be found out because of the answer."""


def each[T, R](executor: Executor, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """The results in the order of the items. After a failure nothing new is begun, and what runs may end."""
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
    """Ask these questions, and those that their answers lead to, each as soon as it is known. Stops as `each` does."""
    asked: set[Future[Iterable[Question]]] = {executor.submit(question) for question in questions}
    try:
        while asked:
            answered, asked = wait(asked, return_when=FIRST_COMPLETED)
            for answer in answered:
                asked |= {executor.submit(question) for question in answer.result()}
    except BaseException:
        for future in asked:
            future.cancel()
        raise
