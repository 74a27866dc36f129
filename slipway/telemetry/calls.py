"""Wraps a port so that calls of its methods, given by name, become spans.

`bootstrap` wraps the ports that it opens, so that clients and steps need not know about traces.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import wraps
from typing import Any, cast

from .names import Attribute, Family
from .recording import Values, carrier, span
from .redaction import described


class _Observed:
    """Stands in for a port: calls of the named methods are spans, and any other attribute is the port's own."""

    def __init__(
        self,
        port: object,
        family: Family,
        methods: Mapping[str, Callable[..., Values]],
        *,
        values: Values,
        expected: tuple[type[BaseException], ...],
        instead: Mapping[str, Callable[..., Any]],
    ) -> None:
        self._port = port
        self.__dict__ |= instead
        for name, describe in methods.items():
            which = name.replace("_", "-")

            def values_of_call(
                *args: Any, _describe: Callable[..., Values] = describe, **kwargs: Any
            ) -> dict[Attribute, Any]:
                return {**values, **_describe(*args, **kwargs)}

            self.__dict__[name] = _spanned(getattr(port, name), family, which, values_of_call, expected)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


def observed[T](
    port: T,
    family: Family,
    methods: Mapping[str, Callable[..., Values]],
    *,
    values: Values | None = None,
    expected: tuple[type[BaseException], ...] = (),
    instead: Mapping[str, Callable[..., Any]] | None = None,
) -> T:
    """The port with the named methods wrapped in spans. Each function maps a call's arguments to the span's values.

    An `expected` exception, such as a conflict with another writer, is noted as the outcome and is not an error.
    `instead` has methods that replace the port's own, for example if its answer has to be observed too.
    """
    return cast(T, _Observed(port, family, methods, values=values or {}, expected=expected, instead=instead or {}))


def _spanned(
    method: Callable[..., Any],
    family: Family,
    which: str,
    describe: Callable[..., dict[Attribute, Any]],
    expected: tuple[type[BaseException], ...],
) -> Callable[..., Any]:
    @wraps(method)
    def called(*args: Any, **kwargs: Any) -> Any:
        refused: BaseException | None = None
        with span(family, which, describe(*args, **kwargs), direction="client") as current:
            try:
                return method(*args, **kwargs)
            except expected as error:
                current.set({Attribute.OUTCOME: type(error).__name__})
                refused = error
        raise refused

    @wraps(method)
    def iterated(*args: Any, **kwargs: Any) -> Iterator[Any]:
        """The span of a generator lasts until its consumer stops, so it is written at the end."""
        values, began, parent, count = describe(*args, **kwargs), datetime.now(UTC), carrier(), 0
        reason = ""
        try:
            for row in method(*args, **kwargs):
                count += 1
                yield row
        except Exception as error:
            reason = described(error)
            raise
        finally:
            values[Attribute.COUNT] = count
            with span(family, which, values, direction="client", parent=parent, began=began) as ended:
                if reason:
                    ended.fail(reason)

    return iterated if inspect.isgeneratorfunction(inspect.unwrap(method)) else called
