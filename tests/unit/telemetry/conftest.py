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


class Kept:
    """What was recorded."""

    def __init__(self) -> None:
        self._spans, self._metrics = InMemorySpanExporter(), InMemoryMetricReader()
        processors = [SimpleSpanProcessor(self._spans)]
        self.sdk = Sdk(Resource.create({}), processors=processors, readers=[self._metrics])

    @property
    def spans(self) -> tuple[Any, ...]:
        return self._spans.get_finished_spans()

    def named(self, name: str) -> list[Any]:
        return [span for span in self.spans if span.name == name]

    def points(self) -> dict[str, list[Any]]:
        """Metric → its points."""
        data = self._metrics.get_metrics_data()
        found: dict[str, list[Any]] = {}
        for resource in data.resource_metrics if data else ():
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                found.setdefault(metric.name, []).extend(metric.data.data_points)
        return found


@pytest.fixture
def kept() -> Iterator[Kept]:
    recorded = Kept()
    before = recording.use(recorded.sdk)
    yield recorded
    recording.use(before)
    recorded.sdk.shutdown()
