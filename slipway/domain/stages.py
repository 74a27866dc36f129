"""Stages: what a release spends its time on between two audit records, and whether it works or waits.

`actions.py` says which action begins which stage; `spans.py` builds a release's timeline from them.
"""

from enum import StrEnum
from typing import assert_never

from .phases import Phase


class Stage(StrEnum):
    """What a release spends its time on."""

    JOIN = "join"
    """It waits for the other of its two triggers."""
    RESOLVE = "resolve"
    """Its tag is looked up in the registry."""
    QUEUE = "queue"
    """It waits for another rollout to end."""
    PLAN = "plan"
    """The changes of a rollout are worked out."""
    SOAK = "soak"
    """It waits for what has to hold before it goes on or people are asked, such as its time in staging."""
    APPROVAL = "approval"
    """It waits for people."""
    HELD_BACK = "held-back"
    """It waits for a freeze, a hold, a closed window or the time to object to end."""
    COPY = "copy"
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
    """The release that was live before is brought back."""

    @property
    def phase(self) -> Phase:  # noqa: C901, PLR0912 - a table that the type checker completes
        """The phase of a release that is in this stage."""
        match self:
            case Stage.JOIN:
                return Phase.JOINING
            case Stage.RESOLVE:
                return Phase.RESOLVING
            case Stage.QUEUE:
                return Phase.QUEUED
            case Stage.PLAN:
                return Phase.PLANNING
            case Stage.SOAK:
                return Phase.SOAKING
            case Stage.APPROVAL:
                return Phase.AWAITING_APPROVAL
            case Stage.HELD_BACK:
                return Phase.HELD_BACK
            case Stage.COPY:
                return Phase.COPYING
            case Stage.BEFORE:
                return Phase.PREPARING
            case Stage.DEPLOY:
                return Phase.DEPLOYING
            case Stage.CHECK:
                return Phase.CHECKING
            case Stage.AFTER:
                return Phase.FINISHING
            case Stage.VERIFY:
                return Phase.VERIFYING
            case Stage.ROLL_BACK:
                return Phase.ROLLING_BACK
            case unreachable:
                assert_never(unreachable)

    @property
    def waits(self) -> bool:
        """Whether the release only waits in this stage, for a person, time or another release."""
        return self.phase.waits
