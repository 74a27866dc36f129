"""decide(snapshot, event) → Decision: the whole delivery logic, pure.

`state.py` defines the decision and the draft that builds it. `starting.py` turns pushes into releases, `runs.py` does
so for CI runs, and `lanes.py` orders the releases. `gates.py` opens gates, `voting.py` counts votes, `automatic.py`
opens gates without people. `rollouts.py` takes the lane and rolls back on failure; `chain.py` maps each step's outcome
to the next step. `drifting.py` judges a look at a cluster. `deadlines.py` handles timeouts, `reminders.py` reminds
voters, `notices.py` notifies people. `blocks.py` checks for freezes, holds and windows between gate and rollout;
`commands.py`, `freezing.py`, `retrying.py`, `creating.py`, `rolling_back.py`, `waiving.py` and `resetting.py` carry out
commands. `conditions.py`, `vote_rules.py` and `quorum.py` hold the rules that these modules evaluate and that pages and
`explain` show.
"""

from ..commands import Verb
from ..events import (
    CommandGiven,
    DeadlineReached,
    DefinitionChanged,
    DriftLooked,
    Event,
    FreezeSpread,
    ImagePushed,
    PipelineCompleted,
    ReminderDue,
    StepFinished,
    VoteCast,
)
from ..snapshot import Snapshot
from .chain import step_finished
from .commands import cancel_release, end_hold, override_blocks
from .creating import create_release
from .deadlines import deadline_reached
from .drifting import drift_looked
from .freezing import begin_freeze, delivery_changed, end_freeze, freeze_spread
from .reminders import reminder_due
from .resetting import reset_fence
from .retrying import retry_release
from .rolling_back import order_rollback
from .runs import pipeline_completed
from .starting import image_pushed
from .state import Decision, Draft
from .voting import vote_cast
from .waiving import waive_rule

__all__ = ["Decision", "decide"]


_VERBS = {
    Verb.FREEZE: begin_freeze,
    Verb.UNFREEZE: end_freeze,
    Verb.CANCEL: cancel_release,
    Verb.RETRY: retry_release,
    Verb.CREATE: create_release,
    Verb.ROLLBACK: order_rollback,
    Verb.RESUME: end_hold,
    Verb.OVERRIDE: override_blocks,
    Verb.WAIVE: waive_rule,
    Verb.FENCE_RESET: reset_fence,
}


def decide(snapshot: Snapshot, event: Event) -> Decision:
    """Decide what an event changes. A repeated or late event yields a decision that changes nothing.

    Raises `Inconsistent` if the rows of the snapshot contradict each other.
    """
    draft = Draft(snapshot)
    match event:
        case ImagePushed():
            image_pushed(draft, event)
        case PipelineCompleted():
            pipeline_completed(draft, event)
        case VoteCast():
            vote_cast(draft, event)
        case StepFinished():
            step_finished(draft, event)
        case DeadlineReached():
            deadline_reached(draft, event)
        case ReminderDue():
            reminder_due(draft, event)
        case CommandGiven():
            _VERBS[event.verb](draft, event)
        case FreezeSpread():
            freeze_spread(draft, event)
        case DriftLooked():
            drift_looked(draft, event)
        case DefinitionChanged():
            delivery_changed(draft, event)
    return draft.decision()
