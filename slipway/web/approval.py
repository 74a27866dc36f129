"""The approval page: what will change and why, the evidence, the votes so far, and the form to vote."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from ..domain.decide.quorum import counted_approvals, quorum_rules
from ..domain.decide.vote_rules import asking_gate
from ..domain.environment import Environment
from ..domain.gate import Need
from ..domain.model import release_id
from ..domain.plan import Plan, Preview
from ..domain.release import Lane, Release, Vote
from ..domain.rules import Rule, RuleResult, Unknown, not_passed
from ..text import local_time
from . import times
from .approval_status import ApprovalSituation, ApprovalStatus, CountedVote
from .asked import PlanViewer
from .changes import changes_view
from .evidence import ReadDocument, evidence_views
from .templating import render

REASON_FIELD = 1000
"""Maximum length of the reason field: even percent-encoded, the body stays below its size limit."""


@dataclass(frozen=True, kw_only=True)
class VoteRefusal:
    """Why the submitted vote did not count; shown at the top of the page."""

    headline: str
    rules: tuple[RuleResult, ...] = ()
    message: str = ""
    reason: str = ""
    """The reason that was entered, to fill the form again."""
    about_reason: bool = False
    """Whether the reason field is what has to be corrected."""


@dataclass(frozen=True, kw_only=True)
class ApprovalRequest:
    """Everything the page is rendered from."""

    viewer: PlanViewer
    release: Release
    environment: Environment | None
    lane: Lane
    plan: Plan | None
    preview: Preview
    """The changes of the plan by the cluster's answer."""
    plan_missing: str
    status: ApprovalStatus
    rules: tuple[RuleResult, ...]
    """The rules an approval would have to pass; empty if the gate is not open to the viewer."""
    may_still_reject: bool
    """Whether a rejection by the viewer would end the release although the gate is no longer open."""
    counted: CountedVote | None
    """The viewer's own counted vote."""
    gate_rules: tuple[RuleResult, ...]
    """The gate's own rules, as in `explain`; empty if the gate is not open."""
    form_token: str
    """The token of the form; empty if there is none."""
    newer: Release | None = None
    """The newest release, if it is newer than this one."""


@dataclass(frozen=True, kw_only=True)
class FormView:
    """The forms that the page offers."""

    form_token: str
    opening: int
    """The opening of the gate that the page shows: a vote counts only for it."""
    withdraw: bool
    """The viewer has approved, so the form offers to withdraw that vote, or to reject after all."""
    approve: bool
    stops: bool
    """The gate has let the release through, or the plan is being made again: only a rejection still counts."""
    barred: str
    """Why an approver may not approve this release: it is their own work, or its author is not known."""
    waits_for_proof: bool
    """Nobody may approve it, since a fact is not known; a person may waive that."""
    waive: tuple[str, ...]
    """The roles that may waive it."""
    must_explain: bool
    """Whether an approval needs a reason."""
    reject: bool
    plan_again: bool
    """The plan is outdated: a vote would not count, but makes Slipway create a new plan."""
    reason: str
    about_reason: bool
    open_rejection: bool


def approval_page(
    request: ApprovalRequest,
    read: ReadDocument,
    *,
    new_id: Callable[[], str],
    now: datetime,
    refusal: VoteRefusal | None = None,
) -> str:
    """`new_id` names a form, so that it counts once."""
    release, plan, gate = request.release, request.plan, asking_gate(request.environment)
    viewer = request.viewer
    waits = request.status.open or request.status.voted
    deadline = release.gate.closes_at if release.gate and waits else None
    return render(
        "approval.html",
        claims=viewer.claims,
        signed_in=viewer.visitor is not None,
        present=viewer.present if request.status.kind is ApprovalSituation.PLAN_CHANGED else "",
        release=release,
        status=request.status,
        refusal=refusal,
        form=_form(request, refusal),
        counted=request.counted,
        form_token=request.form_token,
        new_id=new_id,
        plan=plan,
        plan_missing=request.plan_missing,
        changes=changes_view(request.preview) if plan else None,
        changes_link=viewer.changes,
        evidence=evidence_views(plan.evidence if plan else (), read),
        live=request.lane.live,
        live_id=_live_id(request),
        votes=_votes(request),
        rejections=release.rejections,
        approvals=len(counted_approvals(release, gate)) if gate else 0,
        required=gate.required if gate else None,
        deadline=deadline,
        frozen_since=release.gate.frozen_since if release.gate and waits else None,
        remaining=times.relative(deadline, now) if deadline else "",
        local=local_time(deadline, gate.timezone) if deadline and gate else "",
        newer=request.newer,
        rules=request.rules,
        gate_rules=request.gate_rules,
        groups=group_needs(release, request.environment),
        now=now,
        reason_limit=REASON_FIELD,
        reader=viewer.visitor,
    )


def group_needs(release: Release, environment: Environment | None) -> tuple[str, ...]:
    """The approvals still missing from each group, for gates that require them from particular groups."""
    rules = quorum_rules(release, environment) if environment else ()
    return tuple(rule.reason for rule in rules if rule.rule is Rule.APPROVED_BY_GROUP)


def _form(request: ApprovalRequest, refusal: VoteRefusal | None) -> FormView | None:
    if not (request.status.open or request.status.voted or request.may_still_reject):
        return None
    if request.status.open and not request.plan:
        return None  # nobody may vote on a plan that they cannot see
    gate = asking_gate(request.environment)
    broken = not_passed(request.rules)
    return FormView(
        form_token=request.form_token,
        opening=request.release.gate.opening if request.release.gate else 0,
        withdraw=request.status.voted,
        approve=not broken and not request.may_still_reject,
        stops=request.may_still_reject,
        barred="; ".join(result.reason for result in broken if result.rule.about_own_work),
        waits_for_proof=bool(broken) and all(isinstance(result, Unknown) for result in broken),
        waive=request.environment.waive if request.environment else (),
        must_explain=gate is not None and gate.reason.approve is Need.REQUIRED,
        reject=request.status.voted or all(result.rule.about_own_work for result in broken),
        plan_again=any(result.rule is Rule.PLAN_IS_CURRENT for result in broken),
        reason=refusal.reason if refusal else "",
        about_reason=bool(refusal and refusal.about_reason),
        open_rejection=bool(refusal and (refusal.about_reason or refusal.reason)),
    )


def _live_id(request: ApprovalRequest) -> str:
    live = request.lane.live
    return release_id(request.release.application, live.release) if live else ""


def _votes(request: ApprovalRequest) -> tuple[Vote, ...]:
    """The votes on the plan that is shown."""
    gate = request.release.gate
    return gate.votes if gate and gate.plan_hash == request.viewer.claims.plan_hash else ()
