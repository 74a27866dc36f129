"""A rule's result for one object, and the grounds for it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from slipway.domain.model import Record

from .containers import Holdup
from .pods import holdups_of
from .records import Json, ProgressState
from .situations import Situation, WatchedKind, state_of

_MOST_REASONS = 3
"""The reason for all workloads quotes at most this many of their reasons."""

_HINTS = 2
"""The most obstacles that the reason for one workload quotes."""


class WorkloadVerdict(Record):
    """A rule's result for one workload, with the reason."""

    state: ProgressState
    situation: Situation
    reason: str


class WorkloadEvidence(Record):
    """The further evidence that was read because the workload is not done."""

    pods: tuple[Json, ...] = ()
    """Its pods of the newest template."""
    replica_set: Json | None = None
    """A Deployment's newest ReplicaSet."""
    hints: tuple[Holdup, ...] = ()
    """Further obstacles: nodes that a DaemonSet waits for, pods that a StatefulSet does not replace, events."""
    asked_at: datetime | None = None
    """When the rollout's objects had just been applied."""
    now: datetime | None = None


NO_EVIDENCE = WorkloadEvidence()


def verdict(kind: WatchedKind, situation: Situation, reason: str) -> WorkloadVerdict:
    return WorkloadVerdict(state=state_of(kind, situation), situation=situation, reason=reason)


def verdict_with_advice(kind: WatchedKind, situation: Situation, what: str) -> WorkloadVerdict:
    """A verdict whose reason says what to do."""
    return verdict(kind, situation, situation.describe(what))


def unfinished_verdict(
    kind: WatchedKind, evidence: WorkloadEvidence, situation: Situation, lack: str
) -> WorkloadVerdict:
    """The verdict on an unfinished workload: its `lack` and its obstacles, or the situation that only another release
    will cure, if its pods show that."""
    hindrances = holdups(evidence)
    for state in (ProgressState.FAILED, ProgressState.HOPELESS):
        for holdup in hindrances:
            if state_of(kind, holdup.situation) is state:
                return verdict(kind, holdup.situation, holdup.text)
    hints = list(dict.fromkeys(holdup.text for holdup in hindrances))[:_HINTS]
    return verdict(kind, hindrances[0].situation if hindrances else situation, "; ".join((lack, *hints)))


def holdups(evidence: WorkloadEvidence) -> list[Holdup]:
    """The workload's obstacles, as far as they show."""
    not_made = list(_pods_not_made(evidence))  # the ReplicaSet's events say the same
    hints = [hint for hint in evidence.hints if not (not_made and hint.situation is Situation.NO_POD)]
    return [
        *hints,
        *not_made,
        *(holdup for pod in evidence.pods for holdup in holdups_of(pod)),
    ]


def _pods_not_made(evidence: WorkloadEvidence) -> Iterable[Holdup]:
    """Why the newest ReplicaSet cannot make pods. It tries again: a quota may be raised, or a ServiceAccount made
    later."""
    status: Mapping[str, Any] = (evidence.replica_set or {}).get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            why = condition.get("message") or condition.get("reason")
            yield Holdup(situation=Situation.NO_POD, text=Situation.NO_POD.describe(f"no pod can be created: {why}"))


def overall_state(verdicts: Iterable[tuple[str, WorkloadVerdict]]) -> tuple[ProgressState, str]:
    """One state and reason for pairs of label and verdict: failed if any is, done if all are."""
    labelled = list(verdicts)
    for state in (ProgressState.FAILED, ProgressState.HOPELESS, ProgressState.WAITING):
        reasons = [f"{label}: {verdict.reason}" for label, verdict in labelled if verdict.state is state]
        if reasons:
            shown, hidden = reasons[:_MOST_REASONS], len(reasons) - _MOST_REASONS
            return state, "; ".join(shown) + (f" (and {hidden} more)" if hidden > 0 else "")
    if not labelled:
        return ProgressState.DONE, "there is nothing to wait for"
    return ProgressState.DONE, "1 workload is up" if len(labelled) == 1 else f"all {len(labelled)} workloads are up"
