"""Whether a workload's rollout is done, in progress or failed: one rule per kind of workload.

Pure functions over objects as the API server returns them. They count as `kubectl rollout status` does, and differ in
this: a StatefulSet's revisions are compared; pods that are up outweigh a condition of a moment ago; a failure counts
only if it concerns the newest template, as after a rollback the conditions describe the failed one for a while.

Every rule except that for Jobs waits until `status.observedGeneration` reaches `metadata.generation`: before that, the
status describes an older spec.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slipway.domain.model import Record

from .pods import failure_of, hindrance_of
from .records import Json, ProgressState

_TOLD = 3
"""The reason for all workloads quotes at most this many of their reasons."""

_HINTS = 2
"""The reason for one workload quotes at most this much of what holds it up."""

PAUSED = "the Deployment is paused (let it go on with: kubectl rollout resume)"
SUSPENDED = "the Job is suspended (let it go on by setting its suspend to false)"
BY_HAND = "updateStrategy OnDelete: pods get the new template only when someone deletes them; use RollingUpdate"

_DEFAULT_DEADLINE = 600
"""Seconds that the API server fills in where a Deployment has no progressDeadlineSeconds."""

_QUOTED_SET = re.compile(r'ReplicaSet "([^"]+)"')


class WorkloadVerdict(Record):
    """A rule's result for one workload, with the reason."""

    state: ProgressState
    reason: str


class WorkloadEvidence(Record):
    """What else was read because the workload is not done."""

    pods: tuple[Json, ...] = ()
    """Its pods of the newest template."""
    replica_set: Json | None = None
    """A Deployment's newest ReplicaSet."""
    hints: tuple[str, ...] = ()
    """What else holds it up, for people: nodes that a DaemonSet waits for, pods that a StatefulSet does not replace."""


NO_EVIDENCE = WorkloadEvidence()


