"""Telemetry of a decision: the traces that its messages continue, and the durations that it reveals.

A release's way to production is one trace, the one in which it began. After a short hop through a queue, work continues
below the span that sent the message. Another trace, such as a person's visit to a page, ends a long wait (a vote, a
soak, a deadline). The release then continues in its own trace, and the two traces *link* to each other. So no span
lasts for days, and the whole story can be found from either trace.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from ...domain.actions import Action
from ...domain.decide import Decision
from ...domain.events import Event, StepFinished, VoteCast
from ...domain.release import Phase, Release
from ...domain.snapshot import Snapshot
from ...domain.steps import Outgoing, Trace
from ...telemetry import Attribute, Family, Metric, add, carrier, measure, span, trace_id

log = logging.getLogger(__name__)

SHORT_HOP = timedelta(minutes=1)
"""A message scheduled further ahead links to the span that sent it instead of continuing below it."""


def stamped(decision: Decision, now: datetime) -> Decision:
    """The decision with the trace set on its new releases and on its messages."""
    current = carrier()
    if not current:
        return decision
    releases = tuple(r if r.trace else r.evolve(trace=current) for r in decision.releases)
    traces = {release.number: release.trace for release in releases}
    messages = tuple(_stamped(message, traces, current, now) for message in decision.messages)
    return replace(decision, releases=releases, messages=messages)


def _stamped(message: Outgoing, traces: dict[int, str], current: str, now: datetime) -> Outgoing:
    number = message.body.get("release")
    release_trace = traces.get(number, "") if isinstance(number, int) else ""
    if message.not_before is not None and message.not_before - now > SHORT_HOP:
        return message.evolve(trace=Trace(link=release_trace or current))
    if release_trace and trace_id(release_trace) != trace_id(current):
        return message.evolve(trace=Trace(parent=release_trace, link=current))
    return message.evolve(trace=Trace(parent=current))


def measured(before: Snapshot, decision: Decision, event: Event) -> None:
    """Record the metrics of a committed decision."""
    if isinstance(event, StepFinished):
        step, outcome = event.step, "passed" if event.passed else "failed"
        values = {
            Attribute.APPLICATION: step.application,
            Attribute.ENVIRONMENT: step.environment,
            Attribute.STEP: str(step.kind),
            Attribute.OUTCOME: outcome,
        }
        measure(Metric.STEP, _seconds(step.asked_at, event.received_at), values)
    if isinstance(event, VoteCast) and any(record.action is Action.VOTE_OBJECTED for record in decision.records):
        log.warning("a vote was disowned: %s-%s in %s", event.application, event.release, event.environment)
    for release in decision.releases:
        was = before.releases.get(release.number)
        if was is None:
            add(Metric.CREATED, {Attribute.APPLICATION: release.application})
        elif was.phase is not release.phase:
            _moved(was, release, before.now)


def _moved(was: Release, release: Release, now: datetime) -> None:
    if was.phase.waits:
        _waited(was, release, now)
    if release.phase.final:
        values = {Attribute.APPLICATION: release.application, Attribute.END: str(release.phase)}
        add(Metric.ENDED, values)
        measure(Metric.LASTED, _seconds(release.created_at, now), values)


def _waited(was: Release, release: Release, now: datetime) -> None:
    """Record a wait that ended as a span of the release's trace, linked to the trace that ended it."""
    since = was.gate.opened_at if was.phase is Phase.AWAITING_APPROVAL and was.gate else was.changed_at
    values = {
        Attribute.APPLICATION: was.application,
        Attribute.RELEASE: was.id,
        Attribute.ENVIRONMENT: was.environment or "",
        Attribute.PHASE: str(was.phase),
    }
    measure(Metric.WAITED, _seconds(since, now), values)
    # The span is written when the wait ends, with the time when it began.
    with span(Family.WAIT, str(was.phase), values, parent=release.trace, link=carrier(), began=since):
        pass


def _seconds(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds(), 0.0)
