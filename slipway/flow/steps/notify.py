"""Notify: one notice on one channel. For an open gate, each approver gets a link of their own, made here and now,
so that no link waits in a queue or a table."""

from ...domain.gate import ApprovalGate
from ...domain.model import sha256
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
    if step.notice is not Notice.GATE_OPENED:
        return [_message(places, clock, work, headline=_headline(release, step.notice), recipient="")]
    environment = work.entry.application.environment(step.environment)
    if not _still_open(release, step) or environment is None or not isinstance(environment.gate, ApprovalGate):
        return []
    headline = f"{release.id} ({release.tag}) waits for your approval for {environment.name}"
    lines = _plan_lines(places, release)
    return [
        _message(places, clock, work, headline=headline, recipient=approver, lines=lines)
        for approver in environment.gate.approvers
    ]


def _still_open(release: Release, step: Step) -> bool:
    """Whether the release waits at the very gate that the notice is about, and not at that of a later environment."""
    asked, here = (step.environment, step.attempt), (release.environment, release.attempt)
    return release.phase is Phase.AWAITING_APPROVAL and asked == here


def _message(
    places: Places, clock: Clock, work: Work, *, headline: str, recipient: str, lines: tuple[str, ...] = ()
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
        approval_url=places.links.approval(release, recipient, now=clock()) if recipient else "",
        deadline=release.gate.deadline if recipient and release.gate else None,
        phase=str(release.phase),
    )


def _headline(release: Release, notice: Notice | None) -> str:
    if notice is Notice.VOTES_VOIDED:
        return f"{release.id}: the plan changed, so earlier votes no longer count"
    return f"{release.id} ({release.tag}) {str(release.phase).replace('_', ' ')}: {release.reason}"


def _plan_lines(places: Places, release: Release) -> tuple[str, ...]:
    try:
        plan: Plan = load_plan(places, release.plan_hash)
    except LookupError:
        return ()  # the plan is gone or was changed, which the rollout says; people are asked all the same
    lines = [f"{change.kind} {change.name}: {change.change}" for change in plan.changes if change.change != "unchanged"]
    return tuple(lines[:LINES])
