"""Stages: what takes a release's time between two records of its trail, and whether it worked or waited.

`actions.py` says which action begins which stage; `spans.py` makes the timeline of a release of them.
"""

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """What takes a release's time."""

    JOIN = "join"
    """Waits for the other of the two facts that it starts from."""
    RESOLVE = "resolve"
    """Its tag is looked up in the registry."""
    QUEUE = "queue"
    """Waits for another rollout to end."""
    PLAN = "plan"
    """What a rollout would do is worked out."""
    SOAK = "soak"
    """Waits until every condition of a gate that asks nobody holds."""
    APPROVAL = "approval"
    """Waits for people."""
    HELD_BACK = "held-back"
    """Waits for a freeze, a hold or a closed window to end."""
    PROMOTE = "promote"
    """The artifact is copied into the environment's registry."""
    DEPLOY = "deploy"
    """The manifests are applied."""
    CHECK = "check"
    """The cluster brings the new version up."""
    VERIFY = "verify"
    """The acceptance tests run."""
    ROLL_BACK = "roll-back"
    """What was live before is brought back."""

    @property
    def waits(self) -> bool:
        """Whether nothing is done in it: a person, time or another release is waited for."""
        return self in _WAITING


_WAITING: Final = frozenset({Stage.JOIN, Stage.QUEUE, Stage.SOAK, Stage.APPROVAL, Stage.HELD_BACK})
