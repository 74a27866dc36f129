"""The destinations of telemetry: Azure Monitor, an OTLP receiver, or both.

The exporting thread imports the clients shortly after the start, so the first request need not wait for them: importing
Azure's alone takes most of a second.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics import Counter, Histogram
from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

DELTA: dict[type, AggregationTemporality] = {
    Counter: AggregationTemporality.DELTA,
    Histogram: AggregationTemporality.DELTA,
}
"""Each export contains the change since the last one: instances come and go, and the receiver adds up their counts."""


@dataclass(frozen=True, kw_only=True)
class Destination:
    """One receiver of all telemetry. Each function creates a client."""

    spans: Callable[[], SpanExporter]
    metrics: Callable[[], MetricExporter]
    logs: Callable[[], LogRecordExporter]


def otlp() -> Destination:
    """An OTLP receiver over HTTP, configured with OpenTelemetry's own variables (OTEL_EXPORTER_OTLP_…)."""

    def spans() -> SpanExporter:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        return OTLPSpanExporter()

    def metrics() -> MetricExporter:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415

        return OTLPMetricExporter(preferred_temporality=dict(DELTA))

    def logs() -> LogRecordExporter:
        from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter  # noqa: PLC0415

        return OTLPLogExporter()

    return Destination(spans=spans, metrics=metrics, logs=logs)


def azure_monitor(connection: str, credential: Callable[[], Any] | None) -> Destination:
    """Application Insights, with the app's identity if `credential` is given. Stores nothing on disk."""

    def options() -> dict[str, Any]:
        identity = {"credential": credential()} if credential is not None else {}
        return {"connection_string": connection, "disable_offline_storage": True, **identity}

    def spans() -> SpanExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415

        return AzureMonitorTraceExporter(**options())

    def metrics() -> MetricExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter  # noqa: PLC0415

        return AzureMonitorMetricExporter(**options())

    def logs() -> LogRecordExporter:
        from azure.monitor.opentelemetry.exporter import AzureMonitorLogExporter  # noqa: PLC0415

        return AzureMonitorLogExporter(**options())

    return Destination(spans=spans, metrics=metrics, logs=logs)


@dataclass
class _Late[T]:
    """A client that is created on first use."""

    make: Callable[[], T]
    _made: T | None = None
    _lock: Lock = field(default_factory=Lock)

    def get(self) -> T:
        with self._lock:
            if self._made is None:
                self._made = self.make()
            return self._made

    @property
    def made(self) -> T | None:
        return self._made


class LateSpans(SpanExporter):
    def __init__(self, make: Callable[[], SpanExporter]) -> None:
        self._client = _Late(make)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._client.get().export(spans)

    def shutdown(self) -> None:
        if self._client.made is not None:
            self._client.made.shutdown()


class LateMetrics(MetricExporter):
    def __init__(self, make: Callable[[], MetricExporter]) -> None:
        super().__init__(preferred_temporality=dict(DELTA))
        self._client = _Late(make)

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        return self._client.get().export(metrics_data, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._client.made is None or self._client.made.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        if self._client.made is not None:
            self._client.made.shutdown(timeout_millis, **kwargs)


class LateLogs(LogRecordExporter):
    def __init__(self, make: Callable[[], LogRecordExporter]) -> None:
        self._client = _Late(make)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._client.get().export(batch)

    def force_flush(self, timeout_millis: int = 10_000) -> bool:
        return self._client.made is None or self._client.made.force_flush(timeout_millis)

    def shutdown(self) -> None:
        if self._client.made is not None:
            self._client.made.shutdown()
