"""Stages: what a release spends its time on between two audit records, and whether it worked or waited.

`actions.py` says which action begins which stage; `spans.py` builds a release's timeline from them.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from .phases import Phase


class Stage(StrEnum):
    """What a release spends its time on."""

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
    BEFORE = "before"
    """The Jobs before the rollout run."""
    DEPLOY = "deploy"
    """The manifests are applied."""
    CHECK = "check"
    """The cluster brings the new version up."""
    AFTER = "after"
    """The Jobs after the rollout run."""
    VERIFY = "verify"
    """The acceptance tests run."""
    ROLL_BACK = "roll-back"
    """What was live before is brought back."""

    @property
    def phase(self) -> Phase:
        """The phase of a release that is in this stage."""
        return _PHASES[self]

    @property
    def waits(self) -> bool:
        """Whether the release only waits in this stage, for a person, time or another release."""
        return self in _WAITING


_PHASES: Final[Mapping[Stage, Phase]] = {
    Stage.JOIN: Phase.JOINING,
    Stage.RESOLVE: Phase.RESOLVING,
    Stage.QUEUE: Phase.QUEUED,
    Stage.PLAN: Phase.PLANNING,
    Stage.SOAK: Phase.SOAKING,
    Stage.APPROVAL: Phase.AWAITING_APPROVAL,
    Stage.HELD_BACK: Phase.HELD_BACK,
    Stage.PROMOTE: Phase.PROMOTING,
    Stage.BEFORE: Phase.PREPARING,
    Stage.DEPLOY: Phase.DEPLOYING,
    Stage.CHECK: Phase.CHECKING,
    Stage.AFTER: Phase.FINISHING,
    Stage.VERIFY: Phase.VERIFYING,
    Stage.ROLL_BACK: Phase.ROLLING_BACK,
}
_WAITING: Final = frozenset({Stage.JOIN, Stage.QUEUE, Stage.SOAK, Stage.APPROVAL, Stage.HELD_BACK})
