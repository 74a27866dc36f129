"""Each cell of the table of kinds and situations, as an API server would show it.

`test_situations` fails for a cell without a play here, and for a play of a cell that a workload can never be in.
"""

from collections.abc import Callable
from typing import Any

from slipway.effects.cluster.containers import Holdup
from slipway.effects.cluster.situations import Situation, WatchedKind
from slipway.effects.cluster.verdicts import WorkloadEvidence

type Json = dict[str, Any]
type Play = tuple[Json | None, WorkloadEvidence]
"""The live object, and the other evidence that was read."""

_PLAIN = WorkloadEvidence()
_CONTROLLED = (WatchedKind.DEPLOYMENT, WatchedKind.STATEFUL_SET, WatchedKind.DAEMON_SET)
_WITH_PODS = (*_CONTROLLED, WatchedKind.JOB)


def _object(kind: WatchedKind, *, spec: Json | None = None, status: Json | None = None, **metadata: Any) -> Json:
    name = "Test" if kind is WatchedKind.CUSTOM else kind.value
    return {
        "apiVersion": "acme.example/v1" if kind is WatchedKind.CUSTOM else "apps/v1",
        "kind": name,
        "metadata": {"name": "web", "uid": "u", "generation": 2, **metadata},
        "spec": spec or {},
        "status": status or {},
    }


def _counts(kind: WatchedKind, *, updated: int, ready: int) -> Json:
    """The status of a workload that should have one pod."""
    counts: Json
    match kind:
        case WatchedKind.DEPLOYMENT:
            counts = {"replicas": 1, "updatedReplicas": updated, "availableReplicas": ready}
        case WatchedKind.STATEFUL_SET:
            revisions = {"currentRevision": "web-2", "updateRevision": "web-2"}
            counts = {"updatedReplicas": updated, "readyReplicas": ready} | revisions
        case WatchedKind.DAEMON_SET:
            counts = {"desiredNumberScheduled": 1, "updatedNumberScheduled": updated, "numberAvailable": ready}
        case _:
            return {"active": 1}
    return counts | {"observedGeneration": 2}


def _up(kind: WatchedKind) -> Play:
    match kind:
        case WatchedKind.JOB:
            return _object(kind, status=_condition("Complete", "True")), _PLAIN
        case WatchedKind.CRON_JOB:
            return _object(kind), _PLAIN
        case WatchedKind.CUSTOM:
            return _object(kind, status=_condition("Ready", "True")), _PLAIN
        case _:
            return _object(kind, status=_counts(kind, updated=1, ready=1)), _PLAIN


def _condition(kind: str, status: str, reason: str = "", message: str = "") -> Json:
    return {"conditions": [{"type": kind, "status": status, "reason": reason, "message": message}]}


def _not_up(kind: WatchedKind, *, pod: Json | None = None, hint: Situation | None = None, **evidence: Any) -> Play:
    hints = (Holdup(situation=hint, text="it says why"),) if hint else ()
    workload_evidence = WorkloadEvidence(pods=(pod,) if pod else (), hints=hints, **evidence)
    return _object(kind, status=_counts(kind, updated=0, ready=0)), workload_evidence


def _waiting(reason: str, message: str = "", *, init: bool = False) -> Json:
    status = {"name": "web", "restartCount": 7, "state": {"waiting": {"reason": reason, "message": message}}}
    return {
        "metadata": {"name": "web-1"},
        "status": {"initContainerStatuses" if init else "containerStatuses": [status]},
    }


def _pull(message: str) -> Json:
    return _waiting("ImagePullBackOff", f'Back-off pulling image "r/web@sha256:0": ErrImagePull: {message}')


_PODS: dict[Situation, Json] = {
    Situation.UNSCHEDULABLE: {
        "metadata": {"name": "web-1"},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: cpu"}
            ]
        },
    },
    Situation.THROTTLED: _pull("429 Too Many Requests"),
    Situation.NOT_ALLOWED: _pull("401 Unauthorized"),
    Situation.NOT_PULLED: _pull("unexpected EOF"),
    Situation.ABSENT: _pull("manifest unknown"),
    Situation.MISNAMED: _waiting("InvalidImageName", "couldn't parse image name"),
    Situation.NOT_CONFIGURED: _waiting("CreateContainerConfigError", 'secret "web" not found'),
    Situation.NOT_STARTED: _waiting("RunContainerError", "exec: no such file"),
    Situation.CRASHING: _waiting("CrashLoopBackOff"),
    Situation.INIT_CRASHING: _waiting("CrashLoopBackOff", init=True),
    Situation.OTHER: _waiting("NewReason", "of a newer kubelet"),
}


