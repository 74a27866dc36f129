"""Reminders: while a gate is open, its approvers are reminded at growing intervals, and never after it has closed."""

from datetime import datetime

from ..actions import Action
from ..events import ReminderDue
from ..gate import ApprovalGate
from ..release import GateState, Phase
from ..steps import Notice
from .lanes import request_plan
from .notices import tell
from .quorum import approval_gate, voters_left
from .rollouts import current_plan_rule
from .state import Draft


def next_reminder(gate: ApprovalGate, state: GateState, now: datetime) -> datetime | None:
    """When to remind people next; None if the gate closes before then or no reminders are left."""
    pause = gate.reminders.pause(state.reminders)
    if pause is None or state.deadline is None or pause >= state.deadline - now:
        return None
    return now + pause


def reminder_due(draft: Draft, event: ReminderDue) -> None:
    release = draft.release(event.release)
    if release is None or release.gate is None or release.phase is not Phase.AWAITING_APPROVAL:
        return  # the gate has closed, or the release is being planned again
    state = release.gate
    if state.frozen_since is not None:
        return  # its time stands still; a later reminder follows once it runs again
    if state.remind_at != event.due or draft.now < event.due or (state.deadline and state.deadline <= draft.now):
        return  # a repeat, or too early, or past the deadline, when the gate is about to be closed
    if not (current := current_plan_rule(draft, release)).passed:
        # A vote on an outdated plan would be void. Make a new plan; its gate sends its own reminders.
        draft.record(Action.PLAN_OUTDATED, release, plan_hash=release.plan_hash, reason=current.reason)
        request_plan(draft, release)
        return
    gate = approval_gate(draft.environment_of(release))  # a current plan implies that the policy still has this gate
    state = state.evolve(reminders=state.reminders + 1, remind_at=None)
    state = state.evolve(remind_at=next_reminder(gate, state, draft.now))
    release = draft.put(release, gate=state)
    draft.record(
        Action.GATE_REMINDED,
        release,
        plan_hash=state.plan_hash,
        number=state.reminders,
        asked=list(voters_left(release, gate)),
    )
    tell(draft, release, Notice.REMINDER, number=state.reminders)
    if state.remind_at is not None:
        draft.send_reminder(release)
