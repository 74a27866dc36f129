"""What is kept: whole local traces in which something went wrong, and the share that was asked for."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from slipway.telemetry import Family, receiving, recording, span, within_message
from slipway.telemetry import tail as tail_module
from slipway.telemetry.sdk import Sdk
from slipway.telemetry.tail import KeepWhole


@contextmanager
def keeping(share: float) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    sdk = Sdk(Resource.create({}), processors=[KeepWhole(SimpleSpanProcessor(exporter), share)], readers=[])
    before = recording.use(sdk)
    try:
        yield exporter
    finally:
        recording.use(before)
        sdk.shutdown()


def names(exporter: InMemorySpanExporter) -> list[str]:
    return [finished.name for finished in exporter.get_finished_spans()]


def test_a_local_trace_is_kept_whole_when_one_span_in_it_failed() -> None:
    with keeping(0.0) as exporter, span(Family.FUNCTION, "a"):
        with span(Family.TABLE, "get"):
            pass
        with span(Family.CLUSTER, "apply") as bad:
            bad.fail("refused")
        with span(Family.QUEUE, "send"):
            pass
        assert names(exporter) == ["table get", "cluster apply", "queue send"]
    assert names(exporter)[-1] == "function a"


def test_a_trace_that_ends_with_an_exception_is_kept() -> None:
    with keeping(0.0) as exporter:
        with pytest.raises(ValueError, match="no"), span(Family.FUNCTION, "a"), span(Family.STEP, "deploy"):
            raise ValueError("no")
        assert names(exporter) == ["step deploy", "function a"]


def test_a_trace_without_an_error_is_left_out_where_the_share_to_keep_is_zero() -> None:
    with keeping(0.0) as exporter:
        with span(Family.FUNCTION, "a"), span(Family.STEP, "deploy"):
            pass
        assert names(exporter) == []


def test_every_process_decides_alike_about_a_trace() -> None:
    """The share is taken by the trace's id, so that a release's way is kept or left out as a whole."""
    kept_twice = []
    traces = [f"{number:08x}{'0' * 8}{number * 0x28F5C28F5C28F5C % 2**64:016x}" for number in range(1, 200)]
    for _ in range(2):
        with keeping(0.3) as exporter:
            for trace in traces:
                with receiving(f"00-{trace}-00000000000000aa-00"), span(Family.FUNCTION, "a"):
                    pass
            kept_twice.append({f"{finished.context.trace_id:032x}" for finished in exporter.get_finished_spans()})
    assert kept_twice[0] == kept_twice[1]
    assert 0.1 < len(kept_twice[0]) / len(traces) < 0.5


def test_a_parent_that_was_not_sampled_does_not_hide_an_error() -> None:
    with keeping(0.0) as exporter:
        with receiving(f"00-{'b' * 32}-{'c' * 16}-00"), span(Family.FUNCTION, "a") as bad:
            bad.fail("it broke")
        [finished] = exporter.get_finished_spans()
        assert f"{finished.context.trace_id:032x}" == "b" * 32


def test_memory_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail_module, "SPANS", 5)
    with keeping(0.0) as exporter, span(Family.FUNCTION, "a"):
        for _ in range(7):
            with span(Family.TABLE, "get"):
                pass
        assert len(names(exporter)) == 7, "a local trace that is too large is let through"


def test_ended_spans_of_an_open_trace_are_exported_when_the_process_ends() -> None:
    with keeping(0.0) as exporter, span(Family.FUNCTION, "a"):
        with span(Family.STEP, "deploy"):
            pass
        sdk = recording._recorder
        assert isinstance(sdk, Sdk)
        sdk.shutdown()
        assert names(exporter) == ["step deploy"]


def test_without_a_recorder_spans_do_nothing_and_the_trace_is_passed_on() -> None:
    with span(Family.FUNCTION, "a") as current, within_message("00-x"):
        current.fail("nobody hears it")
        current.link("00-y")
        assert recording.carrier() == ""
        assert recording.current_traceparent() == "00-x"
    assert recording.current_traceparent() == ""
