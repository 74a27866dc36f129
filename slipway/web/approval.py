"""The approval page: what will change and why, what speaks for it, who decided what, and the form to decide."""

from dataclasses import dataclass
from datetime import datetime

from ..domain.application import Environment
from ..domain.decide.quorum import approvals, quorum_rules
from ..domain.gate import ApprovalGate, Need
from ..domain.plan import Plan
from ..domain.release import Lane, Release, Vote, VoteDecision
from ..domain.rules import Rule, RuleResult, failed
from ..text import local_time
from . import times, words
from .asked import Asked
from .changes import changes_view
from .evidence import ReadDocument, evidence_views
from .signin import Visitor
from .standing import Kind, Standing
from .templating import render
from .text import visible
from .words import Sign

REASON_FIELD = 1000
"""Characters that the form's field takes: percent-encoded they stay below the limit of the body."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why what was sent did not count; shown above everything else."""

    headline: str
    rules: tuple[RuleResult, ...] = ()
    message: str = ""
    reason: str = ""
    """What was written as the reason, so that nobody has to write it again."""
    about_reason: bool = False
    """Whether the reason's field is what must be mended."""


@dataclass(frozen=True, kw_only=True)
class Matter:
    """All that the page is made from."""

    asked: Asked
    release: Release
    environment: Environment | None
    lane: Lane
    plan: Plan | None
    plan_missing: str
    standing: Standing
    rules: tuple[RuleResult, ...]
    """What an approval would be judged by; empty where nothing is asked."""
    gate_rules: tuple[RuleResult, ...]
    """The gate's own rules, as `explain` says them; empty where it is not open."""
    nonce: str
    """Empty where there is no form."""
    newer: Release | None = None
    """The newest release, where that is a newer one."""


@dataclass(frozen=True, kw_only=True)
class FormView:
    """What can be done on the page."""

    nonce: str
    withdraw: bool
    """They have voted: what can be done is to take the vote back."""
    approve: bool
    barred: str
    """Why they may not approve although they are asked: the release is their own."""
    must_explain: bool
    """Whether an approval has to say why."""
    reject: bool
    plan_again: bool
    """The plan is outdated: a vote would not count, but makes Slipway plan again."""
    reason: str
    about_reason: bool
    open_rejection: bool


@dataclass(frozen=True, kw_only=True)
class VoteView:
    voter: str
    sign: Sign
    reason: str
    channel: str
    at: datetime


def approval_page(matter: Matter, read: ReadDocument, *, now: datetime, refusal: Refusal | None = None) -> str:
    release, plan, gate = matter.release, matter.plan, _gate(matter.environment)
    viewer = matter.asked
    waits = matter.standing.open or matter.standing.voted
    deadline = release.gate.deadline if release.gate and waits else None
    return render(
        "approval.html",
        claims=viewer.claims,
        signed_in=viewer.signed_in is not None,
        present=viewer.present if matter.standing.kind is Kind.PLAN_CHANGED else "",
        release=release,
        standing=matter.standing,
        refusal=refusal,
        form=_form(matter, refusal),
        plan=plan,
        plan_missing=matter.plan_missing,
        changes=changes_view(plan) if plan else None,
        changes_link=viewer.changes,
        evidence=evidence_views(plan.evidence if plan else (), read),
        live=matter.lane.live,
        live_id=_live_id(matter),
        votes=_votes(matter),
        approvals=len(approvals(release, gate)) if gate else 0,
        required=gate.required if gate else None,
        deadline=deadline,
        remaining=times.relative(deadline, now) if deadline else "",
        local=local_time(deadline, gate.timezone) if deadline and gate else "",
        newer=_newer(matter.newer),
        rules=matter.rules,
        gate_rules=matter.gate_rules,
        groups=group_needs(release, matter.environment),
        now=now,
        reason_limit=REASON_FIELD,
        reader=Visitor(name=viewer.claims.approver) if viewer.signed_in else None,
    )


def group_needs(release: Release, environment: Environment | None) -> tuple[str, ...]:
    """What is needed from each group of which some must approve, beside the votes in all."""
    rules = quorum_rules(release, environment) if environment else ()
    return tuple(rule.reason for rule in rules if rule.rule is Rule.APPROVED_BY_GROUP)


def _gate(environment: Environment | None) -> ApprovalGate | None:
    gate = environment.gate if environment else None
    return gate if isinstance(gate, ApprovalGate) else None


def _form(matter: Matter, refusal: Refusal | None) -> FormView | None:
    if not matter.nonce or (matter.standing.open and not matter.plan):
        return None  # what cannot be shown cannot be voted on
    gate = _gate(matter.environment)
    broken = failed(matter.rules)
    return FormView(
        nonce=matter.nonce,
        withdraw=matter.standing.voted,
        approve=not broken,
        barred="; ".join(result.reason for result in broken if result.rule.about_own_work),
        must_explain=gate is not None and gate.reason.approve is Need.REQUIRED,
        reject=all(result.rule.about_own_work for result in broken),
        plan_again=any(result.rule is Rule.PLAN_IS_CURRENT for result in broken),
        reason=refusal.reason if refusal else "",
        about_reason=bool(refusal and refusal.about_reason),
        open_rejection=bool(refusal and (refusal.about_reason or refusal.reason)),
    )


def _live_id(matter: Matter) -> str:
    live = matter.lane.live
    return f"{matter.release.application}-{live.release}" if live else ""


@dataclass(frozen=True, kw_only=True)
class NewerView:
    """A newer release, and where it stands."""

    id: str
    tag: str
    sign: Sign
    environment: str


def _newer(release: Release | None) -> NewerView | None:
    if release is None:
        return None
    where = release.environment or ""
    return NewerView(id=release.id, tag=release.tag, sign=words.phase(release.phase), environment=where)


def _votes(matter: Matter) -> tuple[VoteView, ...]:
    gate = matter.release.gate
    votes: tuple[Vote, ...] = gate.votes if gate and gate.plan_hash == matter.asked.claims.plan_hash else ()
    return tuple(
        VoteView(
            voter=visible(vote.voter),
            sign=words.APPROVED if vote.decision is VoteDecision.APPROVE else words.REJECTED,
            reason=visible(vote.reason),
            channel=vote.channel,
            at=vote.at,
        )
        for vote in votes
    )
