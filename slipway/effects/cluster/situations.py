"""Kinds and situations: how each is judged while a release is rolled out, and what to do about it. One table.

The rules (`rules`, `custom_resources`) find a workload's situation; only this table says whether a rollout waits for it
to pass. The page docs/reference/rollouts.md is made from it. A rollout waits until `rollout_within` for every situation
that may pass by itself or that somebody can mend in the cluster; only a situation that needs another release ends the
rollout earlier.
"""

from collections.abc import Mapping
from enum import Enum

from .records import ProgressState


class WatchedKind(Enum):
    """A column of the table: the kinds whose rollout is watched. An object of any other kind is done once applied."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"
    CUSTOM = "custom resource"


class Judgement(Enum):
    """What a situation means for a rollout."""

    DONE = ProgressState.DONE, "done"
    WAITS = ProgressState.WAITING, "waits"
    ENDS_IF_IT_LASTS = ProgressState.HOPELESS, "ends if it lasts"
    ENDS = ProgressState.FAILED, "ends at once"
    NEVER = None, "–"

    def __init__(self, state: ProgressState | None, word: str) -> None:
        self.state = state
        self.word = word
        """The word for it in the reference."""


class Situation(Enum):
    """A row of the table: the observation, and the advice for a person."""

    UP = "It is up, complete, or says that it is ready.", "nothing"
    SAYS_NOTHING = "It has no condition that says how it is.", "nothing; the acceptance tests have to find out"
    NOT_OBSERVED = (
        "Its controller has not seen the new spec yet.",
        "if it stays so, check whether its controller is running",
    )
    UNDER_WAY = "Pods are being replaced, a program runs, an operator works.", "nothing"
    NOT_READY = (
        "Its pods run and are not ready, or it says that it is not ready.",
        "read what it says; its readiness probe decides",
    )
    PAUSED = "It is paused.", "let it go on with: kubectl rollout resume"
    SUSPENDED = "It is suspended.", "let it go on by setting its suspend to false"
    BY_HAND = (
        "Its `updateStrategy` is `OnDelete`: pods get the new template only when somebody deletes them.",
        "delete its pods, one after the other, or use RollingUpdate",
    )
    BEING_DELETED = "The live object is being deleted.", "wait until it is gone, or remove the finalizer that keeps it"
    NO_POD = (
        "No pod can be created: a quota, Pod Security, a missing ServiceAccount.",
        "it is tried again; correct what it names",
    )
    UNSCHEDULABLE = "No node accepts a pod.", "add nodes, or ask for less; an autoscaler may be adding one"
    NODE_AWAY = "A node that it needs is not ready.", "bring it back, or take it out of the cluster"
    POD_STUCK = (
        "A pod of an older template is not ready and is not replaced.",
        "have it recreated with: kubectl delete pod {pod}",
    )
    THROTTLED = "The registry limits pulls.", "the registry limits pulls, and the node tries again by itself"
    NOT_ALLOWED = (
        "The registry refuses the pull.",
        "let the cluster's identity pull from this registry (AcrPull), or correct imagePullSecrets",
    )
    NOT_PULLED = (
        "An image cannot be pulled for another reason.",
        "the node tries again by itself; if it stays, look at the registry and at the way to it",
    )
    ABSENT = (
        "The registry says that it has no such image.",
        "push this image, or release one that exists for the platform of the cluster's nodes",
    )
    MISNAMED = "An image's name cannot be read.", "correct the image's name in the manifest"
    NOT_CONFIGURED = (
        "A container refers to something that does not exist: a Secret, a ConfigMap, a key.",
        "create what the container refers to, or correct its name and release again",
    )
    NOT_STARTED = (
        "A container cannot be started.",
        "correct the command, the mounts or the node, whichever the text names",
    )
    CRASHING = (
        "A program ends again and again.",
        "it may wait for something; if it stays, read the log of its previous run",
    )
    INIT_CRASHING = (
        "An init container ends again and again.",
        "an init container may wait for something; if it stays, read its log with: kubectl logs",
    )
    OTHER = "The cluster says something else about a pod or an object.", "read what it says"
    TOO_LATE = (
        "The `progressDeadlineSeconds` that the manifest sets is over.",
        "release again, or set more time; without the field `rollout_within` counts",
    )
    FAILED = "It says that it has failed, and does not try again.", "read why, correct it and release again"
    GONE = "It is not in the cluster.", "somebody deleted it, or its time to live is too short; release again"

    def __init__(self, meaning: str, advice: str) -> None:
        self.meaning = meaning
        self.advice = advice

    def describe(self, what: str, **names: str) -> str:
        """The observation, with what to do about it."""
        return f"{what} ({self.advice.format(**names)})"


D, W, L, E, N = Judgement.DONE, Judgement.WAITS, Judgement.ENDS_IF_IT_LASTS, Judgement.ENDS, Judgement.NEVER

_ROWS: Mapping[Situation, tuple[Judgement, ...]] = {
    # in the order of `WatchedKind`: Deployment, StatefulSet, DaemonSet, Job, CronJob, custom resource
    Situation.UP: (D, D, D, D, D, D),
    Situation.SAYS_NOTHING: (N, N, N, N, N, D),
    Situation.NOT_OBSERVED: (W, W, W, N, N, W),
    Situation.UNDER_WAY: (W, W, W, W, N, W),
    Situation.NOT_READY: (W, W, W, N, N, W),
    Situation.PAUSED: (W, N, N, N, N, W),
    Situation.SUSPENDED: (N, N, N, W, D, D),
    Situation.BY_HAND: (N, W, W, N, N, N),
    Situation.BEING_DELETED: (W, W, W, W, W, W),
    Situation.NO_POD: (W, W, W, W, N, N),
    Situation.UNSCHEDULABLE: (W, W, W, W, N, N),
    Situation.NODE_AWAY: (N, N, W, N, N, N),
    Situation.POD_STUCK: (N, W, N, N, N, N),
    Situation.THROTTLED: (W, W, W, W, N, N),
    Situation.NOT_ALLOWED: (W, W, W, W, N, N),
    Situation.NOT_PULLED: (W, W, W, W, N, N),
    Situation.ABSENT: (L, L, L, L, N, N),
    Situation.MISNAMED: (E, E, E, E, N, N),
    Situation.NOT_CONFIGURED: (W, W, W, W, N, N),
    Situation.NOT_STARTED: (W, W, W, W, N, N),
    Situation.CRASHING: (W, W, W, W, N, N),
    Situation.INIT_CRASHING: (W, W, W, W, N, N),
    Situation.OTHER: (W, W, W, W, N, N),
    Situation.TOO_LATE: (E, N, N, N, N, N),
    Situation.FAILED: (N, N, N, E, N, L),
    Situation.GONE: (L, L, L, L, L, L),
}
JUDGED: Mapping[tuple[WatchedKind, Situation], Judgement] = {
    (kind, situation): judgement
    for situation, row in _ROWS.items()
    for kind, judgement in zip(WatchedKind, row, strict=True)
}


def state_of(kind: WatchedKind, situation: Situation) -> ProgressState:
    """Raises ValueError for a situation in which a workload of the kind never is."""
    state = JUDGED[kind, situation].state
    if state is None:
        raise ValueError(f"a {kind.value} is never {situation.name}")
    return state
