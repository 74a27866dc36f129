"""The status of an approval for one viewer: the page's headline, and whether there is a form. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

from ..domain.decide.quorum import names_of
from ..domain.decide.vote_rules import KNOWN_BY_OBJECT_ID
from ..domain.environment import Environment
from ..domain.gate import ApprovalGate, Gate
from ..domain.model import release_id
from ..domain.people import SignedIn
from ..domain.phases import Doing
from ..domain.release import Phase, Release, Vote, VoteDecision
from ..domain.tokens import ApprovalClaims
from ..domain.tones import Tone
from ..text import moment, visible


class ApprovalSituation(StrEnum):
    """The situations an approval page distinguishes."""

    OPEN = "open"
    """The person may decide."""
    VOTED = "voted"
    """They have voted; more votes are needed."""
    NOT_ASKED = "not-asked"
    """The gate is open, but they are no longer among its approvers."""
    PLAN_CHANGED = "plan-changed"
    """The link is for an earlier plan."""
    ASKED_AGAIN = "asked-again"
    """The link is for an earlier opening of the gate."""
    PLANNING = "planning"
    """A new plan is being made."""
    LATE = "late"
    """The gate's deadline has passed."""
    PASSED = "passed"
    """Enough people approved: the release is on its way, or live."""
    ENDED = "ended"
    """The release has ended, before or after this gate."""
    ELSEWHERE = "elsewhere"
    """The release is not at this gate."""


@dataclass(frozen=True, kw_only=True)
class ApprovalStatus:
    """The headline of the page and the sentence below it."""

    kind: ApprovalSituation
    headline: str
    lead: str
    tone: Tone
    newer: str | None = None
    """Id of the release that superseded this one."""

    @property
    def open(self) -> bool:
        return self.kind is ApprovalSituation.OPEN

    @property
    def let_through(self) -> bool:
        """Whether no approval is asked for now, while the release can still be stopped."""
        return self.kind is ApprovalSituation.PASSED or self.kind is ApprovalSituation.PLANNING

    @property
    def voted(self) -> bool:
        """Whether the viewer has a vote that can still be withdrawn."""
        return self.kind is ApprovalSituation.VOTED


@dataclass(frozen=True, kw_only=True)
class CountedVote:
    """The viewer's own counted vote at this gate."""

    noun: str
    """`approval` or `rejection`."""
    at: datetime | None
    """None if it was counted at a gate that the release has passed."""
    channel: str


def counted_vote(
    release: Release, where: str, gate: Gate | None, approver: str, signed_in: SignedIn | None
) -> CountedVote | None:
    """The vote that the viewer may object to; None if none is counted in their name."""
    phase = release.phase
    opened_nothing = phase.final and phase.retryable and not phase.ended_in_failure and phase is not Phase.REJECTED
    if not isinstance(gate, ApprovalGate) or opened_nothing:
        return None
    if release.environment == where:
        vote = vote_on_current_plan(release, gate, approver, signed_in)
        if vote is None or vote.objects:
            return None
        return CountedVote(noun=vote.decision.noun, at=vote.at, channel=vote.channel)
    rollout, names = release.rollout_in(where), gate.identities.names(approver, signed_in=signed_in)
    approvers = rollout.approvers if rollout else ()
    if any(not names.isdisjoint(gate.identities.names(name)) for name in approvers):
        return CountedVote(noun=VoteDecision.APPROVE.noun, at=None, channel="")
    return None


_PLANNED_AGAIN: Final = ApprovalStatus(
    kind=ApprovalSituation.PLANNING,
    headline="A new plan is being made",
    lead="What a rollout would do may have changed since this link was sent. "
    "If it has, you will be asked again, with a new link.",
    tone=Tone.BUSY,
)


def approval_status(
    release: Release,
    environment: Environment | None,
    claims: ApprovalClaims,
    *,
    now: datetime,
    signed_in: SignedIn | None = None,
) -> ApprovalStatus:
    status = _approval_status(release, environment, claims, now=now, signed_in=signed_in)
    votes = release.gate.votes if release.gate and release.environment == claims.environment else ()
    disowned = next((vote for vote in votes if vote.objects), None)
    if status.kind is not ApprovalSituation.PASSED or disowned is None:
        return status
    lead = f"{status.lead} {visible(disowned.reason)}. Somebody has to roll it back, or look into it."
    return replace(status, headline="A vote for it was not the voter's own", lead=lead, tone=Tone.BAD)


