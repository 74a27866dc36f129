"""While its lane is frozen, a gate's time stands still: the gate does not expire, and sends no reminders.

People may still vote. When the freeze ends, the gate's deadline moves by the time that it stood still, and its voters
are reminded, unless the policy's reminders are used up.
"""

from collections.abc import Iterator
from datetime import datetime

from ..actions import Action
from ..blocks import Freeze
from ..errors import present
from ..gate import ApprovalGate
from ..release import GateState, Phase, Release
from ..steps import Notice
from .blocks import freezes_in_force, thaws_at
from .notices import tell
from .reminders import next_reminder
from .state import Draft


def stand_still(draft: Draft, environment: str, freeze: Freeze) -> None:
    """A freeze is in force for the lane: the time of its open gates stands still from the freeze's beginning."""
    for release, state in _gates(draft, environment):
        since = max(freeze.at, state.opened_at)
        if state.frozen_since is not None:
            _wait(draft, release, state)
        elif state.deadline is not None and since < state.deadline:
            _wait(draft, release, state.evolve(frozen_since=since))


def go_on(draft: Draft, environment: str) -> None:
    """A freeze of the lane is over: the time of its gates runs on, unless another freeze is in force."""
    for release, state in _gates(draft, environment):
        if state.frozen_since is not None:
            time_goes_on(draft, release, state)


def frozen_since(draft: Draft, environment: str) -> datetime | None:
    """The time from which a gate that opens now stands still; None if its time runs."""
    return draft.now if freezes_in_force(draft.lane(environment), draft.head.freeze, draft.now) else None


def time_goes_on(draft: Draft, release: Release, state: GateState, *, asks: bool = True) -> Release:
    """Give the gate back the time for which it stood still, unless the lane is still frozen.

    A gate that `asks` nobody any more is about to pass, so nobody is reminded.
    """
    lane = draft.lane(present(release.environment, f"the environment of {release.id}"))
    since, deadline = state.frozen_since, state.deadline
    if since is None or deadline is None:
        return release
    if freezes_in_force(lane, draft.head.freeze, draft.now):
        return _wait(draft, release, state)
    stood_still = draft.now - since
    state = state.evolve(frozen_since=None, deadline=deadline + stood_still)
    environment = draft.environment(release)
    asks = asks and release.phase is Phase.AWAITING_APPROVAL
    policy = environment.gate if environment is not None and asks else None
    reminds = isinstance(policy, ApprovalGate) and policy.reminders.pause(state.reminders) is not None
    if isinstance(policy, ApprovalGate) and reminds:
        state = state.evolve(reminders=state.reminders + 1)
        state = state.evolve(remind_at=next_reminder(policy, state, draft.now))
    elif state.remind_at is not None:
        state = state.evolve(remind_at=state.remind_at + stood_still)
    release = draft.put(release, gate=state)
    draft.record(
        Action.GATE_EXTENDED,
        release,
        opening=state.opening,
        plan_hash=state.plan_hash,
        deadline=present(state.deadline, "the deadline").isoformat(),
        frozen_since=since.isoformat(),
    )
    if not asks:
        return release
    release = draft.put(release, due=state.deadline)
    draft.send_deadline(release)
    if state.remind_at is not None:
        draft.send_reminder(release)
    if reminds:
        tell(draft, release, Notice.REMINDER, number=state.reminders)
    return release


def _wait(draft: Draft, release: Release, state: GateState) -> Release:
    """Wait for the end of the freeze; its time is known if every freeze in force ends by itself."""
    release = draft.put(release, gate=state)
    if release.phase is not Phase.AWAITING_APPROVAL:
        return release
    lane = draft.lane(present(release.environment, f"the environment of {release.id}"))
    until = thaws_at(lane, draft.head.freeze, draft.now)
    if until == release.due:
        return release
    release = draft.put(release, due=until)
    if release.due is not None:
        draft.send_deadline(release)
    return release


def _gates(draft: Draft, environment: str) -> Iterator[tuple[Release, GateState]]:
    """The gates that are open in the lane, or are about to be opened again with their votes."""
    for number in draft.head.active:
        release = draft.release(number)
        if release is None or release.environment != environment or release.gate is None:
            continue
        if release.phase.undecided:
            yield release, release.gate
