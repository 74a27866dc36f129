"""Votes: counted, refused or withdrawn. A rejection closes the gate; the last approval that the gate needs passes
it."""

from collections.abc import Sequence
from typing import Any

from ...text import exact_moment
from ..actions import Action, vote_action
from ..chain_anchor import GateOutcome
from ..errors import present
from ..events import VoteCast
from ..gate import ApprovalGate, Level
from ..model import release_id
from ..release import Phase, Release, Vote, VoteDecision
from ..rules import Rule, RuleResult, as_details, not_passed
from ..steps import Notice
from .commands import call_off
from .conditions import digest_text
from .gates import pass_when_approved
from .lanes import end_release, request_plan
from .notices import tell
from .objecting import disputed_vote, objection_rules, replace_vote_by_rejection, stop
from .quorum import approval_gate, gate_state, names_of, policy_groups, without_votes_of
from .rollouts import current_plan_rule
from .state import Draft
from .vote_rules import asking_gate, vote_before, vote_rules, voter_recipients, waits_here


def vote_cast(draft: Draft, event: VoteCast) -> None:
    release = draft.release(event.release)
    if release is None:
        reason = f"there is no {release_id(event.application, event.release)}"
        draft.rules = (Rule.RELEASE_EXISTS.fails(reason),)
        return
    if event.decision is VoteDecision.OBJECT:
        _object(draft, release, event)
        return
    environment = draft.application.environment(event.environment)
    draft.rules = vote_rules(release, environment, event, lanes=draft.lanes, epoch=draft.head.epoch)
    if event.decision is VoteDecision.WITHDRAW:
        _withdraw(draft, release, event)
    else:
        _vote(draft, release, event)


def _object(draft: Draft, release: Release, event: VoteCast) -> None:
    draft.rules = objection_rules(draft, release, event)
    if not_passed(draft.rules):
        _refuse(draft, release, event)
        return
    before = disputed_vote(draft, release, event)
    _record(
        draft,
        Action.VOTE_OBJECTED,
        release,
        event,
        environment=event.environment,
        voted=str(before.decision) if before else str(VoteDecision.APPROVE),
        disputed=before.proof if before else None,
        was=str(release.phase),
        reason=event.reason or None,
    )
    stop(draft, replace_vote_by_rejection(draft, release, event), event)


def _vote(draft: Draft, release: Release, event: VoteCast) -> None:
    environment = draft.application.environment(event.environment)
    before = vote_before(release, environment, event)
    if _is_repeat(before, event):
        return
    if event.unproved:
        _refuse(draft, release, event)
        return
    stops = event.decision is VoteDecision.REJECT and not not_passed(draft.rules)
    if not stops and waits_here(release, event) and not (current := current_plan_rule(draft, release)).passed:
        # Check the plan before the voter: if the policy has changed and lists other people, the plan is made again, and
        # the vote is not judged by rules that the gate was not opened with. A rejection counts nevertheless.
        draft.rules = (*draft.rules, current)
        _refuse(draft, release, event)
        request_plan(draft, release)
        return
    if not_passed(draft.rules):
        _refuse(draft, release, event)
        return
    if event.decision is VoteDecision.REJECT and release.phase.writes_first:
        # The worker may be writing the first object right now: the lane keeps the vote until that is known.
        call_off(draft, release, event.reason, by=event.attribution, channel=event.channel, rejected=True)
        _record(draft, Action.ROLLOUT_CALLED_OFF, release, event, reason=event.reason)
        _tell_voter(draft, release, event, "the release ends, unless its first object has been written already")
        return
    environment = draft.environment_of(release)
    release = _count(draft, release, event, approval_gate(environment))
    if event.decision is VoteDecision.REJECT:
        end_release(draft, release, Phase.REJECTED, event.reason, by=event.attribution)
        draft.anchor_gate(release, environment, GateOutcome.REJECTED)
        return
    pass_when_approved(draft, release, environment)


def _is_repeat(before: Vote | None, event: VoteCast) -> bool:
    """Whether the same vote was counted already. A vote from the inbox is always answered by a record."""
    if before is None or event.inbox or event.unproved:
        return False
    return before.decision is event.decision and event.plan_hash in (before.plan_hash, None)