def _approval_status(
    release: Release,
    environment: Environment | None,
    claims: ApprovalClaims,
    *,
    now: datetime,
    signed_in: SignedIn | None,
) -> ApprovalStatus:
    if release.environment != claims.environment:
        return _ended(release, claims) if release.phase.final else _nothing_to_decide(release, claims)
    match release.phase.doing:
        case Doing.AWAITS_VOTES:
            return _waiting(release, environment, claims, now, signed_in)
        case Doing.AWAITS_LANE | Doing.WORKS:
            return _PLANNED_AGAIN
        case Doing.AWAITS_TRIGGER | Doing.AWAITS_CONDITIONS:
            return _nothing_to_decide(release, claims)
        case Doing.IS_HELD_BACK:
            return _passed(f"{release.id} continues automatically once nothing blocks it in {claims.environment}.")
        case Doing.ROLLS_OUT:
            return _passed(f"{release.id} is on its way to {claims.environment}.")
        case Doing.ENDED | Doing.ENDED_IN_FAILURE | Doing.ENDED_LIVE:
            return _ended(release, claims)
        case _:
            assert_never(release.phase.doing)


def _nothing_to_decide(release: Release, claims: ApprovalClaims) -> ApprovalStatus:
    """The status of a release that is under way, and does not wait for people in this environment."""
    rollout = release.rollout_in(claims.environment)
    if rollout is not None and rollout.outcome == "live" and rollout.left_at is not None:
        return _passed(f"{release.id} went live in {claims.environment} on {moment(rollout.left_at)}.")
    soaks = release.environment == claims.environment and release.phase.doing is Doing.AWAITS_CONDITIONS
    first = " yet: first every condition of its gate has to hold" if soaks else ""
    return ApprovalStatus(
        kind=ApprovalSituation.ELSEWHERE,
        headline="There is nothing to decide here",
        lead=f"{release.id} is not waiting for approval in {claims.environment}{first}.",
        tone=Tone.QUIET,
    )


def _waiting(
    release: Release,
    environment: Environment | None,
    claims: ApprovalClaims,
    now: datetime,
    signed_in: SignedIn | None,
) -> ApprovalStatus:
    if outdated := _outdated_link(release, claims, signed_in):
        return outdated
    gate = environment.gate if environment else None
    deadline = release.gate.closes_at if release.gate else None
    if deadline is not None and now >= deadline:
        return _late(f"The deadline was {moment(deadline)}.")
    asks = gate if isinstance(gate, ApprovalGate) else None
    if own_vote := vote_on_current_plan(release, asks, claims.approver, signed_in):
        verdict = {VoteDecision.APPROVE: "approved", VoteDecision.REJECT: "rejected"}[own_vote.decision]
        return ApprovalStatus(
            kind=ApprovalSituation.VOTED,
            headline=f"You {verdict} this",
            lead=f"Your vote was counted on {moment(own_vote.at)}. More votes are needed; until the gate closes you "
            "can withdraw yours, or reject.",
            tone=Tone.GOOD,
        )
    if asks is None or not asks.lists(asks.identities.names(claims.approver, signed_in=signed_in), signed_in):
        return _not_an_approver(asks, claims, signed_in)
    return ApprovalStatus(
        kind=ApprovalSituation.OPEN,
        headline=f"Approve {release.tag} for {claims.environment}?",
        lead=f"{release.id} is waiting for a decision. This is exactly what would change.",
        tone=Tone.ASKS,
    )


def _outdated_link(release: Release, claims: ApprovalClaims, signed_in: SignedIn | None) -> ApprovalStatus | None:
    """The status if the link was sent for an earlier plan or an earlier opening of the gate."""
    if release.plan_hash != claims.plan_hash:
        return ApprovalStatus(
            kind=ApprovalSituation.PLAN_CHANGED,
            headline="The plan changed",
            lead="This link is for an earlier plan, and a vote on it no longer counts. "
            + ("" if signed_in else "A link to the current plan was sent to every approver."),
            tone=Tone.ASKS,
        )
    if release.gate is not None and claims.opening not in (None, release.gate.opening):
        return ApprovalStatus(
            kind=ApprovalSituation.ASKED_AGAIN,
            headline="You were asked again",
            lead="The gate was opened again since this link was sent, and a vote by it does not count. "
            "A new link was sent to every approver.",
            tone=Tone.ASKS,
        )
    return None