def deployment(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    spec, status = _spec(live), _status(live)
    if not _observed(live):
        return _waiting("the new spec is not observed yet")
    if spec.get("paused"):
        return _waiting(PAUSED)
    if lack := _deployment_lacks(spec, status):
        verdict = _unless_hindered(evidence, lack)
        return verdict if verdict.state is ProgressState.FAILED else _late(spec, status, evidence) or verdict
    return _done(f"{_count(status, 'availableReplicas')} of {_count(spec, 'replicas', default=1)} pods are available")


def _late(spec: Mapping[str, Any], status: Mapping[str, Any], evidence: WorkloadEvidence) -> WorkloadVerdict | None:
    """Failed if the newest ReplicaSet exceeded a progress deadline that the team set.

    The server's own ten minutes are nobody's wish, and pods may become ready after them: then `rollout_within` counts.
    """
    late = _condition(status, "Progressing") or {}
    if late.get("reason") != "ProgressDeadlineExceeded" or _about_another_set(late, evidence):
        return None
    if _count(spec, "progressDeadlineSeconds", default=_DEFAULT_DEADLINE) == _DEFAULT_DEADLINE:
        return None
    return _failed("; ".join((f"ProgressDeadlineExceeded: {late.get('message', '')}", *_hints(evidence))))


def _deployment_lacks(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str | None:
    replicas = _count(spec, "replicas", default=1)
    updated, available = _count(status, "updatedReplicas"), _count(status, "availableReplicas")
    old = _count(status, "replicas") - updated
    if updated < replicas:
        return f"{updated} of {replicas} pods have the new template"
    if old > 0:
        return f"{old} old pods are not gone yet"
    return f"{available} of {updated} new pods are available" if available < updated else None


def stateful_set(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    spec, status = _spec(live), _status(live)
    if not _observed(live):
        return _waiting("the new spec is not observed yet")
    if on_delete(spec):
        return _by_hand(_count(status, "updatedReplicas"), _count(spec, "replicas", default=1))
    if lack := _stateful_set_lacks(spec, status):
        return _unless_hindered(evidence, lack)
    return _done(f"{_count(status, 'readyReplicas')} of {_count(spec, 'replicas', default=1)} pods are ready")


def _stateful_set_lacks(spec: Mapping[str, Any], status: Mapping[str, Any]) -> str | None:
    replicas = _count(spec, "replicas", default=1)
    ready, updated, available = (_count(status, f"{word}Replicas") for word in ("ready", "updated", "available"))
    partition = _count((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}, "partition")
    due = max(replicas - partition, 0)
    if updated < due:
        return f"{updated} of {due} pods have the new template"
    if ready < replicas:
        return f"{ready} of {replicas} pods are ready"
    if spec.get("minReadySeconds") and available < replicas:
        return f"{available} of {replicas} pods have been ready for long enough"
    # Right after a change the counts can still describe the old revision. With a partition the two always differ.
    if partition == 0 and replicas and status.get("currentRevision") != status.get("updateRevision"):
        return "not all pods have the newest revision"
    return None


def daemon_set(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    spec, status = _spec(live), _status(live)
    if not _observed(live):
        return _waiting("the new spec is not observed yet")
    desired = _count(status, "desiredNumberScheduled")
    updated, available = _count(status, "updatedNumberScheduled"), _count(status, "numberAvailable")
    if on_delete(spec):
        return _by_hand(updated, desired)
    if updated < desired:
        return _unless_hindered(evidence, f"{updated} of {desired} pods have the new template")
    if available < desired:
        return _unless_hindered(evidence, f"{available} of {desired} pods are available")
    return _done(f"{available} of {desired} nodes have an available pod")


def job(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    """Only Complete and Failed are final: SuccessCriteriaMet and FailureTarget are set before the pods have stopped."""
    spec, status = _spec(live), _status(live)
    if complete := _true(status, "Complete"):
        return _done(str(complete.get("message") or "the Job is complete"))
    if failed := _true(status, "Failed"):
        return _failed(": ".join(filter(None, (failed.get("reason"), failed.get("message")))) or "the Job failed")
    if spec.get("suspend"):
        return _waiting(SUSPENDED)
    active, lost = _count(status, "active"), _count(status, "failed")
    return _unless_hindered(evidence, f"{active} pods active" + (f", {lost} failed" if lost else ""))


RULES = {"Deployment": deployment, "StatefulSet": stateful_set, "DaemonSet": daemon_set, "Job": job}
"""The kinds whose rollout is watched; an object of any other kind is done once it is applied."""


def altogether(verdicts: Iterable[tuple[str, WorkloadVerdict]]) -> WorkloadVerdict:
    """One verdict for pairs of label and verdict: failed if any is, done if all are."""
    labelled = list(verdicts)
    for state in (ProgressState.FAILED, ProgressState.WAITING):
        reasons = [f"{label}: {verdict.reason}" for label, verdict in labelled if verdict.state is state]
        if reasons:
            shown, hidden = reasons[:_TOLD], len(reasons) - _TOLD
            return WorkloadVerdict(
                state=state, reason="; ".join(shown) + (f" (and {hidden} more)" if hidden > 0 else "")
            )
    if not labelled:
        return _done("there is nothing to wait for")
    return _done("1 workload is up" if len(labelled) == 1 else f"all {len(labelled)} workloads are up")


def _unless_hindered(evidence: WorkloadEvidence, reason: str) -> WorkloadVerdict:
    """Waiting, or failed if a newest pod shows that nothing but another release will make it ready."""
    for pod in evidence.pods:
        if why := failure_of(pod):
            return _failed(why)
    return _waiting("; ".join((reason, *_hints(evidence))))


def _hints(evidence: WorkloadEvidence) -> list[str]:
    """What holds the workload up, as far as anything tells."""
    hints = (*evidence.hints, _pods_not_made(evidence), *(hindrance_of(pod) for pod in evidence.pods))
    return list(dict.fromkeys(filter(None, hints)))[:_HINTS]


def _pods_not_made(evidence: WorkloadEvidence) -> str | None:
    """Why the newest ReplicaSet cannot make pods. It tries again: a quota is raised, a ServiceAccount is made later."""
    failure = _true(_status(evidence.replica_set or {}), "ReplicaFailure")
    if failure is None:
        return None
    why = failure.get("message") or failure.get("reason")
    return f"no pod can be made: {why} (it is tried again; mend what it names)"


def _about_another_set(condition: Mapping[str, Any], evidence: WorkloadEvidence) -> bool:
    """Whether the condition names an older ReplicaSet, so that it is left over from the previous rollout."""
    named = _QUOTED_SET.search(str(condition.get("message", "")))
    newest = evidence.replica_set
    return named is not None and newest is not None and named[1] != newest["metadata"]["name"]


def _by_hand(updated: int, desired: int) -> WorkloadVerdict:
    if updated < desired:
        return _failed(BY_HAND)
    return _done(f"{updated} of {desired} pods have the new template")


def on_delete(spec: Mapping[str, Any]) -> bool:
    return (spec.get("updateStrategy") or {}).get("type") == "OnDelete"


def _observed(live: Mapping[str, Any]) -> bool:
    return _count(_status(live), "observedGeneration") >= _count(live.get("metadata") or {}, "generation", default=1)


def _spec(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("spec") or {}


def _status(live: Mapping[str, Any]) -> Mapping[str, Any]:
    return live.get("status") or {}


def _count(values: Mapping[str, Any], name: str, *, default: int = 0) -> int:
    value = values.get(name)
    return default if value is None else int(value)


def _conditions(status: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return status.get("conditions") or ()


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((c for c in _conditions(status) if c.get("type") == kind), None)


def _true(status: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    return next((c for c in _conditions(status) if c.get("type") == kind and c.get("status") == "True"), None)


def _done(reason: str) -> WorkloadVerdict:
    return WorkloadVerdict(state=ProgressState.DONE, reason=reason)


def _waiting(reason: str) -> WorkloadVerdict:
    return WorkloadVerdict(state=ProgressState.WAITING, reason=reason)


def _failed(reason: str) -> WorkloadVerdict:
    return WorkloadVerdict(state=ProgressState.FAILED, reason=reason)
