"""The rules that one vote must meet to count, each by its name; a page shows them before anybody votes."""

from ..application import Environment
from ..causes import VoteCast
from ..gate import ApprovalGate, Need
from ..release import Phase, Release, Vote, VoteDecision
from ..rules import Rule, RuleResult
from .conditions import short
from .quorum import names_of, own_rules

VOTE_LIMIT = 100
"""Votes that one gate holds, so that it always fits into its row. More would not be needed: a gate asks 50 at most."""


def vote_rules(release: Release, environment: Environment | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Each condition that a vote, or the withdrawal of one, must meet."""
    if cause.decision is VoteDecision.WITHDRAW:
        return _withdrawal_rules(release, environment, cause)
    asks = _asking(environment)
    before = vote_before(release, environment, cause)
    return (
        Rule.GATE_IS_OPEN.judged(waits_here(release, cause) and not _too_late(release, cause), _where(release, cause)),
        _for_this_plan(cause, release.plan_hash),
        _is_listed(asks, cause),
        *_signed_in(asks, cause),
        *_own_token(asks, cause),
        *(() if asks is None else _own(release, asks, cause)),
        Rule.ONE_VOTE_EACH.judged(
            before is None,
            f"{cause.voter} voted {before.decision} already" if before else "no vote of theirs was counted yet",
        ),
        Rule.REJECTION_HAS_A_REASON.judged(not _rejects(cause) or bool(cause.reason.strip()), "a rejection says why"),
        *(() if asks is None else _approval_reason(asks, cause)),
        *_room(release, cause),
    )


def vote_before(release: Release, environment: Environment | None, cause: VoteCast) -> Vote | None:
    """The vote of the same person that is counted now, by whichever of their names they cast it."""
    gate = _asking(environment)
    if release.gate is None or gate is None:
        return None
    names = gate.circle.names(cause.voter, signed_in=cause.signed_in)
    return next((vote for vote in release.gate.votes if not names_of(vote, gate).isdisjoint(names)), None)


def waits_here(release: Release, cause: VoteCast) -> bool:
    return release.phase is Phase.AWAITING_APPROVAL and release.environment == cause.environment


def _withdrawal_rules(release: Release, environment: Environment | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """A vote can be taken back until the gate closes, also while its plan is being made again."""
    undecided = release.phase is Phase.AWAITING_APPROVAL or release.phase is Phase.PLANNING
    here = release.environment == cause.environment and undecided
    before = vote_before(release, environment, cause)
    asks = _asking(environment)
    voted = f"{cause.voter} voted {before.decision}" if before else f"no vote of {cause.voter} is counted"
    return (
        Rule.GATE_IS_OPEN.judged(here and not _too_late(release, cause), _where(release, cause)),
        _for_this_plan(cause, release.gate.plan_hash if release.gate else None),
        *_signed_in(asks, cause),
        *_own_token(asks, cause),
        Rule.HAS_VOTED.judged(before is not None, voted),
    )


def _rejects(cause: VoteCast) -> bool:
    return cause.decision is VoteDecision.REJECT


def _asking(environment: Environment | None) -> ApprovalGate | None:
    gate = environment.gate if environment else None
    return gate if isinstance(gate, ApprovalGate) else None


def _for_this_plan(cause: VoteCast, plan_hash: str | None) -> RuleResult:
    reason = f"the plan is {short(plan_hash)}, the vote is for {short(cause.plan_hash)}"
    return Rule.VOTE_IS_FOR_THIS_PLAN.judged(plan_hash == cause.plan_hash, reason)


def _is_listed(gate: ApprovalGate | None, cause: VoteCast) -> RuleResult:
    listed = gate is not None and gate.lists(gate.circle.names(cause.voter, signed_in=cause.signed_in), cause.signed_in)
    unproven = not listed and gate is not None and gate.unlisted_groups() and cause.signed_in is None
    hint = "; who is in a group of Entra has to sign in" if unproven else ""
    return Rule.APPROVER_IS_LISTED.judged(listed, f"{cause.voter} is {'' if listed else 'not '}listed{hint}")


def _signed_in(gate: ApprovalGate | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Where the policy demands it, a link alone does not say who votes."""
    if gate is None or gate.sign_in is Need.OPTIONAL:
        return ()
    said = "has signed in" if cause.signed_in else "has not signed in, and a link alone decides nothing here"
    return (Rule.VOTER_HAS_SIGNED_IN.judged(cause.signed_in is not None, f"{cause.voter} {said}"),)


def _own_token(gate: ApprovalGate | None, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Where a token and a person came together: it has to be theirs."""
    if not cause.issued_to:
        return ()
    voter = gate.circle.names(cause.voter, signed_in=cause.signed_in) if gate else frozenset()
    own = gate is not None and not gate.circle.names(cause.issued_to).isdisjoint(voter)
    return (Rule.ANSWER_IS_FROM_WHO_WAS_ASKED.judged(own, f"{cause.issued_to} was asked, {cause.voter} answered"),)


def _own(release: Release, gate: ApprovalGate, cause: VoteCast) -> tuple[RuleResult, ...]:
    """Nobody approves their own release; everybody may reject it."""
    rules = own_rules(release, gate, gate.circle.names(cause.voter, signed_in=cause.signed_in))
    return tuple(result.rule.holds(result.reason) for result in rules) if _rejects(cause) else rules


def _approval_reason(gate: ApprovalGate, cause: VoteCast) -> tuple[RuleResult, ...]:
    if gate.reason.approve is Need.OPTIONAL:
        return ()
    given = _rejects(cause) or bool(cause.reason.strip())
    return (Rule.APPROVAL_HAS_A_REASON.judged(given, "an approval says why"),)


def _room(release: Release, cause: VoteCast) -> tuple[RuleResult, ...]:
    votes = len(release.gate.votes) if release.gate else 0
    if votes < VOTE_LIMIT or _rejects(cause):
        return ()
    return (Rule.GATE_HAS_ROOM.judged(False, f"{votes} votes were counted, and no more are taken"),)


def _too_late(release: Release, cause: VoteCast) -> bool:
    """Whether the vote came after the gate's time, which may be before the sweep has closed it."""
    deadline = release.gate.deadline if release.gate else None
    return deadline is not None and cause.received_at >= deadline


def _where(release: Release, cause: VoteCast) -> str:
    if waits_here(release, cause):
        closed = f", but its time was over at {release.due:%Y-%m-%d %H:%M} UTC" if _too_late(release, cause) else ""
        return f"{release.id} waits for approval in {cause.environment}{closed}"
    if release.superseded_by:
        return f"{release.id} was superseded by {release.application}-{release.superseded_by}"
    where = f" in {release.environment}" if release.environment else ""
    return f"{release.id} is {release.phase.spoken}{where}"
