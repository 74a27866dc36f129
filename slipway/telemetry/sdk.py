"""The recorder on the OpenTelemetry SDK. Imported only if the settings name a destination, since the import is slow.

Every span of the app is created here, and all of their texts are redacted here.
"""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from . import logs, recording
from .exporting import Destination, LateLogs, LateMetrics, LateSpans
from .names import Metric, MetricKind
from .recording import Direction, Span, Values
from .redaction import described, own_text, redacted, traced
from .tail import KeepWhole

SCOPE = "slipway"
METRICS_EVERY_MS = 15_000
"""Short, since an instance may be gone a minute after its last message."""
_W3C = TraceContextTextMapPropagator()
_KINDS = {
    "internal": trace.SpanKind.INTERNAL,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "consumer": trace.SpanKind.CONSUMER,
    "server": trace.SpanKind.SERVER,
}


class Sdk:
    """The recorder on the SDK; `recording.use` makes the app's spans, metrics and logs go through it."""

    def __init__(
        self, resource: Resource, *, processors: Sequence[SpanProcessor], readers: Sequence[MetricReader]
    ) -> None:
        # Record everything, ignoring the parent's `sampled` flag: `tail` decides when the outcome is known.
        self.traces = TracerProvider(resource=resource, sampler=ALWAYS_ON)
        for processor in processors:
            self.traces.add_span_processor(processor)
        self.meters = MeterProvider(resource=resource, metric_readers=list(readers))
        self._tracer = self.traces.get_tracer(SCOPE)
        self._meter = self.meters.get_meter(SCOPE)
        self._instruments: dict[Metric, Callable[[float, dict[str, Any]], None]] = {}
        self._lock = Lock()
        self._endings: list[Callable[[], object]] = [self.traces.shutdown, self.meters.shutdown]
        self._flushes: list[Callable[[], object]] = [self.traces.force_flush, self.meters.force_flush]

    @contextmanager
    def span(
        self, name: str, values: Values, *, direction: Direction, parent: str, link: str, began: datetime | None
    ) -> Iterator[Span]:
        span = self._tracer.start_span(
            name,
            context=_context_of_trace(parent) if parent else None,
            kind=_KINDS[direction],
            attributes=_plain(values),
            links=_links(link),
            start_time=int(began.timestamp() * 1e9) if began else None,
        )
        recorded_span = _RedactedSpan(span)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield recorded_span
            except Exception as error:
                recorded_span.raised(error)
                raise

    @contextmanager
    def receiving(self, traceparent: str, tracestate: str) -> Iterator[None]:
        token = contexts.attach(_context_of_trace(traceparent, tracestate))
        try:
            yield
        finally:
            contexts.detach(token)

    def carrier(self) -> str:
        carried: dict[str, str] = {}
        _W3C.inject(carried)
        return carried.get("traceparent", "")

    def record(self, metric: Metric, amount: float, values: Values) -> None:
        instrument = self._instruments.get(metric)
        if instrument is None:
            with self._lock:
                instrument = self._instruments.setdefault(metric, self._new_instrument(metric))
        # Only the metric's own attributes: a release id, for example, would create a new time series per release.
        instrument(amount, {str(name): value for name, value in _plain(values).items() if name in metric.attributes})

    def _new_instrument(self, metric: Metric) -> Callable[[float, dict[str, Any]], None]:
        match metric.kind:
            case MetricKind.COUNTER:
                return self._meter.create_counter(metric, metric.unit, metric.meaning).add
            case MetricKind.HISTOGRAM:
                return self._meter.create_histogram(metric, metric.unit, metric.meaning).record
            case MetricKind.GAUGE:
                return self._meter.create_gauge(metric, metric.unit, metric.meaning).set

    def attach_logs(self, provider: LoggerProvider) -> None:
        """Export log records from INFO upwards until `shutdown`."""
        handler = Exporting(provider)
        handler.setLevel(logging.INFO)
        logging.getLogger().addHandler(handler)
        self._flushes.append(provider.force_flush)
        self._endings += [lambda: logging.getLogger().removeHandler(handler), provider.shutdown]

    def flush(self) -> None:
        """Send everything pending, and wait until it is sent."""
        for flush in self._flushes:
            flush()

    def shutdown(self) -> None:
        for end in self._endings:
            end()


