"""Do the same to many things at once, and stop at the first failure."""

from collections.abc import Callable, Iterable
from concurrent.futures import Executor, as_completed


def each[T, R](
    executor: Executor,
    function: Callable[[T], R],
    items: Iterable[T],
    *,
    done: Callable[[R], None] | None = None,
) -> list[R]:
    """The results in the order of the items; `done` hears of each in this thread, as it comes.

    After a failure nothing new is begun, and what runs may end.
    """
    futures = [executor.submit(function, item) for item in items]
    try:
        for future in as_completed(futures):
            result = future.result()
            if done:
                done(result)
    except BaseException:
        for future in futures:
            future.cancel()
        raise
    return [future.result() for future in futures]
