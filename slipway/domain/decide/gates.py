"""Gates that ask people: when they open, what voids their votes, and when they pass."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..actions import Action
from ..chain_anchor import GateOutcome
from ..environment import Environment
from ..errors import present
from ..gate import ApprovalGate, AutoGate
from ..plan import changed_parts
from ..release import GateState, Phase, Release, VoteDecision
from ..rules import RuleResult, as_details, not_passed
from ..steps import Notice
from .automatic import conditions_hold, let_through
from .lanes import request_plan
from .notices import tell, void
from .quorum import names_of, own_work_rules, quorum_rules
from .reminders import next_reminder
from .rollouts import proceed
from .standing_still import frozen_since, time_goes_on
from .state import Draft


def open_gate(draft: Draft, release: Release, environment: Environment, parts: Mapping[str, str]) -> None:
    """The plan is ready: ask people, or check the conditions of an automatic gate."""
    gate, before = environment.gate, release.gate
    if before is not None and before.plan_hash != release.plan_hash:
        void(draft, release, before.votes, _what_changed(before, parts))
        release, before = draft.put(release, gate=None), None
    if not conditions_hold(draft, release, environment):
        return
    if isinstance(gate, AutoGate):
        let_through(draft, release, environment)
    elif before is not None:
        _open_again(draft, release, environment, before)
    else:
        _open(draft, release, gate, parts)


def _open(
    draft: Draft, release: Release, gate: ApprovalGate, parts: Mapping[str, str], *, before: GateState | None = None
) -> None:
    """Ask people. With `before`, that opening continues with its votes; without it, this is a new opening."""
    deadline, environment = draft.now + gate.deadline, present(release.environment, f"the environment of {release.id}")
    opening = before.opening if before else release.openings + 1
    state = GateState(
        opening=opening,
        plan_hash=present(release.plan_hash, f"the plan of {release.id}"),
        opened_at=draft.now,
        deadline=deadline,
        parts=dict(parts),
        votes=before.votes if before else (),
    )
    state = state.evolve(remind_at=next_reminder(gate, state, draft.now), frozen_since=frozen_since(draft, environment))
    release = draft.enter(release, Phase.AWAITING_APPROVAL, gate=state, openings=opening, due=deadline)
    draft.record(
        Action.GATE_OPENED,
        release,
        opening=opening,
        plan_hash=release.plan_hash,
        required=gate.required,
        approvers=list(gate.approvers),
        each=[share.model_dump(mode="json") for share in gate.each] or None,
        level=str(gate.level),
        fresh=gate.model_dump(mode="json", include={"fresh"})["fresh"],
        deadline=deadline.isoformat(),
    )
    if state.frozen_since is None:
        draft.send_deadline(release)
        if state.remind_at is not None:
            draft.send_reminder(release)
    else:
        release = time_goes_on(draft, release, state)
    tell(draft, release, Notice.GATE_OPENED)


def _open_again(draft: Draft, release: Release, environment: Environment, before: GateState) -> None:
    """Planning again gave the same plan, so the votes on it still count."""
    gate = environment.gate
    if before.deadline is None and isinstance(gate, ApprovalGate) and not_passed(quorum_rules(release, environment)):
        _open(draft, release, gate, before.parts, before=before)  # a retry cleared the deadline: set a new one
        return
    release = draft.enter(release, Phase.AWAITING_APPROVAL, due=before.deadline)
    release = time_goes_on(draft, release, before, asks=bool(not_passed(quorum_rules(release, environment))))
    pass_when_approved(draft, release, environment, quietly=True)


def _what_changed(before: GateState, parts: Mapping[str, str]) -> str:
    changed = changed_parts(before.parts, parts)
    return f"the plan changed: {', '.join(changed)}" if changed else "the plan changed"


def pass_when_approved(draft: Draft, release: Release, environment: Environment, *, quietly: bool = False) -> None:
    """Proceed once enough people have approved.

    `quietly` adds no audit record; it is for a gate whose passing is already on record.
    """
    rules = quorum_rules(release, environment)
    draft.rules = (*draft.rules, *rules)
    if not_passed(rules) or release.gate is None:
        return
    if not quietly:
        details: dict[str, Any] = {"plan_hash": release.plan_hash, "approvals": release.gate.approvals}
        draft.record(Action.GATE_PASSED, release, results=as_details(rules), **details)
        draft.anchor_gate(release, environment, GateOutcome.PASSED)
        state = release.gate.evolve(passed_at=max(draft.now, draft.head.time or draft.now))
        release = draft.put_rollout(release.evolve(gate=state), approvers=_approvers(release.gate))
    proceed(draft, release, environment)


def _approvers(state: GateState) -> tuple[str, ...]:
    return tuple(vote.voter for vote in state.votes if vote.decision is VoteDecision.APPROVE)


def bar_late(draft: Draft, release: Release) -> None:
    """Void approvals by people whose own work the release is, if its CI run became known only after they had voted."""
    environment = draft.environment(release)
    gate, state = environment.gate if environment else None, release.gate
    if state is None or not release.phase.before_rollout or not isinstance(gate, ApprovalGate):
        return
    broken_rules = {
        vote: not_passed(own_work_rules(release, gate, names_of(vote, gate)))
        for vote in state.votes
        if vote.decision is VoteDecision.APPROVE
    }
    no_longer_counted = [vote for vote, rules in broken_rules.items() if rules]
    if not no_longer_counted:
        return
    release = draft.put(release, gate=state.evolve(votes=[v for v in state.votes if v not in no_longer_counted]))
    void(draft, release, no_longer_counted, _why_barred([rule for rules in broken_rules.values() for rule in rules]))
    if release.phase is Phase.HELD_BACK:
        # It had enough approvals and no longer has: open the gate again.
        request_plan(
            draft, draft.put(release.evolve(gate=release.gate.evolve(deadline=None)) if release.gate else release)
        )


def _why_barred(rules: Sequence[RuleResult]) -> str:
    reasons = dict.fromkeys(f"{rule.name}: {rule.reason}" for rule in rules)
    return f"the CI run is known now: {'; '.join(reasons)}"
