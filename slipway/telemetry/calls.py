"""Calls to the outside as spans: a wrapper around a port, whose methods it knows by their names only.

The wiring puts it around what it opens, so that no client and no step has to know of traces.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast

from .names import Attribute, Family
from .recording import Values, carrier, span


class _Observed:
    """Stands in for a port: the named methods are spans, everything else is the port's own."""

    def __init__(
        self,
        port: object,
        family: Family,
        methods: Mapping[str, Callable[..., Values]],
        values: Values,
        expected: tuple[type[BaseException], ...],
    ) -> None:
        self._port = port
        for name, tell in methods.items():
            which = name.replace("_", "-")

            def told(*args: Any, _tell: Callable[..., Values] = tell, **kwargs: Any) -> dict[Attribute, Any]:
                return {**values, **_tell(*args, **kwargs)}

            self.__dict__[name] = _spanned(getattr(port, name), family, which, told, expected)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def nothing(*_: object, **__: object) -> Values:
    """A call of which only the name is told."""
    return {}


def observed[T](
    port: T,
    family: Family,
    methods: Mapping[str, Callable[..., Values]],
    *,
    values: Values | None = None,
    expected: tuple[type[BaseException], ...] = (),
) -> T:
    """The port, its named methods wrapped in spans. Each function gets the call's arguments and tells of them.

    What is `expected` to be raised (a conflict with another writer) is told, and is no error.
    """
    return cast(T, _Observed(port, family, methods, values or {}, expected))


def _spanned(
    method: Callable[..., Any],
    family: Family,
    which: str,
    tell: Callable[..., dict[Attribute, Any]],
    expected: tuple[type[BaseException], ...],
) -> Callable[..., Any]:
    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        refused: BaseException | None = None
        with span(family, which, tell(*args, **kwargs), direction="client") as current:
            try:
                return method(*args, **kwargs)
            except expected as error:
                current.set({Attribute.OUTCOME: type(error).__name__})
                refused = error
        raise refused

    @wraps(method)
    def iterated(*args: Any, **kwargs: Any) -> Iterator[Any]:
        """Rows come page by page, as they are asked for: the span is written when nobody asks for more."""
        told, began, parent, count = tell(*args, **kwargs), datetime.now(UTC), carrier(), 0
        reason = ""
        try:
            for row in method(*args, **kwargs):
                count += 1
                yield row
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise
        finally:
            told[Attribute.COUNT] = count
            with span(family, which, told, direction="client", parent=parent, began=began) as ended:
                if reason:
                    ended.fail(reason)

    return iterated if inspect.isgeneratorfunction(inspect.unwrap(method)) else called
