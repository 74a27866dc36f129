"""A release from push to production, through the real engine: one trace, links over the wait, and what is measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.steps import Outgoing
from slipway.engine.beginning import concerns
from slipway.engine.observing import ObservedBus
from slipway.telemetry import Attribute, Family, Metric, observed, receiving, span, trace_id
from slipway.telemetry import within_message as handling
from slipway.telemetry.names import attribute_names
from slipway.testing import Installation, write_application
from tests.unit.telemetry.conftest import Recorder

PUSH = f"00-{'1' * 32}-{'a' * 16}-01"
VISIT = f"00-{'2' * 32}-{'b' * 16}-01"
LONG = timedelta(hours=20)


class Traced(Installation):
    """Delivers each message in the trace that it carries, as the host does."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, wrap=lambda ports: replace(ports, bus=lambda: ObservedBus(ports.bus())))

    def handle(self, message: Outgoing) -> None:
        assert message.trace is not None
        parent = message.trace.parent
        with (
            receiving(parent),
            span(Family.FUNCTION, "run_step"),
            handling(parent),
            span(Family.QUEUE, "receive steps", link=message.trace.link),
        ):
            super().handle(message)


@pytest.fixture
def installation(tmp_path: Path) -> Traced:
    folder = tmp_path / "deliveries"
    write_application(folder)
    return Traced(folder)


def deliver(installation: Traced) -> None:
    with receiving(PUSH), span(Family.FUNCTION, "take_event"):
        installation.push("1.0")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    installation.now += LONG
    with receiving(VISIT), span(Family.FUNCTION, "take_decision"):
        installation.vote(1)
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED


def trace_of(recorded: Any) -> str:
    return f"{recorded.context.trace_id:032x}"


def links_of(recorded: Any) -> set[str]:
    return {f"{link.context.trace_id:032x}" for link in recorded.links}


def test_every_step_from_push_to_production_is_in_the_trace_of_the_push(
    installation: Traced, recorder: Recorder
) -> None:
    deliver(installation)
    steps = [recorded for recorded in recorder.spans if recorded.name.startswith("step ")]
    assert {recorded.name for recorded in steps} >= {
        *("step plan", "step deploy", "step check", "step verify", "step copy", "step notify"),
    }
    assert {trace_of(recorded) for recorded in steps} == {"1" * 32}
    assert trace_id(installation.release(1).trace) == "1" * 32
    assert {recorded.attributes[Attribute.ENVIRONMENT] for recorded in steps} == {"staging", "production"}
    assert {recorded.attributes[Attribute.RELEASE] for recorded in steps} == {"shop-1"}


def test_the_wait_for_approval_is_bridged_by_links_both_ways(installation: Traced, recorder: Recorder) -> None:
    deliver(installation)
    [vote] = recorder.spans_named("event vote-cast")
    assert trace_of(vote) == "2" * 32, "a person's request is a trace of its own"
    assert links_of(vote) == {"1" * 32}
    after = [recorded for recorded in recorder.spans_named("queue receive steps") if "2" * 32 in links_of(recorded)]
    assert after
    assert {trace_of(recorded) for recorded in after} == {"1" * 32}


def test_a_step_that_is_begun_by_a_vote_is_in_the_trace_of_the_push(installation: Traced, recorder: Recorder) -> None:
    with receiving(PUSH), span(Family.FUNCTION, "take_event"):
        installation.push("1.0")
    installation.settle()
    room = installation.app.beginning.room(Queue.HINTS, b"a vote", again=False)
    with receiving(VISIT), span(Family.FUNCTION, "take_hint"), room:
        concerns("shop")
        installation.vote(1)
    assert installation.phase(1) is Phase.CHECKING
    [deployed] = [
        span for span in recorder.spans_named("step deploy") if span.attributes[Attribute.ENVIRONMENT] == "production"
    ]
    assert trace_of(deployed) == "1" * 32
    begin_spans = [recorded for recorded in recorder.spans_named("queue begin steps") if "2" * 32 in links_of(recorded)]
    assert {trace_of(recorded) for recorded in begin_spans} == {"1" * 32}


