"""What the rest of the app calls: spans, measures, and what is known of the matter at hand.

Everything goes to the current recorder. The default one does nothing; `slipway.telemetry.sdk` brings the real one.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from typing import Literal, Protocol

from .names import Attribute, Family, Kind, Metric

type Value = str | int | float | bool
type Values = Mapping[Attribute, Value | None]
"""None leaves the attribute out."""
type Direction = Literal["internal", "client", "producer", "consumer", "server"]


class Span(Protocol):
    """One span while it lasts."""

    def set(self, values: Values) -> None: ...

    def fail(self, reason: str) -> None:
        """It ended badly: its whole local trace is kept, whatever is sampled."""
        ...

    def link(self, traceparent: str) -> None:
        """Another trace that this one has to do with; an empty one is no link."""
        ...


class Recorder(Protocol):
    """Where spans and measures go."""

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


class Nothing:
    """The recorder of an app whose settings name no exporter."""

    _span = nullcontext(_NoSpan())

    def span(
        self,
        name: str,  # noqa: ARG002 - part of the port, as all that follows
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


_recorder: Recorder = Nothing()
_about: ContextVar[Mapping[Attribute, Value] | None] = ContextVar("about", default=None)
_received: ContextVar[str] = ContextVar("received", default="")


def use(recorder: Recorder) -> Recorder:
    """Let everything go to this recorder from now on; returns the one before it."""
    global _recorder  # one per process, as the providers of OpenTelemetry are
    before, _recorder = _recorder, recorder
    return before


# ---- the matter at hand
@contextmanager
def about(values: Values) -> Iterator[None]:
    """What the spans and log records within are about."""
    token = _about.set({**known(), **given(values)})
    try:
        yield
    finally:
        _about.reset(token)


def known() -> Mapping[Attribute, Value]:
    """What the matter at hand is known to be about."""
    return _about.get() or {}


def given(values: Values) -> dict[Attribute, Value]:
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
    """A span below the current one, or below `parent` (a traceparent). What is raised within makes it an error.

    A span that `began` earlier is written as it ends; nothing may run within it.
    """
    told = {**known(), **given(values or {})}
    return _recorder.span(f"{family} {which}", told, direction=direction, parent=parent, link=link, began=began)


def receiving(traceparent: str, tracestate: str = "") -> AbstractContextManager[None]:
    """Within it, spans belong to the trace that an event, a request or a message came with."""
    return _recorder.receiving(traceparent, tracestate)


@contextmanager
def message(traceparent: str) -> Iterator[None]:
    """A message is being handled that came with this traceparent."""
    token = _received.set(traceparent)
    try:
        yield
    finally:
        _received.reset(token)


def carrier() -> str:
    """The current span as a traceparent; empty where there is none."""
    return _recorder.carrier()


def received() -> str:
    """The traceparent of the message that is being handled, for a message that is to be its sibling."""
    return _received.get()


def trace_id(traceparent: str) -> str:
    """The trace that a traceparent belongs to; empty for what is none."""
    parts = traceparent.split("-")
    return parts[1] if len(parts) == 4 else ""  # noqa: PLR2004 - version, trace, span, flags


# ---- measures
def add(metric: Metric, values: Values | None = None, amount: int = 1) -> None:
    """Count."""
    assert metric.kind is Kind.COUNTER
    _recorder.record(metric, amount, values or {})


def measure(metric: Metric, amount: float, values: Values | None = None) -> None:
    """A value of a histogram or a gauge."""
    assert metric.kind is not Kind.COUNTER
    _recorder.record(metric, amount, values or {})
