"""decide(state, cause) → Decision: the whole delivery logic, pure.

`state.py` holds what goes in and what comes out; `starting.py` turns pushes and runs into releases;
`lanes.py` orders them; `gates.py` counts votes; `rollouts.py` takes the lane and gives back what was live;
`chain.py` leads from each step's outcome to the next step; `deadlines.py` ends waits;
`conditions.py` holds the rules that they all look at.
"""

from ..causes import Cause, DeadlineReached, ImagePushed, PipelineCompleted, StepFinished, VoteCast
from .chain import step_finished
from .deadlines import deadline_reached
from .gates import vote_cast
from .starting import image_pushed, pipeline_completed
from .state import Decision, Draft, Lookups, State, lookups

__all__ = ["Decision", "Lookups", "State", "decide", "lookups"]


def decide(state: State, cause: Cause) -> Decision:
    """What follows from a cause. Repeats and late causes give a decision that changes nothing."""
    draft = Draft(state)
    match cause:
        case ImagePushed():
            image_pushed(draft, cause)
        case PipelineCompleted():
            pipeline_completed(draft, cause)
        case VoteCast():
            vote_cast(draft, cause)
        case StepFinished():
            step_finished(draft, cause)
        case DeadlineReached():
            deadline_reached(draft, cause)
    return draft.decision()
