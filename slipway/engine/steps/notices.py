"""The messages of a notice: one for each recipient, or a single one for a shared channel."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from ...clock import Clock
from ...domain.decide.quorum import counted_approvals, people_left
from ...domain.environment import Environment
from ...domain.explain_gate import gate_rules
from ...domain.gate import ApprovalGate, Level
from ...domain.model import release_id, sha256
from ...domain.people import IdentityMap
from ...domain.plan import Preview
from ...domain.release import Phase, Release
from ...domain.runs import Involvement, Run, Trust
from ...domain.snapshot import Lookups
from ...domain.steps import Notice, Step
from ...domain.tokens import Purpose
from ...effects.notification import ApprovalDetails, LiveNow, Message, NewerRelease, Result, VoteTarget
from ...ledger.newer import newer_release
from ..run_step import Work
from .clients import Clients

REASON_SHOWN = 200
"""The most characters of an earlier rejection's reason in a headline."""
QUESTIONS: Final = frozenset({Notice.GATE_OPENED, Notice.REMINDER})
"""The notices that ask people for their vote."""
_OF_A_VOTE: Final = frozenset({Notice.VOTE_COUNTED, Notice.VOTE_OBJECTED})
NOT_YOU: Final = (
    "If that was not you, say so on the page: it will no longer count, the release is stopped, and everybody is told."
)
LINES = 50
"""The most objects of a plan that a message names; each channel shows as many of them as fit."""


@dataclass(frozen=True, kw_only=True)
class Audience:
    """The readers of a channel."""

    shared: bool
    """Whether many people read it, so that no personal link may be sent there."""
    asked_by: tuple[str, ...] = ()
    """The application's personal channels, which send each approver a link of their own."""


def messages(clients: Clients, clock: Clock, work: Work, audience: Audience) -> list[Message]:
    """The messages to send; empty if the notice is obsolete, for example because the gate has closed."""
    release, step = work.release, work.step
    if step.notice in QUESTIONS:
        return list(_questions(clients, clock, work, audience))
    headline = _headline(release, step, audience)
    recipients = () if audience.shared else _recipients(work)
    notices = [_message(clients, clock, work, headline=headline, recipient=name) for name in recipients or ("",)]
    return (
        [_about_a_vote(clients, clock, work, message) for message in notices] if step.notice in _OF_A_VOTE else notices
    )


def _about_a_vote(clients: Clients, clock: Clock, work: Work, message: Message) -> Message:
    """The notice of a counted vote, with a way to object if somebody else cast it: by signing in, or by a personal link
    if links vote."""
    release, step = work.release, work.step
    environment = work.environment
    gate = environment.gate if environment else None
    lines = tuple(step.why.splitlines())
    lines = (*lines, NOT_YOU) if step.notice is Notice.VOTE_COUNTED else lines
    by_link = isinstance(gate, ApprovalGate) and gate.links_vote and release.environment == step.environment
    if by_link and message.recipient and release.plan_hash and step.notice is Notice.VOTE_COUNTED:
        link = clients.links.approval(release, message.recipient, purpose=Purpose.VOTE, now=clock())
        return message.evolve(lines=lines, approval_url=link)
    return message.evolve(lines=lines, locate_url=clients.links.gate(release, step.environment))


def _questions(clients: Clients, clock: Clock, work: Work, audience: Audience) -> Iterator[Message]:
    """The question for each approver, with their own link; a reminder goes only to those who have not voted."""
    release, step = work.release, work.step
    environment = work.environment
    gate = environment.gate if environment else None
    if not _still_open(release, step) or environment is None or not isinstance(gate, ApprovalGate):
        return
    reminds = step.notice is Notice.REMINDER
    waits, before = f"{release.id} ({release.tag}) {'still ' if reminds else ''}waits", _rejected_before(release)
    asks = {
        "lines": _plan_lines(clients, release),
        "approval": _approval_details(clients, work, environment, gate, now=clock()),
    }
    asks |= {"vote": _vote(release, environment, gate)}
    location = {"locate_url": clients.links.locate(release)}  # for whoever signs in
    purpose, shown = (Purpose.VOTE, {}) if gate.links_vote else (Purpose.SHOW, location)
    deadline = release.gate.closes_at if release.gate else None
    if audience.shared:
        headline = f"{waits} for approval for {step.environment}{before}"
        question = _message(clients, clock, work, headline=headline)
        yield question.evolve(**asks, **shown, asked_by=audience.asked_by, deadline=deadline)
        return
    for person in people_left(release, gate) if reminds else gate.voters():
        headline = f"{waits} for your approval for {step.environment}{before}"
        question = _message(clients, clock, work, headline=headline, recipient=person.name)
        link = clients.links.approval(release, person.name, purpose=purpose, now=clock())
        yield question.evolve(**asks, **shown, approval_url=link, deadline=deadline)
    if unlisted := gate.unlisted():
        # Only Entra knows who these people are, so write to the channel; they sign in to vote.
        besides = " too" if gate.voters() else ""
        headline = f"{waits} for approval for {step.environment}, by {', '.join(unlisted)}{besides}{before}"
        yield _message(clients, clock, work, headline=headline).evolve(**asks, **location)


def _vote(release: Release, environment: Environment, gate: ApprovalGate) -> VoteTarget | None:
    """The values to answer by a message; None if no gate is open any more."""
    if release.gate is None:
        return None
    return VoteTarget(
        application=release.application,
        release=release.number,
        environment=environment.name,
        opening=release.gate.opening,
        plan=release.gate.plan_hash,
        approves=Level.QUEUE.rank >= gate.level.rank,
    )