def test_the_wait_itself_is_a_span_of_the_release_and_is_measured(installation: Traced, recorder: Recorder) -> None:
    deliver(installation)
    gate = installation.release(1).gate
    assert gate is not None
    [wait] = recorder.spans_named("wait awaiting_approval")
    assert trace_of(wait) == "1" * 32
    assert links_of(wait) == {"2" * 32}
    assert datetime.fromtimestamp(wait.start_time / 1e9, UTC) == gate.opened_at
    points = recorder.points()[Metric.WAITED]
    [waited] = [point for point in points if point.attributes[Attribute.PHASE] == "awaiting_approval"]
    assert (waited.count, waited.sum) == (1, LONG.total_seconds())
    assert waited.attributes[Attribute.ENVIRONMENT] == "production"


def test_polls_are_siblings_in_the_trace_and_not_nested(installation: Traced, recorder: Recorder) -> None:
    """Each look comes by a message of its own; a chain of hundreds of levels would help nobody."""
    deliver(installation)
    by_id = {recorded.context.span_id: recorded for recorded in recorder.spans}

    def sent_from(look: Any) -> int:
        received = by_id[look.parent.span_id]
        origin_id: int = by_id[received.parent.span_id].parent.span_id
        return origin_id

    looks: dict[str, list[Any]] = {}
    for recorded in recorder.spans_named("step check"):
        looks.setdefault(recorded.attributes[Attribute.ENVIRONMENT], []).append(recorded)
    assert any(len(spans) > 1 for spans in looks.values())
    for spans in looks.values():
        assert len({sent_from(look) for look in spans}) == 1


def test_the_message_of_a_deadline_is_linked_to_the_trace_and_not_a_child_of_it(
    installation: Traced, recorder: Recorder
) -> None:
    with receiving(PUSH), span(Family.FUNCTION, "take_event"):
        installation.push("1.0")
    installation.settle()
    deadline_messages = [
        m for m in installation.bus.sent if m.queue is Queue.WORK and m.body["kind"] == "deadline-reached"
    ]
    assert deadline_messages
    for message in deadline_messages:
        assert message.trace is not None
        assert message.trace.parent == ""
        assert trace_id(message.trace.link) == "1" * 32


def test_metrics_and_spans_use_only_listed_names(installation: Traced, recorder: Recorder) -> None:
    deliver(installation)
    installation.reconcile()
    points = recorder.points()
    [end_count] = points[Metric.ENDED]
    assert dict(end_count.attributes) == {"slipway.application": "shop", "slipway.end": "completed"}
    assert end_count.value == 1
    steps = {(p.attributes["slipway.step"], p.attributes["slipway.outcome"]) for p in points[Metric.STEP]}
    assert ("deploy", "passed") in steps
    metrics = {str(metric): metric for metric in Metric}
    assert set(points) <= set(metrics)
    for name, measured in points.items():
        allowed = {str(attribute) for attribute in metrics[name].attributes}
        assert all(set(point.attributes) <= allowed for point in measured), name
    used = {name for recorded in recorder.spans for name in recorded.attributes}
    assert used <= attribute_names()
    families = {recorded.name.partition(" ")[0] for recorded in recorder.spans}
    assert families <= {str(family) for family in Family}


def test_a_failed_step_is_an_error_with_its_reason(installation: Traced, recorder: Recorder) -> None:
    with span(Family.STEP, "deploy") as current:
        current.fail("the cluster refused it")
    [recorded] = recorder.spans
    assert recorded.status.description == "the cluster refused it"


def test_messages_carry_no_trace_while_telemetry_is_off(installation: Traced) -> None:
    installation.push("1.0")
    assert installation.release(1).trace == ""
    assert all(message.trace is None or message.trace.parent == "" for message in installation.bus.sent)


class Port:
    """Something outside."""

    def ask(self, name: str) -> str:
        if name == "bad":
            raise LookupError(name)
        if name == "worse":
            raise OSError(name)
        return name

    def rows(self) -> Any:
        yield 1
        yield 2


def test_a_call_to_the_outside_is_a_span_and_what_is_expected_is_not_an_error(recorder: Recorder) -> None:
    port = observed(
        Port(), Family.TABLE, {"ask": lambda name: {Attribute.SERVICE: name}, "rows": dict}, expected=(LookupError,)
    )
    assert port.ask("good") == "good"
    with pytest.raises(LookupError):
        port.ask("bad")
    with pytest.raises(OSError, match="worse"):
        port.ask("worse")
    assert next(port.rows()) == 1
    spans = [
        (r.name, r.attributes.get(Attribute.SERVICE), r.status.is_ok) for r in recorder.spans if r.name == "table ask"
    ]
    assert spans == [("table ask", "good", True), ("table ask", "bad", True), ("table ask", "worse", False)]
    assert len(recorder.spans_named("table rows")) == 1