def _not_an_approver(gate: ApprovalGate | None, claims: ApprovalClaims, signed_in: SignedIn | None) -> ApprovalStatus:
    # Somebody who is listed only by address is perhaps the person who has signed in.
    advice = f"; {KNOWN_BY_OBJECT_ID}" if gate is not None and signed_in and gate.without_object_id() else ""
    return ApprovalStatus(
        kind=ApprovalSituation.NOT_ASKED,
        headline="You are not an approver" if signed_in else "You are no longer an approver",
        lead=f"{'You are' if signed_in else f'{claims.approver} is'} not among the approvers for "
        f"{claims.environment}{advice}.",
        tone=Tone.QUIET,
    )


def as_outdated(open_gate: ApprovalStatus) -> ApprovalStatus:
    """The status of an open gate whose plan no longer describes what would happen."""
    return replace(
        open_gate,
        headline="The plan is out of date",
        lead="Something has changed since it was made, so votes on it do not count. You can request a new plan below.",
    )


def _ended(release: Release, claims: ApprovalClaims) -> ApprovalStatus:
    rollout = release.rollout_in(claims.environment)
    if rollout is not None and rollout.outcome == "live":
        when = f" on {moment(rollout.left_at)}" if rollout.left_at else ""
        return _passed(f"{release.id} went live in {claims.environment}{when}.")
    if release.phase.ended_live:
        return _passed(f"{release.id} went live in {claims.environment}.")
    if release.phase is Phase.REJECTED:
        return _rejected(release)
    if release.phase is Phase.EXPIRED:
        return _late(f"{_sentence(release.reason)} Nothing was changed.")
    return _final_status(release)


def _final_status(release: Release) -> ApprovalStatus:
    if release.superseded_by:
        headline, newer = "Superseded by a newer release", release_id(release.application, release.superseded_by)
    else:
        headline, newer = f"It {_what_became_of(release)}", None
    lead = _sentence(release.reason) or "There is nothing left to decide."
    return ApprovalStatus(
        kind=ApprovalSituation.ENDED, headline=headline, lead=lead, tone=release.phase.tone, newer=newer
    )


def _what_became_of(release: Release) -> str:
    approved = release.gate is not None and release.gate.approvals > 0
    if release.phase is Phase.ROLLED_BACK:
        return "was approved, failed and was rolled back"
    if release.phase is Phase.FAILED and approved:
        return "was approved, and failed"
    return release.phase.past_tense


def _sentence(reason: str) -> str:
    text = visible(reason)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _rejected(release: Release) -> ApprovalStatus:
    votes = release.gate.votes if release.gate else ()
    no = next((vote for vote in reversed(votes) if vote.decision is VoteDecision.REJECT), None)
    who = f"{no.who} on {moment(no.at)}" if no else "somebody"
    return ApprovalStatus(
        kind=ApprovalSituation.ENDED,
        headline="It was rejected",
        lead=f"Rejected by {visible(who)}: {visible(release.reason)}",
        tone=Tone.BAD,
    )


def _passed(lead: str) -> ApprovalStatus:
    return ApprovalStatus(kind=ApprovalSituation.PASSED, headline="It was approved", lead=lead, tone=Tone.GOOD)


def _late(lead: str) -> ApprovalStatus:
    return ApprovalStatus(kind=ApprovalSituation.LATE, headline="The deadline has passed", lead=lead, tone=Tone.QUIET)


def vote_on_current_plan(
    release: Release, gate: ApprovalGate | None, voter: str, signed_in: SignedIn | None = None
) -> Vote | None:
    """The person's vote on the current plan, cast under any of their names."""
    if gate is None or release.gate is None:
        return None
    names = gate.identities.names(voter, signed_in=signed_in)
    return next((vote for vote in release.gate.votes if not names.isdisjoint(names_of(vote, gate))), None)
