"""The real SDK, with exporters that keep everything in memory."""

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slipway.telemetry import recording
from slipway.telemetry.sdk import Sdk


class Recorder:
    """The spans and metrics that a test records."""

    def __init__(self) -> None:
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        processors = [SimpleSpanProcessor(self._spans)]
        self.sdk = Sdk(Resource.create({}), processors=processors, readers=[self._metrics])

    @property
    def spans(self) -> tuple[Any, ...]:
        return self._spans.get_finished_spans()

    def spans_named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def points(self) -> dict[str, list[Any]]:
        """Metric → its points."""
        metrics = self._metrics.get_metrics_data()
        points_by_metric: dict[str, list[Any]] = {}
        for resource in metrics.resource_metrics if metrics else ():
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                points_by_metric.setdefault(metric.name, []).extend(metric.data.data_points)
        return points_by_metric


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    recorded = Recorder()
    before = recording.use(recorded.sdk)
    yield recorded
    recording.use(before)
    recorded.sdk.shutdown()
