"""Gates: who may vote, what a vote is for, and when the gate is passed."""

from ..application import ApprovalGate, Environment
from ..causes import VoteCast
from ..release import GateState, Phase, Release, Vote, VoteDecision
from ..rules import RuleResult, failed
from ..steps import Notice
from .lanes import end, plan, tell
from .rollouts import proceed, stale_plan
from .state import Draft


def open_gate(draft: Draft, release: Release, environment: Environment) -> None:
    """The plan is there: ask people, or go on at once where nobody needs to be asked."""
    gate = environment.gate
    assert release.plan_hash is not None
    if not isinstance(gate, ApprovalGate):
        proceed(draft, release, environment)
        return
    before = release.gate
    if before is not None and before.plan_hash == release.plan_hash:
        # Planned again with the same outcome: it is the same plan, and what was voted on it stands.
        release = draft.enter(release, Phase.AWAITING_APPROVAL, due=before.deadline)
        if quorum_rule(release, environment).passed:
            proceed(draft, release, environment)
        return
    if before is not None and before.votes:
        voters = [vote.voter for vote in before.votes]
        draft.record("vote.voided", release, voters=voters, plan_hash=before.plan_hash, reason="the plan changed")
        tell(draft, release, Notice.VOTES_VOIDED)
    deadline = draft.now + gate.deadline
    state = GateState(plan_hash=release.plan_hash, opened_at=draft.now, deadline=deadline)
    release = draft.enter(release, Phase.AWAITING_APPROVAL, gate=state, due=deadline)
    draft.record(
        "gate.opened",
        release,
        plan_hash=release.plan_hash,
        required=gate.required,
        approvers=list(gate.approvers),
        deadline=deadline.isoformat(),
    )
    draft.send_deadline(release)
    tell(draft, release, Notice.GATE_OPENED)


def vote_rules(release: Release, environment: Environment | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Each condition that a vote must meet, by name."""
    gate = environment.gate if environment else None
    voter = cause.voter.casefold()
    open_here = release.phase is Phase.AWAITING_APPROVAL and release.environment == cause.environment
    listed = isinstance(gate, ApprovalGate) and voter in {a.casefold() for a in gate.approvers}
    requester = release.run.requested_by if release.run else ""
    own = bool(requester) and requester.casefold() == voter
    may_own = isinstance(gate, ApprovalGate) and gate.requester_may_approve
    before = next((v for v in release.gate.votes if v.voter.casefold() == voter), None) if release.gate else None
    return (
        RuleResult(name="gate-is-open", passed=open_here, reason=_where(release, cause)),
        RuleResult(
            name="vote-is-for-this-plan",
            passed=release.plan_hash == cause.plan_hash,
            reason=f"the plan is {_short(release.plan_hash)}, the vote is for {_short(cause.plan_hash)}",
        ),
        RuleResult(
            name="approver-is-listed", passed=listed, reason=f"{cause.voter} is {'' if listed else 'not '}listed"
        ),
        RuleResult(
            name="approver-is-not-requester",
            passed=not own or may_own or cause.decision is VoteDecision.REJECT,
            reason=f"the CI run was asked for by {requester or 'nobody known'}",
        ),
        RuleResult(
            name="one-vote-each",
            passed=before is None,
            reason=f"{cause.voter} voted {before.decision} already" if before else "no vote of theirs was counted yet",
        ),
        RuleResult(
            name="rejection-has-a-reason",
            passed=cause.decision is VoteDecision.APPROVE or bool(cause.reason.strip()),
            reason="a rejection says why",
        ),
    )


def vote_cast(draft: Draft, cause: VoteCast) -> None:
    release = draft.release(cause.release)
    if release is None:
        draft.rules = (
            RuleResult(name="release-exists", passed=False, reason=f"there is no {cause.application}-{cause.release}"),
        )
        return
    environment = draft.application.environment(cause.environment)
    draft.rules = vote_rules(release, environment, cause)
    if any(
        v.voter.casefold() == cause.voter.casefold() and v.decision is cause.decision and v.plan_hash == cause.plan_hash
        for v in (release.gate.votes if release.gate else ())
    ):
        return  # the same vote again: it is counted once, and there is nothing to add
    refused = failed(draft.rules)
    if refused:
        draft.record(
            "vote.refused",
            release,
            actor=cause.voter,
            channel=cause.channel,
            decision=str(cause.decision),
            plan_hash=cause.plan_hash,
            rules=[rule.name for rule in refused],
            reason=refused[0].reason,
        )
        return
    assert environment is not None
    assert release.gate is not None
    stale = stale_plan(draft, release)
    if stale:
        draft.rules = (*draft.rules, RuleResult(name="plan-is-current", passed=False, reason=stale))
        draft.record(
            "vote.refused",
            release,
            actor=cause.voter,
            rules=["plan-is-current"],
            reason=stale,
            plan_hash=cause.plan_hash,
        )
        plan(draft, release)
        return
    vote = Vote(
        voter=cause.voter,
        decision=cause.decision,
        reason=cause.reason,
        channel=cause.channel,
        plan_hash=cause.plan_hash,
        at=draft.now,
    )
    release = draft.put(release.evolve(gate=release.gate.evolve(votes=(*release.gate.votes, vote))))
    draft.record(
        f"vote.{_past(cause.decision)}",
        release,
        actor=cause.voter,
        channel=cause.channel,
        plan_hash=cause.plan_hash,
        reason=cause.reason or None,
    )
    if cause.decision is VoteDecision.REJECT:
        end(draft, release, Phase.REJECTED, cause.reason, actor=cause.voter)
        return
    quorum = quorum_rule(release, environment)
    draft.rules = (*draft.rules, quorum)
    if quorum.passed:
        draft.record("gate.passed", release, plan_hash=cause.plan_hash, approvals=_approvals(release))
        proceed(draft, release, environment)


def quorum_rule(release: Release, environment: Environment) -> RuleResult:
    gate = environment.gate
    required = gate.required if isinstance(gate, ApprovalGate) else 0
    have = _approvals(release)
    return RuleResult(name="quorum-reached", passed=have >= required, reason=f"{have} of {required} approvals")


def _approvals(release: Release) -> int:
    return release.gate.approvals if release.gate else 0


def _past(decision: VoteDecision) -> str:
    return {VoteDecision.APPROVE: "approved", VoteDecision.REJECT: "rejected"}[decision]


def _where(release: Release, cause: VoteCast) -> str:
    if release.phase is Phase.AWAITING_APPROVAL and release.environment == cause.environment:
        return f"{release.id} waits for approval in {cause.environment}"
    if release.superseded_by:
        return f"{release.id} was superseded by {release.application}-{release.superseded_by}"
    return f"{release.id} is {str(release.phase).replace('_', ' ')} in {release.environment}"


def _short(digest: str | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else "not made yet"
