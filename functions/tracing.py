"""Run every function as a span of the trace that its event belongs to.

The worker (version 1.3) runs sync functions on threads that inherit no trace context, so the host's is attached here,
from the invocation's `context`. It does no harm if the worker attaches it as well.
"""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import azure.functions as func

from slipway.telemetry import Attribute, Family, Span, Values, receiving, span

type Handler = Callable[..., Any]
SERVER_ERROR = 500


class TracedBlueprint(func.Blueprint):
    """A blueprint whose functions are traced. It covers only the triggers that the app uses."""

    def route(self, route: str | None = None, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return _through(super().route(route, *args, **kwargs), {Attribute.ROUTE: route or ""})

    def service_bus_queue_trigger(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        values = {Attribute.QUEUE: str(kwargs.get("queue_name", ""))}
        return _through(super().service_bus_queue_trigger(*args, **kwargs), values)

    def event_grid_trigger(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return _through(super().event_grid_trigger(*args, **kwargs), {})

    def timer_trigger(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        return _through(super().timer_trigger(*args, **kwargs), {})


def _through(register: Callable[..., Any], values: Values) -> Callable[..., Any]:
    def decorate(user: Handler) -> Any:
        return register(traced(user, values))

    return decorate


def traced(user: Handler, values: Values) -> Handler:
    """The function wrapped so that it is traced; it takes an extra `context` parameter, which the worker fills."""

    @wraps(user)
    def run(*args: Any, context: func.Context | None = None, **kwargs: Any) -> Any:
        if context is None:  # not called by the host
            return user(*args, **kwargs)
        trace, name = context.trace_context, context.function_name
        attributes = {**values, Attribute.FUNCTION: name, Attribute.INVOCATION: context.invocation_id}
        with (
            receiving(trace.trace_parent or "", trace.trace_state or ""),
            span(Family.FUNCTION, name, attributes) as current,
        ):
            result = user(*args, **kwargs)
            _record_http(current, kwargs.get("req"), result)
            return result

    context_parameter = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=func.Context)
    signature = inspect.signature(user)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), context_parameter])  # type: ignore[attr-defined]
    run.__annotations__ = {**user.__annotations__, "context": func.Context}
    return run


def _record_http(current: Span, request: Any, result: Any) -> None:
    """Record method and status, but not the address: that of an approval page contains a token."""
    if isinstance(request, func.HttpRequest) and isinstance(result, func.HttpResponse):
        current.set({Attribute.METHOD: request.method, Attribute.STATUS: result.status_code})
        if result.status_code >= SERVER_ERROR:
            current.fail(f"answered {result.status_code}")
