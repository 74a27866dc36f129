"""Objections: a person says that a vote counted in their name was not theirs.

Nobody can prove that they did not vote, and nobody has to: a statement that stops something needs no proof. The vote no
longer counts, the release that it let through is stopped wherever it is, and everybody the gate asks is told. A release
that is already live stays: a rollback opens something, so it takes a person and their proof.
"""

from ..chain_anchor import GateOutcome
from ..events import VoteCast
from ..people import IdentityMap
from ..release import GateState, Phase, Release, Vote, VoteDecision
from ..rules import Rule, RuleResult
from ..steps import Notice
from .lanes import end_release
from .notices import tell
from .quorum import without_votes_of
from .rollouts import begin_rollback
from .state import Draft
from .vote_rules import asking_gate, proof_rules, vote_before


def objection_rules(draft: Draft, release: Release, event: VoteCast) -> tuple[RuleResult, ...]:
    """The rules of an objection: it counts for a person with a vote there, even if the gate has changed since."""
    gate = asking_gate(draft.application.environment(event.environment))
    where = f"of {event.voter} is counted in {event.environment}"
    is_counted = disputed_vote(draft, release, event) is not None or _approved_there(draft, release, event)
    return (
        *proof_rules(gate, event),
        Rule.HAS_VOTED.judged(is_counted, f"a vote {where}" if is_counted else f"no vote {where}"),
    )


def disputed_vote(draft: Draft, release: Release, event: VoteCast) -> Vote | None:
    """The vote counted in their name at the gate where the release is or ended."""
    if release.environment != event.environment:
        return None
    vote = vote_before(release, draft.application.environment(event.environment), event)
    return vote if vote is not None and not vote.objects else None


def _approved_there(draft: Draft, release: Release, event: VoteCast) -> bool:
    """Whether their approval helped the release through a gate that it has passed."""
    gate, rollout = asking_gate(draft.application.environment(event.environment)), release.rollout_in(event.environment)
    identities = gate.identities if gate is not None else IdentityMap()
    names = identities.names(event.voter, signed_in=event.signed_in)
    return rollout is not None and any(not names.isdisjoint(identities.names(name)) for name in rollout.approvers)


def replace_vote_by_rejection(draft: Draft, release: Release, event: VoteCast) -> Release:
    """Replace the vote by a rejection. The person who sends the release out again has to read it."""
    before, gate = disputed_vote(draft, release, event), asking_gate(draft.application.environment(event.environment))
    identities = gate.identities if gate is not None else IdentityMap()
    names = identities.names(event.voter, signed_in=event.signed_in)
    rollouts = tuple(
        rollout.evolve(approvers=tuple(n for n in rollout.approvers if names.isdisjoint(identities.names(n))))
        if rollout.environment == event.environment
        else rollout
        for rollout in release.rollouts
    )
    state = release.gate
    if before is not None and state is not None:
        other_votes = without_votes_of(state.votes, names, gate) if gate is not None else ()
        state = _gate_with_rejection(state, other_votes, event, draft)
    return draft.put(release, gate=state, rollouts=rollouts)


def _gate_with_rejection(state: GateState, others: tuple[Vote, ...], event: VoteCast, draft: Draft) -> GateState:
    vote = Vote(
        voter=event.voter,
        decision=VoteDecision.REJECT,
        reason=objection_text(event)[:2000],
        channel=event.channel,
        plan_hash=state.plan_hash,
        at=draft.now,
        name=event.name,
        objects=True,
    )
    return state.evolve(votes=(*others, vote))


def objection_text(event: VoteCast) -> str:
    reason = f": {event.reason}" if event.reason else ""
    return f"{event.name or event.voter} says that the vote counted in their name was not theirs{reason}"


def stop(draft: Draft, release: Release, event: VoteCast) -> None:
    """Stop the release where it is, and tell everybody."""
    environment, why, by = draft.environment(release), objection_text(event)[:2000], event.attribution
    goes_back = release.phase is Phase.ROLLING_BACK
    if release.phase.has_begun and not goes_back:
        if environment is not None and Phase.ROLLING_BACK in release.phase.followers:
            begin_rollback(draft, release, environment, why)
        else:
            end_release(draft, release, Phase.FAILED, why, by=by, channel=event.channel)
    elif not release.phase.final and not goes_back:
        is_rejected = environment is not None and Phase.REJECTED in release.phase.followers
        end_release(
            draft, release, Phase.REJECTED if is_rejected else Phase.CANCELLED, why, by=by, channel=event.channel
        )
        if is_rejected and environment is not None:
            draft.anchor_gate(release, environment, GateOutcome.REJECTED)
    outcome = _outcome_text(draft.releases[release.number], release.phase)
    tell(
        draft,
        release,
        Notice.VOTE_OBJECTED,
        why=f"{why[:1500]}\n{outcome}",
        number=draft.sequence,
        environment=event.environment,
    )


def _outcome_text(release: Release, was: Phase) -> str:
    if was is Phase.COMPLETED or (was.final and release.phase is was):
        return f"The release {was.past_tense} before; to bring back the release before it, somebody rolls back"
    return f"The release is {release.phase.spoken}"
