"""Gates: who may vote, what a vote is for, and when the gate is passed."""

from ..application import ApprovalGate, Environment
from ..causes import VoteCast
from ..release import GateState, Phase, Release, Vote, VoteDecision
from ..rules import RuleResult, failed
from ..steps import Notice
from .conditions import own_release, quorum_rule, short
from .lanes import end, plan, tell
from .rollouts import plan_is_current, proceed
from .state import Draft


def open_gate(draft: Draft, release: Release, environment: Environment) -> None:
    """The plan is there: ask people, or go on at once where nobody needs to be asked."""
    gate, before = environment.gate, release.gate
    assert release.plan_hash is not None
    if before is not None and before.plan_hash != release.plan_hash:
        release = _void_votes(draft, release, before)
    if not isinstance(gate, ApprovalGate):
        proceed(draft, release, environment)
        return
    if before is not None and before.plan_hash == release.plan_hash:
        # Planned again with the same outcome: it is the same plan, and what was voted on it stands.
        release = draft.enter(release, Phase.AWAITING_APPROVAL, due=before.deadline)
        if quorum_rule(release, environment).passed:
            proceed(draft, release, environment)
        return
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


def _void_votes(draft: Draft, release: Release, before: GateState) -> Release:
    """The plan is another one: what was voted on the earlier plan counts no more, and the voters are told."""
    if before.votes:
        voters = [vote.voter for vote in before.votes]
        draft.record("vote.voided", release, voters=voters, plan_hash=before.plan_hash, reason="the plan changed")
        tell(draft, release, Notice.VOTES_VOIDED)
    return draft.put(release.evolve(gate=None))


def vote_rules(release: Release, environment: Environment | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Each condition that a vote must meet, by name."""
    gate = environment.gate if environment else None
    voter = cause.voter.casefold()
    open_here = _waits_here(release, cause) and not _too_late(release, cause)
    listed = isinstance(gate, ApprovalGate) and voter in {a.casefold() for a in gate.approvers}
    requester = release.run.requested_by if release.run else ""
    own = isinstance(gate, ApprovalGate) and own_release(release, gate, voter)
    before = next((v for v in release.gate.votes if v.voter.casefold() == voter), None) if release.gate else None
    return (
        RuleResult(name="gate-is-open", passed=open_here, reason=_where(release, cause)),
        RuleResult(
            name="vote-is-for-this-plan",
            passed=release.plan_hash == cause.plan_hash,
            reason=f"the plan is {short(release.plan_hash)}, the vote is for {short(cause.plan_hash)}",
        ),
        RuleResult(
            name="approver-is-listed", passed=listed, reason=f"{cause.voter} is {'' if listed else 'not '}listed"
        ),
        RuleResult(
            name="approver-is-not-requester",
            passed=not own or cause.decision is VoteDecision.REJECT,
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
    if _counted_already(release, cause):
        return  # the same vote again: it is counted once, and there is nothing to add
    if _waits_here(release, cause) and not (current := plan_is_current(draft, release)).passed:
        # Looked at before the voter is: a changed policy may list other people, and must not close the gate for all.
        draft.rules = (*draft.rules, current)
        _refuse(draft, release, cause)
        plan(draft, release)
        return
    if failed(draft.rules):
        _refuse(draft, release, cause)
        return
    assert environment is not None  # gate-is-open and approver-is-listed have looked
    release = _count(draft, release, cause)
    if cause.decision is VoteDecision.REJECT:
        end(draft, release, Phase.REJECTED, cause.reason, actor=cause.voter)
        return
    quorum = quorum_rule(release, environment)
    draft.rules = (*draft.rules, quorum)
    if quorum.passed:
        approvals = release.gate.approvals if release.gate else 0
        draft.record("gate.passed", release, plan_hash=cause.plan_hash, approvals=approvals)
        proceed(draft, release, environment)


def _counted_already(release: Release, cause: VoteCast) -> bool:
    wanted = (cause.voter.casefold(), cause.decision, cause.plan_hash)
    votes = release.gate.votes if release.gate else ()
    return any((vote.voter.casefold(), vote.decision, vote.plan_hash) == wanted for vote in votes)


def _refuse(draft: Draft, release: Release, cause: VoteCast) -> None:
    refused = failed(draft.rules)
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


def _count(draft: Draft, release: Release, cause: VoteCast) -> Release:
    assert release.gate is not None
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
    return release


def _past(decision: VoteDecision) -> str:
    return {VoteDecision.APPROVE: "approved", VoteDecision.REJECT: "rejected"}[decision]


def _waits_here(release: Release, cause: VoteCast) -> bool:
    return release.phase is Phase.AWAITING_APPROVAL and release.environment == cause.environment


def _too_late(release: Release, cause: VoteCast) -> bool:
    """Whether the vote came after the gate's time, which may be before the sweep has closed it."""
    deadline = release.gate.deadline if release.gate else None
    return deadline is not None and cause.received_at >= deadline


def _where(release: Release, cause: VoteCast) -> str:
    if _waits_here(release, cause):
        closed = f", but its time was over at {release.due:%Y-%m-%d %H:%M} UTC" if _too_late(release, cause) else ""
        return f"{release.id} waits for approval in {cause.environment}{closed}"
    if release.superseded_by:
        return f"{release.id} was superseded by {release.application}-{release.superseded_by}"
    where = f" in {release.environment}" if release.environment else ""
    return f"{release.id} is {str(release.phase).replace('_', ' ')}{where}"