def _count(draft: Draft, release: Release, event: VoteCast, gate: ApprovalGate) -> Release:
    """Count the vote, in place of an earlier vote of the same person."""
    vote = Vote.model_validate(
        {
            "voter": event.voter,
            "decision": event.decision,
            "reason": event.reason,
            "channel": event.channel,
            "plan_hash": event.plan_hash or gate_state(release).plan_hash,
            "at": draft.now,
            "signed_in": policy_groups(gate, event.signed_in),
            "name": event.name,
            "proof": event.proved.proof if event.proved else None,
        }
    )
    others = without_votes_of(gate_state(release).votes, names_of(vote, gate), gate)
    release = _with_votes(draft, release, (*others, vote))
    memberships = {"groups": vote.signed_in.groups, "roles": vote.signed_in.roles} if vote.signed_in else {}
    rights = {name: list(members) for name, members in memberships.items() if members}
    if listed_as := sorted(gate.listed_as(names_of(vote, gate), vote.signed_in) - {vote.voter.casefold()}):
        rights["listed_as"] = listed_as
    _record(draft, vote_action(event.decision), release, event, **rights, reason=event.reason or None)
    _tell_voter(draft, release, event)
    return release


def _withdraw(draft: Draft, release: Release, event: VoteCast) -> None:
    before = vote_before(release, draft.application.environment(event.environment), event)
    if not_passed(draft.rules):
        _refuse(draft, release, event)
        return
    voted = present(before, "the vote that is taken back")
    gate = approval_gate(draft.environment_of(release))
    release = _with_votes(draft, release, without_votes_of(gate_state(release).votes, names_of(voted, gate), gate))
    _record(
        draft,
        Action.VOTE_WITHDRAWN,
        release,
        event,
        voter=voted.voter,
        voted=str(voted.decision),
        reason=event.reason or None,
    )
    _tell_voter(draft, release, event)


def _tell_voter(draft: Draft, release: Release, event: VoteCast, *unless: str) -> None:
    """Tell the voter that the vote was counted. Only the worker sends this, so a voter notices if the front voted in
    their name, or showed them something else."""
    who = f"{event.name} ({event.voter})" if event.name else event.voter
    how = "proved by their sign-in" if event.proved else f"at the level {event.level}"
    plan = event.plan_hash or gate_state(release).plan_hash
    lines = (
        f"{event.decision.noun} of {who}",
        f"for {event.environment}, plan {digest_text(plan)}, opening {gate_state(release).opening}",
        f"received {exact_moment(event.received_at)} by {event.channel}, {how}",
        *unless,
        *((f"reason: {event.reason}",) if event.reason else ()),
    )
    to = voter_recipients(asking_gate(draft.application.environment(event.environment)), event.voter)
    tell(draft, release, Notice.VOTE_COUNTED, recipients=to, why="\n".join(lines), number=draft.sequence)


def _with_votes(draft: Draft, release: Release, votes: tuple[Vote, ...]) -> Release:
    return draft.put(release, gate=gate_state(release).evolve(votes=votes))


def _refuse(draft: Draft, release: Release, event: VoteCast) -> None:
    refused = not_passed(draft.rules)
    _record(
        draft,
        Action.VOTE_REFUSED,
        release,
        event,
        decision=str(event.decision),
        rules=[rule.name for rule in refused],
        why=event.reason or None,
        reason=refused[0].reason,
    )
    if event.level is Level.QUEUE:
        _tell_of_refusal(draft, release, event, refused)


def _tell_of_refusal(draft: Draft, release: Release, event: VoteCast, refused: Sequence[RuleResult]) -> None:
    """Tell the voter that a vote was refused. On a page voters see the outcome themselves; after a message they would
    not."""
    why = "; ".join(f"{rule.name}: {rule.reason}" for rule in refused)
    to = voter_recipients(asking_gate(draft.application.environment(event.environment)), event.voter)
    tell(draft, release, Notice.VOTE_REFUSED, recipients=to, why=why, number=draft.sequence)


def _record(draft: Draft, action: Action, release: Release, event: VoteCast, **details: Any) -> None:
    signed_in, by = event.signed_in.object_id if event.signed_in else None, event.attribution
    draft.record(
        action,
        release,
        actor=by.actor,
        on_behalf_of=by.on_behalf_of,
        name=event.name or None,
        channel=event.channel,
        signed_in=signed_in,
        plan_hash=event.plan_hash or (release.gate.plan_hash if release.gate else None),
        opening=event.opening,
        inbox=event.inbox,
        proof=event.proved.proof if event.proved else None,
        received_at=event.received_at if event.inbox else None,
        results=as_details(draft.rules),
        **details,
    )
