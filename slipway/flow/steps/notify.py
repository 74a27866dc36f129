"""Notify: one notice on one channel. For an open gate, each approver gets a link of their own, made here and now,
so that no link waits in a queue or a table."""

from collections.abc import Iterator

from ...domain.decide.quorum import people_left
from ...domain.gate import ApprovalGate
from ...domain.model import sha256
from ...domain.people import Circle
from ...domain.plan import Plan
from ...domain.release import Phase, Release
from ...domain.steps import Notice, Step
from ...effects.notification import Message, NotificationError
from ..clock import Clock
from ..outcome import Outcome, TryAgain, failed, passed
from ..perform import Work
from .places import Places
from .plan import load_plan

LINES = 12


def notify(places: Places, clock: Clock, work: Work) -> Outcome:
    step = work.step
    messages = _messages(places, clock, work)
    try:
        channel = places.channel(step.channel or "")
        for message in messages:
            channel.send(message)
    except KeyError as error:
        return failed(str(error.args[0]))
    except NotificationError as error:
        return TryAgain(reason=str(error)) if error.retryable else failed(str(error))
    return passed(reason=f"{len(messages)} sent" if messages else "nobody needs to be told any more")


def _messages(places: Places, clock: Clock, work: Work) -> list[Message]:
    release, step = work.release, work.step
    if step.notice in (Notice.GATE_OPENED, Notice.REMINDER):
        return list(_questions(places, clock, work))
    headline = _headline(release, step)
    return [_message(places, clock, work, headline=headline, recipient=one) for one in _told(work) or ("",)]


def _questions(places: Places, clock: Clock, work: Work) -> Iterator[Message]:
    """One for each person who is asked, with a link of their own; a reminder for those who have not answered."""
    release, step = work.release, work.step
    environment = work.entry.application.environment(step.environment)
    gate = environment.gate if environment else None
    if not _still_open(release, step) or not isinstance(gate, ApprovalGate):
        return
    reminds = step.notice is Notice.REMINDER
    waits = f"{release.id} ({release.tag}) {'still ' if reminds else ''}waits"
    lines = _plan_lines(places, release)
    for person in people_left(release, gate) if reminds else gate.people():
        link = places.links.approval(release, person.name, now=clock())
        headline = f"{waits} for your approval for {step.environment}"
        yield _message(places, clock, work, headline=headline, recipient=person.name, link=link, lines=lines)
    if groups := gate.unlisted_groups():
        # Nobody here knows their members: the channel is told, and who belongs to them signs in.
        headline = f"{waits} for approval for {step.environment}, by members of {', '.join(groups)} too"
        yield _message(places, clock, work, headline=headline, recipient="", lines=lines)


def _told(work: Work) -> tuple[str, ...]:
    """The people whom a notice is for by name, each by the address that the policy knows of them."""
    environment = work.entry.application.environment(work.step.environment)
    gate = environment.gate if environment else None
    circle = gate.circle if isinstance(gate, ApprovalGate) else Circle()
    return tuple(person.name for person in circle.people(work.step.recipients))


def _still_open(release: Release, step: Step) -> bool:
    """Whether the release waits at the very gate that the notice is about, and not at that of a later environment."""
    asked, here = (step.environment, step.attempt), (release.environment, release.attempt)
    return release.phase is Phase.AWAITING_APPROVAL and asked == here


def _message(
    places: Places,
    clock: Clock,
    work: Work,
    *,
    headline: str,
    recipient: str,
    link: str = "",
    lines: tuple[str, ...] = (),
) -> Message:
    release = work.release
    return Message(
        id=sha256(f"{work.step.id} {recipient}".encode()).removeprefix("sha256:")[:32],
        notice=str(work.step.notice),
        time=clock(),
        application=release.application,
        release=release.id,
        environment=work.step.environment,
        tag=release.tag,
        headline=headline,
        lines=lines,
        recipient=recipient,
        release_url=places.links.release(release),
        approval_url=link,
        deadline=release.gate.deadline if link and release.gate else None,
        phase=str(release.phase),
    )


def _headline(release: Release, step: Step) -> str:
    if step.notice is Notice.VOTES_VOIDED:
        whose = "your vote no longer counts" if step.recipients else "earlier votes no longer count"
        return f"{release.id} ({release.tag}): {whose}: {step.why or 'the plan changed'}"
    return f"{release.id} ({release.tag}) {str(release.phase).replace('_', ' ')}: {release.reason}"


def _plan_lines(places: Places, release: Release) -> tuple[str, ...]:
    try:
        plan: Plan = load_plan(places, release.plan_hash)
    except LookupError:
        return ()  # the plan is gone or was changed, which the rollout says; people are asked all the same
    lines = [f"{change.kind} {change.name}: {change.change}" for change in plan.changes if change.change != "unchanged"]
    return tuple(lines[:LINES])
