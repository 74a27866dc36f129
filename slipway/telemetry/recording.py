"""The API of telemetry for the rest of the app: spans, measurements, and the attributes of the current context.

Everything goes to the current recorder. The default one does nothing; `slipway.telemetry.sdk` has the real one.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Literal, Protocol

from .names import Attribute, Family, Metric, MetricKind

type Value = str | int | float | bool
type Values = Mapping[Attribute, Value | None]
"""None leaves the attribute out."""
type Direction = Literal["internal", "client", "producer", "consumer", "server"]


class Span(Protocol):
    """A span in progress."""

    def set(self, values: Values) -> None: ...

    def fail(self, reason: str) -> None:
        """Mark the span as failed, so that sampling keeps its whole local trace."""
        ...

    def link(self, traceparent: str) -> None:
        """Link a related trace; an empty traceparent is ignored."""
        ...


class Recorder(Protocol):
    """The receiver of spans and measurements."""

    def span(
        self, name: str, values: Values, *, direction: Direction, parent: str, link: str, began: datetime | None
    ) -> AbstractContextManager[Span]: ...

    def receiving(self, traceparent: str, tracestate: str) -> AbstractContextManager[None]: ...

    def carrier(self) -> str: ...

    def record(self, metric: Metric, amount: float, values: Values) -> None: ...


class _NoSpan:
    def set(self, values: Values) -> None:
        """Nothing is recorded."""

    def fail(self, reason: str) -> None:
        """Nothing is recorded."""

    def link(self, traceparent: str) -> None:
        """Nothing is recorded."""


class NullRecorder:
    """The recorder of an app whose settings name no exporter."""

    _span = nullcontext(_NoSpan())

    def span(
        self,
        name: str,  # noqa: ARG002 - required by the protocol, like the others
        values: Values,  # noqa: ARG002
        *,
        direction: Direction,  # noqa: ARG002
        parent: str,  # noqa: ARG002
        link: str,  # noqa: ARG002
        began: datetime | None,  # noqa: ARG002
    ) -> AbstractContextManager[Span]:
        return self._span

    def receiving(self, traceparent: str, tracestate: str) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def carrier(self) -> str:
        return ""

    def record(self, metric: Metric, amount: float, values: Values) -> None:
        """Nothing is recorded."""


_recorder: Recorder = NullRecorder()
_about: ContextVar[Mapping[Attribute, Value] | None] = ContextVar("about", default=None)
_received: ContextVar[str] = ContextVar("received", default="")


def use(recorder: Recorder) -> Recorder:
    """Replace the process's recorder; returns the previous one."""
    global _recorder  # one per process, as the providers of OpenTelemetry are
    before, _recorder = _recorder, recorder
    return before


# ---- the current context
@contextmanager
def about(values: Values) -> Iterator[None]:
    """Add these attributes to all spans and log records within the block."""
    token = _about.set({**current_attributes(), **without_none(values)})
    try:
        yield
    finally:
        _about.reset(token)


def current_attributes() -> Mapping[Attribute, Value]:
    """The attributes of the current context."""
    return _about.get() or {}


def without_none(values: Values) -> dict[Attribute, Value]:
    return {name: value for name, value in values.items() if value is not None}


# ---- spans
def span(
    family: Family,
    which: str,
    values: Values | None = None,
    *,
    direction: Direction = "internal",
    parent: str = "",
    link: str = "",
    began: datetime | None = None,
) -> AbstractContextManager[Span]:
    """A child span of the current one, or of `parent` (a traceparent). An exception within marks it as an error.

    With `began` the span starts in the past; it must have no child spans.
    """
    span_values = {**current_attributes(), **without_none(values or {})}
    return _recorder.span(f"{family} {which}", span_values, direction=direction, parent=parent, link=link, began=began)


def receiving(traceparent: str, tracestate: str = "") -> AbstractContextManager[None]:
    """Within the block, spans belong to the trace of the event, request or message received."""
    return _recorder.receiving(traceparent, tracestate)


@contextmanager
def within_message(traceparent: str) -> Iterator[None]:
    """Within the block, `current_traceparent` returns the traceparent of the message being handled."""
    token = _received.set(traceparent)
    try:
        yield
    finally:
        _received.reset(token)


def carrier() -> str:
    """The current span as a traceparent; empty if there is none."""
    return _recorder.carrier()


def current_traceparent() -> str:
    """The traceparent of the message being handled, to send a further message in the same trace."""
    return _received.get()


def trace_id(traceparent: str) -> str:
    """The trace id in a traceparent; empty if it is invalid."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""  # noqa: PLR2004 - version, trace, span, flags


# ---- measures
def add(metric: Metric, values: Values | None = None, amount: int = 1) -> None:
    """Add to a counter."""
    if metric.kind is not MetricKind.COUNTER:
        raise ValueError(f"{metric} is not a counter")
    _recorder.record(metric, amount, values or {})


def measure(metric: Metric, amount: float, values: Values | None = None) -> None:
    """Record a value of a histogram or a gauge."""
    if metric.kind is MetricKind.COUNTER:
        raise ValueError(f"{metric} is a counter")
    _recorder.record(metric, amount, values or {})
