"""The phases of a release, and every step from one to the next."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a release stands. The last seven are ends; of these, only a failure can be tried again."""

    JOINING = "joining"
    """One of the two facts it starts from has not arrived yet."""
    RESOLVING = "resolving"
    """Its tag is being looked up in the registry."""
    QUEUED = "queued"
    """Another rollout holds the lane; this one is next."""
    PLANNING = "planning"
    """What a rollout would do is being worked out."""
    SOAKING = "soaking"
    """The gate waits until it has been live in an earlier environment for long enough."""
    AWAITING_APPROVAL = "awaiting_approval"
    """The gate is open; people are asked."""
    HELD_BACK = "held_back"
    """The gate is passed; a freeze, a hold or a closed time window keeps it from rolling out."""
    PROMOTING = "promoting"
    """The artifact is being copied into the environment's registry."""
    DEPLOYING = "deploying"
    """The manifests are being applied."""
    CHECKING = "checking"
    """The cluster is bringing the new version up."""
    VERIFYING = "verifying"
    """The acceptance tests are running."""
    ROLLING_BACK = "rolling_back"
    """What was live before is being brought back."""
    COMPLETED = "completed"
    """Live in every environment of the chain."""
    FAILED = "failed"
    """A step failed and nothing was brought back."""
    ROLLED_BACK = "rolled_back"
    """A rollout or its verification failed, and what was live before is live again."""
    REJECTED = "rejected"
    """A person said no."""
    EXPIRED = "expired"
    """Its time to be joined or approved ran out."""
    SUPERSEDED = "superseded"
    """A newer release took its place before its rollout began."""
    CANCELLED = "cancelled"
    """It can or may not go on: its CI run failed, or its environment is gone."""

    @property
    def final(self) -> bool:
        return self in ENDS


ENDS = frozenset(
    {
        Phase.COMPLETED,
        Phase.FAILED,
        Phase.ROLLED_BACK,
        Phase.REJECTED,
        Phase.EXPIRED,
        Phase.SUPERSEDED,
        Phase.CANCELLED,
    }
)
"""A release that is in one of these is under way no more."""

RETRYABLE = frozenset({Phase.FAILED, Phase.ROLLED_BACK})
"""The ends that somebody may send a release on from: with the same digest, as a new attempt, where it failed."""

_WAITING_ENDS = frozenset({Phase.EXPIRED, Phase.SUPERSEDED, Phase.CANCELLED})
_PAST_THE_GATE = frozenset({Phase.HELD_BACK, Phase.PROMOTING, Phase.DEPLOYING})
_ROLLOUT_ENDS = frozenset({Phase.FAILED, Phase.ROLLING_BACK})

TRANSITIONS: dict[Phase, frozenset[Phase]] = {
    Phase.JOINING: frozenset({Phase.RESOLVING, Phase.QUEUED, Phase.PLANNING}) | _WAITING_ENDS,
    Phase.RESOLVING: frozenset({Phase.QUEUED, Phase.PLANNING, Phase.FAILED, Phase.SUPERSEDED, Phase.CANCELLED}),
    Phase.QUEUED: frozenset({Phase.PLANNING, Phase.SUPERSEDED, Phase.CANCELLED}),
    Phase.PLANNING: frozenset(
        {
            Phase.PLANNING,
            Phase.SOAKING,
            Phase.AWAITING_APPROVAL,
            Phase.HELD_BACK,
            Phase.PROMOTING,
            Phase.DEPLOYING,
            Phase.FAILED,
            Phase.SUPERSEDED,
            Phase.CANCELLED,
        }
    ),
    Phase.SOAKING: frozenset({Phase.PLANNING, Phase.SUPERSEDED, Phase.CANCELLED}) | _PAST_THE_GATE,
    Phase.AWAITING_APPROVAL: frozenset({Phase.PLANNING, Phase.REJECTED}) | _PAST_THE_GATE | _WAITING_ENDS,
    Phase.HELD_BACK: frozenset({Phase.PLANNING, Phase.PROMOTING, Phase.DEPLOYING, Phase.SUPERSEDED, Phase.CANCELLED}),
    Phase.PROMOTING: frozenset({Phase.DEPLOYING, Phase.FAILED}),
    Phase.DEPLOYING: frozenset({Phase.CHECKING}) | _ROLLOUT_ENDS,
    Phase.CHECKING: frozenset({Phase.VERIFYING, Phase.QUEUED, Phase.PLANNING, Phase.COMPLETED, Phase.SUPERSEDED})
    | _ROLLOUT_ENDS,
    Phase.VERIFYING: frozenset({Phase.QUEUED, Phase.PLANNING, Phase.COMPLETED, Phase.SUPERSEDED}) | _ROLLOUT_ENDS,
    Phase.ROLLING_BACK: frozenset({Phase.ROLLED_BACK, Phase.FAILED}),
    Phase.COMPLETED: frozenset(),
    Phase.FAILED: frozenset({Phase.RESOLVING, Phase.QUEUED, Phase.PLANNING}),
    Phase.ROLLED_BACK: frozenset({Phase.QUEUED, Phase.PLANNING}),
    Phase.REJECTED: frozenset(),
    Phase.EXPIRED: frozenset(),
    Phase.SUPERSEDED: frozenset(),
    Phase.CANCELLED: frozenset(),
}
"""Every step a release may take; the diagram in docs/reference/states.md is made from it."""

ROLLOUT_PHASES = frozenset({Phase.PROMOTING, Phase.DEPLOYING, Phase.CHECKING, Phase.VERIFYING, Phase.ROLLING_BACK})
"""The phases in which a release holds its lane."""
