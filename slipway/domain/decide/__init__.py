"""decide(snapshot, event) → Decision: the whole delivery logic, pure.

`state.py` holds what comes out, and how it is put together; `starting.py` turns pushes and runs into releases;
`lanes.py` orders them; `gates.py` opens gates, `voting.py` takes votes in, `automatic.py` opens gates without people;
`rollouts.py` takes the lane and gives back what was live; `chain.py` leads from each step's outcome to the next step;
`deadlines.py` ends waits, `reminders.py` asks again; `notices.py` tells people. `blocks.py` stands between gate and
rollout; `commands.py`, `freezing.py`, `retrying.py` and `returning.py` do what operators say.
`conditions.py`, `ballots.py` and `quorum.py` hold the rules that they look at, and that pages and `explain` show.
"""

from ..commands import Verb
from ..events import (
    CommandGiven,
    DeadlineReached,
    DeliveryChanged,
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
from .commands import cancel, override, resume
from .deadlines import deadline_reached
from .freezing import delivery_changed, freeze, freeze_spread, unfreeze
from .reminders import reminder_due
from .retrying import retry
from .returning import rollback
from .starting import image_pushed, pipeline_completed
from .state import Decision, Draft
from .voting import vote_cast

__all__ = ["Decision", "decide"]


_VERBS = {
    Verb.FREEZE: freeze,
    Verb.UNFREEZE: unfreeze,
    Verb.CANCEL: cancel,
    Verb.RETRY: retry,
    Verb.ROLLBACK: rollback,
    Verb.RESUME: resume,
    Verb.OVERRIDE: override,
}


def decide(snapshot: Snapshot, event: Event) -> Decision:
    """What follows from an event. Repeats and late events give a decision that changes nothing.

    Raises `Inconsistent` where the rows of the snapshot do not fit together.
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
        case DeliveryChanged():
            delivery_changed(draft, event)
    return draft.decision()