class _RedactedSpan:
    """A span of the SDK whose texts are redacted."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set(self, values: Values) -> None:
        self._span.set_attributes(_plain(values))

    def fail(self, reason: str) -> None:
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, redacted(reason)))

    def link(self, traceparent: str) -> None:
        for link in _links(traceparent):
            self._span.add_link(link.context)

    def raised(self, error: Exception) -> None:
        kind, message = type(error).__name__, own_text(error)
        values = {"exception.type": kind, "exception.message": message, "exception.stacktrace": traced(error)}
        self._span.add_event("exception", values)
        self._span.set_status(trace.Status(trace.StatusCode.ERROR, described(error)))


class Exporting(logging.Handler):
    """Exports log records, each with its trace."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "azure.monitor")):
            return  # errors of the exporter itself: exporting them could cause more of them
        try:
            self._provider.get_logger(record.name).emit(
                LogRecord(
                    timestamp=int(record.created * 1e9),
                    context=contexts.get_current(),
                    severity_text=record.levelname,
                    severity_number=_severity(record.levelno),
                    body=record.getMessage(),
                    attributes=logs.attributes(record),
                )
            )
        except Exception:  # noqa: BLE001 - as in any logging handler: failing to log must not break the caller
            self.handleError(record)


def begin(destinations: Sequence[Destination], *, share: float, service: str, version: str, instance: str) -> Sdk:
    """Install the recorder, and export spans, metrics and logs to the destinations from now on."""
    # Turn off the Azure SDK's own spans, which contain whole URLs, and the exporter's reports about its own use.
    os.environ.setdefault("AZURE_TRACING_ENABLED", "false")
    os.environ.setdefault("APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL", "true")
    resource = Resource.create(
        {"service.name": service, "service.version": version, **({"service.instance.id": instance} if instance else {})}
    )
    sdk = Sdk(
        resource,
        processors=[KeepWhole(BatchSpanProcessor(LateSpans(destination.spans)), share) for destination in destinations],
        readers=[
            PeriodicExportingMetricReader(LateMetrics(destination.metrics), export_interval_millis=_metrics_interval())
            for destination in destinations
        ],
    )
    provider = LoggerProvider(resource=resource)
    for destination in destinations:
        provider.add_log_record_processor(BatchLogRecordProcessor(LateLogs(destination.logs)))
    sdk.attach_logs(provider)
    recording.use(sdk)
    return sdk


def _metrics_interval() -> float:
    interval = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")
    return float(interval) if interval.isdigit() else METRICS_EVERY_MS


def _context_of_trace(traceparent: str, tracestate: str = "") -> contexts.Context:
    """A context with only the given trace; empty if the traceparent is invalid."""
    return _W3C.extract({"traceparent": traceparent, "tracestate": tracestate}, context=contexts.Context())


def _links(traceparent: str) -> list[trace.Link]:
    context = trace.get_current_span(_context_of_trace(traceparent)).get_span_context() if traceparent else None
    return [trace.Link(context)] if context is not None and context.is_valid else []


def _plain(values: Values) -> dict[str, Any]:
    return {
        str(name): redacted(value) if isinstance(value, str) else value
        for name, value in values.items()
        if value is not None
    }


def _severity(level: int) -> SeverityNumber:
    for least, severity in (
        (logging.CRITICAL, SeverityNumber.FATAL),
        (logging.ERROR, SeverityNumber.ERROR),
        (logging.WARNING, SeverityNumber.WARN),
        (logging.INFO, SeverityNumber.INFO),
    ):
        if level >= least:
            return severity
    return SeverityNumber.DEBUG
