"""OTLP's messages as plain records, decoded with OpenTelemetry's own protobuf classes."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

ERROR = 2
"""Status code of a failed span."""
KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")


@dataclass(frozen=True, kw_only=True)
class Link:
    trace: str
    span: str


@dataclass(frozen=True, kw_only=True)
class SpanRecord:
    """One span. Times are seconds since 1970."""

    trace: str
    span: str
    parent: str
    name: str
    kind: str
    began: float
    ended: float
    failed: bool = False
    reason: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)
    links: tuple[Link, ...] = ()
    events: tuple[dict[str, Any], ...] = ()

    @property
    def family(self) -> str:
        return self.name.partition(" ")[0]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Point:
    """One value of one series of a metric; for a histogram, the sum and the number of its values."""

    name: str
    kind: str
    unit: str
    attributes: dict[str, Any]
    value: float
    count: int
    at: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class LogLine:
    at: float
    severity: str
    logger: str
    body: str
    trace: str
    span: str
    attributes: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def spans_of(body: bytes) -> list[SpanRecord]:
    """Raises `google.protobuf.message.DecodeError` for bytes that are not a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        SpanRecord(
            trace=span.trace_id.hex(),
            span=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            name=span.name,
            kind=KINDS[span.kind],
            began=span.start_time_unix_nano / 1e9,
            ended=span.end_time_unix_nano / 1e9,
            failed=span.status.code == ERROR,
            reason=span.status.message,
            attributes=_attributes(span.attributes),
            links=tuple(Link(trace=link.trace_id.hex(), span=link.span_id.hex()) for link in span.links),
            events=tuple({"name": event.name, **_attributes(event.attributes)} for event in span.events),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def points_of(body: bytes) -> list[Point]:
    request = ExportMetricsServiceRequest.FromString(body)
    points = []
    for metric in (m for r in request.resource_metrics for s in r.scope_metrics for m in s.metrics):
        kind = metric.WhichOneof("data") or "none"
        for point in getattr(metric, kind).data_points if kind != "none" else ():
            histogram = kind == "histogram"
            value = point.sum if histogram else point.as_double or point.as_int
            points.append(
                Point(
                    name=metric.name,
                    kind=kind,
                    unit=metric.unit,
                    attributes=_attributes(point.attributes),
                    value=float(value),
                    count=point.count if histogram else 1,
                    at=point.time_unix_nano / 1e9,
                )
            )
    return points


def lines_of(body: bytes) -> list[LogLine]:
    request = ExportLogsServiceRequest.FromString(body)
    return [
        LogLine(
            at=record.time_unix_nano / 1e9,
            severity=record.severity_text,
            logger=scope.scope.name,
            body=str(_value(record.body)),
            trace=record.trace_id.hex(),
            span=record.span_id.hex(),
            attributes=_attributes(record.attributes),
        )
        for resource in request.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    ]


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {item.key: _value(item.value) for item in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind in ("string_value", "bool_value", "int_value", "double_value") else str(value)
