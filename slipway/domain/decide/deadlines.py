"""Deadlines: waits that end when their time is up, and steps that did not report."""

from datetime import datetime
from typing import assert_never

from ..actions import Action
from ..errors import present
from ..events import DeadlineReached, DefinitionChanged, ReminderDue
from ..phases import Doing
from ..release import GateState, Phase, Release
from ..rules import not_passed
from ..steps import StepKind
from .automatic import soak_over
from .lanes import PLAN_LIMIT, begin_step, end_release, step_of
from .quorum import quorum_rules
from .rollouts import begin_rollback, look_again
from .standing_still import time_goes_on
from .state import Draft

RESEND_LIMIT = 3
"""The number of times a step is sent again before the release fails; a rollback is sent until it is done."""

PLANS_AT_A_GATE = PLAN_LIMIT // 2
"""The timer makes at most this many plans again while people are asked; later ones are made when somebody acts."""

_ROLLED_OUT = frozenset({StepKind.DEPLOY, StepKind.CHECK, StepKind.AFTER, StepKind.VERIFY})


def is_sent_again(kind: StepKind, resent: int) -> bool:
    """Whether a step that did not report is sent again rather than given up."""
    return resent < RESEND_LIMIT or kind is StepKind.ROLL_BACK


def deadline_reached(draft: Draft, event: DeadlineReached) -> None:
    release = draft.release(event.release)
    if release is None or release.due != event.due:
        return  # the release has moved on
    if draft.now < event.due:
        return  # early, because clocks differ; the reconcile timer repeats the event after the deadline
    match release.phase.doing:
        case Doing.AWAITS_TRIGGER:
            reason = "the second of its two triggers (image, CI run) did not arrive in time"
            end_release(draft, release, Phase.EXPIRED, reason)
        case Doing.AWAITS_VOTES:
            _close_gate(draft, release, present(release.gate, f"the gate of {release.id}"))
        case Doing.AWAITS_CONDITIONS:
            soak_over(draft, release)
        case Doing.IS_HELD_BACK:
            look_again(draft, release)
        case Doing.WORKS | Doing.ROLLS_OUT:
            if release.step is not None:
                _send_again(draft, release)
        case Doing.AWAITS_LANE | Doing.ENDED | Doing.ENDED_IN_FAILURE | Doing.ENDED_LIVE:
            pass  # these have no deadline
        case _:
            assert_never(release.phase.doing)


def _close_gate(draft: Draft, release: Release, state: GateState) -> None:
    """Expire the release; the quorum rules name the missing votes. If the gate's time stood still, it runs on
    instead."""
    if state.frozen_since is not None:
        time_goes_on(draft, release, state)
        return
    environment = draft.environment(release)
    rules = quorum_rules(release, environment) if environment is not None else ()
    missing = "; ".join(rule.reason for rule in not_passed(rules))
    reason = f"too few people approved in time: {missing}" if state.votes and missing else "nobody decided in time"
    end_release(draft, release, Phase.EXPIRED, reason, rules=rules)


def overdue(
    release: Release, *, now: datetime, definition: str = ""
) -> tuple[DeadlineReached | ReminderDue | DefinitionChanged, ...]:
    """The events that are due for a release because of the time or a changed application.

    The reconcile timer handles them, in case the scheduled message for one was lost. If an application changes all the
    time, people are not asked again without end: at some point the timer makes no further plans.
    """
    events: list[DeadlineReached | ReminderDue | DefinitionChanged] = []
    if release.due is not None and release.due <= now:
        events.append(
            DeadlineReached(received_at=now, application=release.application, release=release.number, due=release.due)
        )
    outdated = bool(definition) and release.phase.at_the_gate and release.plan_definition != definition
    if outdated and (release.phase is Phase.HELD_BACK or release.attempt <= PLANS_AT_A_GATE):
        events.append(
            DefinitionChanged(
                received_at=now,
                application=release.application,
                release=release.number,
                environment=release.environment or "",
                attempt=release.attempt,
                definition=definition,
            )
        )
    gate = release.gate if release.phase is Phase.AWAITING_APPROVAL else None
    remind_at = gate.remind_at if gate is not None and gate.frozen_since is None else None
    if remind_at is not None and remind_at <= now:
        events.append(
            ReminderDue(received_at=now, application=release.application, release=release.number, due=remind_at)
        )
    return tuple(events)


def _send_again(draft: Draft, release: Release) -> None:
    kind = StepKind(step_of(release))
    if is_sent_again(kind, release.resent):
        release = draft.put(release, resent=release.resent + 1)
        draft.record(Action.STEP_RESENT, release, step=release.step, times=release.resent)
        begin_step(draft, release, kind)
        return
    reason = f"the step {release.step} did not report although it was sent {RESEND_LIMIT + 1} times"
    draft.record(Action.STEP_LOST, release, step=release.step, reason=reason)
    environment = draft.environment(release)
    if environment is not None and kind in _ROLLED_OUT:
        begin_rollback(draft, release, environment, reason)
    else:
        end_release(draft, release, Phase.FAILED, reason)
