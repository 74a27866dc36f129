"""A decision, looked at after it was made: in which trace its messages go on, and what it tells of times.

A release's way to production is one trace, the one in which it began. A short hop through a queue goes on below the
span that sent the message. After a long wait (a vote, a soak, a deadline) what ends the wait is a trace of its own, a
person's visit to a page for one: the release goes on in its own trace and *links* to what ended the wait, and the other
way round. So no span waits for days, and nobody has to search for the rest of the story.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from ...domain.decide import Decision
from ...domain.events import Event, StepFinished
from ...domain.release import Phase, Release
from ...domain.snapshot import Snapshot
from ...domain.steps import Outgoing, Trace
from ...telemetry import Attribute, Family, Metric, add, carrier, measure, span, trace_id

SHORT_HOP = timedelta(minutes=1)
"""A message that lies in its queue for longer links to the span that sent it, and does not go on below it."""


def stamped(decision: Decision, now: datetime) -> Decision:
    """The decision, its new releases and its messages each with the trace that they belong to."""
    here = carrier()
    if not here:
        return decision
    releases = tuple(r if r.trace else r.evolve(trace=here) for r in decision.releases)
    traces = {release.number: release.trace for release in releases}
    messages = tuple(_stamped(message, traces, here, now) for message in decision.messages)
    return replace(decision, releases=releases, messages=messages)


def _stamped(message: Outgoing, traces: dict[int, str], here: str, now: datetime) -> Outgoing:
    number = message.body.get("release")
    own = traces.get(number, "") if isinstance(number, int) else ""
    if message.not_before is not None and message.not_before - now > SHORT_HOP:
        return message.evolve(trace=Trace(link=own or here))
    if own and trace_id(own) != trace_id(here):
        return message.evolve(trace=Trace(parent=own, link=here))
    return message.evolve(trace=Trace(parent=here))


def measured(before: Snapshot, decision: Decision, event: Event) -> None:
    """Counts and times of what was committed."""
    if isinstance(event, StepFinished):
        step, outcome = event.step, "passed" if event.passed else "failed"
        values = {
            Attribute.APPLICATION: step.application,
            Attribute.ENVIRONMENT: step.environment,
            Attribute.STEP: str(step.kind),
            Attribute.OUTCOME: outcome,
        }
        measure(Metric.STEP, _seconds(step.asked_at, event.received_at), values)
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
    """The wait is over: it becomes a span of the release's trace, and links to what ended it."""
    since = was.gate.opened_at if was.phase is Phase.AWAITING_APPROVAL and was.gate else was.changed_at
    values = {
        Attribute.APPLICATION: was.application,
        Attribute.RELEASE: was.id,
        Attribute.ENVIRONMENT: was.environment or "",
        Attribute.PHASE: str(was.phase),
    }
    measure(Metric.WAITED, _seconds(since, now), values)
    with span(Family.WAIT, str(was.phase), values, parent=release.trace, link=carrier(), began=since):
        """Written as it ends."""


def _seconds(since: datetime, until: datetime) -> float:
    return max((until - since).total_seconds(), 0.0)