def _rejected_before(release: Release) -> str:
    """The end of a question about a release that was sent out again after a rejection."""
    if not release.rejections:
        return ""
    last = release.rejections[-1]
    return f"; {last.who} rejected it on {last.at:%Y-%m-%d}: {last.reason[:REASON_SHOWN]}"


def _recipients(work: Work) -> tuple[str, ...]:
    """The recipients that the step names, by the addresses in the policy. An objection goes to everybody whom the gate
    asks, and to the channel itself."""
    environment = work.environment
    gate = environment.gate if environment else None
    if work.step.notice is Notice.VOTE_OBJECTED and isinstance(gate, ApprovalGate):
        return (*(person.name for person in gate.voters() if "@" in person.name), "")
    identities = gate.identities if isinstance(gate, ApprovalGate) else IdentityMap()
    return tuple(person.name for person in identities.people(work.step.recipients))


def _still_open(release: Release, step: Step) -> bool:
    """Whether the release still waits at the gate that the notice is about, not at a later one."""
    step_gate, release_gate = (step.environment, step.attempt), (release.environment, release.attempt)
    return release.phase is Phase.AWAITING_APPROVAL and step_gate == release_gate


def _message(
    clients: Clients,
    clock: Clock,
    work: Work,
    *,
    headline: str,
    recipient: str = "",
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
        recipient=recipient,
        release_url=clients.links.release(release),
        phase=str(release.phase),
    )


def _headline(release: Release, step: Step, audience: Audience) -> str:
    subject, to_one = f"{release.id} ({release.tag})", bool(step.recipients) and not audience.shared
    match step.notice:
        case Notice.VOTES_VOIDED:
            whose = "your vote no longer counts" if to_one else "earlier votes no longer count"
            return f"{subject}: {whose}: {step.why or 'the plan changed'}"
        case Notice.VOTE_REFUSED:
            whose = "what was said on your behalf" if to_one else "a vote by message"
            return f"{subject}: {whose} does not count: {step.why}"
        case Notice.VOTE_COUNTED:
            return f"{subject}: {'your vote' if to_one else 'a vote'} for {step.environment} was counted"
        case Notice.VOTE_OBJECTED:
            return f"{subject}: a vote for {step.environment} was disowned by the person it was counted for"
        case Notice.DRIFT:
            return f"{subject}, which is live in {step.environment}: {step.why}"
        case Notice.ENDED | Notice.GATE_OPENED | Notice.REMINDER | None:  # the questions have headlines of their own
            return f"{subject} {release.phase.spoken}: {release.reason}"
        case _:
            assert_never(step.notice)


def _approval_details(
    clients: Clients, work: Work, environment: Environment, gate: ApprovalGate, *, now: datetime
) -> ApprovalDetails:
    release = work.release
    snapshot = clients.ledger.load(work.entry.policy(now), Lookups(in_lanes=False), nearby=work.nearby).snapshot
    live, push, run = snapshot.lane(environment.name).live, release.push, release.run
    return ApprovalDetails(
        digest=release.digest or "",
        plan_hash=release.plan_hash or "",
        pushed_by=push.actor if push else "",
        pushed_at=push.at if push else None,
        run=run.number if run else "",
        run_url=run.url if run else "",
        branch=run.branch if run else "",
        commit=run.commit if run else "",
        requested_by=_names_of(run, Involvement.REQUESTER),
        changed_by=_names_of(run, *(part for part in Involvement if part is not Involvement.REQUESTER)),
        proof=run.summary if run else "",
        waived=tuple(waiver.text for waiver in release.waivers_in(environment.name)),
        live=LiveNow(release=release_id(release.application, live.release), tag=live.tag, since=live.at)
        if live
        else None,
        evidence=tuple(
            Result(name=item.name, environment=item.environment, passed=item.passed, summary=item.summary)
            for item in release.evidence
        ),
        approvals=len(counted_approvals(release, gate)),
        required=gate.required,
        rules=tuple(gate_rules(snapshot, release, environment)),
        newer=_newer(clients, release),
        timezone=gate.timezone,
    )


def _names_of(run: Run | None, *parts: Involvement) -> str:
    """Everybody with one of these parts in the run, each once, with a mark on those who are not proved."""
    people = run.people_with_part(*parts) if run else ()
    sure = {person.shown for person in people if person.trust is Trust.PROVED}
    return ", ".join(f"{name}{'' if name in sure else ' (?)'}" for name in dict.fromkeys(p.shown for p in people))


def _newer(clients: Clients, release: Release) -> NewerRelease | None:
    newer = newer_release(clients.ledger, release)
    if newer is None:
        return None
    url = clients.links.release(newer)
    return NewerRelease(release=newer.id, tag=newer.tag, phase=str(newer.phase), url=url)


def _plan_lines(clients: Clients, release: Release) -> tuple[str, ...]:
    stored = release.preview_of(release.plan_hash)
    content = clients.blobs.get(stored) if stored else None
    if content is None:
        return ()  # it is gone; do not withhold the question
    preview = Preview.model_validate_json(content)
    changed = [each for each in preview.ordered if each.change not in ("unchanged", "left")]
    return (*preview.warnings, *(f"{each.kind} {each.name}: {each.change}" for each in changed))[:LINES]