def _not_observed(kind: WatchedKind) -> Play:
    return _object(kind, generation=3, status={"observedGeneration": 2, **_condition("Ready", "True")}), _PLAIN


def _under_way(kind: WatchedKind) -> Play:
    if kind is WatchedKind.CUSTOM:
        return _object(kind, status=_condition("Ready", "Unknown", "Reconciling")), _PLAIN
    return _not_up(kind)


def _not_ready(kind: WatchedKind) -> Play:
    if kind is WatchedKind.CUSTOM:
        return _object(kind, status=_condition("Ready", "False", "DNS", "no answer")), _PLAIN
    return _object(kind, status=_counts(kind, updated=1, ready=0)), _PLAIN


def _paused(kind: WatchedKind) -> Play:
    return _object(kind, spec={"paused": True}, status={"observedGeneration": 2}), _PLAIN


def _suspended(kind: WatchedKind) -> Play:
    return _object(kind, spec={"suspend": True}), _PLAIN


def _by_hand(kind: WatchedKind) -> Play:
    return _object(
        kind, spec={"updateStrategy": {"type": "OnDelete"}}, status=_counts(kind, updated=0, ready=1)
    ), _PLAIN


def _too_late(kind: WatchedKind) -> Play:
    live, evidence = _not_up(kind)
    assert live is not None
    live["spec"] = {"progressDeadlineSeconds": 60}
    live["status"] |= _condition("Progressing", "False", "ProgressDeadlineExceeded", "timed out")
    return live, evidence


def _failed(kind: WatchedKind) -> Play:
    name = "Failed" if kind is WatchedKind.JOB else "Stalled"
    return _object(kind, status=_condition(name, "True", "BackoffLimitExceeded", "too many")), _PLAIN


_PLAYS: dict[Situation, tuple[tuple[WatchedKind, ...], Callable[[WatchedKind], Play]]] = {
    Situation.UP: (tuple(WatchedKind), _up),
    Situation.SAYS_NOTHING: ((WatchedKind.CUSTOM,), lambda kind: (_object(kind), _PLAIN)),
    Situation.NOT_OBSERVED: ((*_CONTROLLED, WatchedKind.CUSTOM), _not_observed),
    Situation.UNDER_WAY: ((*_WITH_PODS, WatchedKind.CUSTOM), _under_way),
    Situation.NOT_READY: ((*_CONTROLLED, WatchedKind.CUSTOM), _not_ready),
    Situation.PAUSED: ((WatchedKind.DEPLOYMENT, WatchedKind.CUSTOM), _paused),
    Situation.SUSPENDED: ((WatchedKind.JOB, WatchedKind.CRON_JOB, WatchedKind.CUSTOM), _suspended),
    Situation.BY_HAND: ((WatchedKind.STATEFUL_SET, WatchedKind.DAEMON_SET), _by_hand),
    Situation.BEING_DELETED: (
        tuple(WatchedKind),
        lambda kind: (_object(kind, deletionTimestamp="2026-11-23T08:00:00Z"), _PLAIN),
    ),
    Situation.NO_POD: (_WITH_PODS, lambda kind: _not_up(kind, hint=Situation.NO_POD)),
    Situation.NODE_AWAY: ((WatchedKind.DAEMON_SET,), lambda kind: _not_up(kind, hint=Situation.NODE_AWAY)),
    Situation.POD_STUCK: ((WatchedKind.STATEFUL_SET,), lambda kind: _not_up(kind, hint=Situation.POD_STUCK)),
    Situation.TOO_LATE: ((WatchedKind.DEPLOYMENT,), _too_late),
    Situation.FAILED: ((WatchedKind.JOB, WatchedKind.CUSTOM), _failed),
    Situation.GONE: (tuple(WatchedKind), lambda _: (None, _PLAIN)),
}
PLAYED: dict[tuple[WatchedKind, Situation], Play] = {
    (kind, situation): play(kind) for situation, (kinds, play) in _PLAYS.items() for kind in kinds
} | {(kind, situation): _not_up(kind, pod=pod) for situation, pod in _PODS.items() for kind in _WITH_PODS}
