"""Whether a workload's rollout is done, in progress or failed: one rule per kind of workload.

These are pure functions over objects as the API server returns them: they find the situation, and `situations` gives
its meaning. They count as `kubectl rollout status` does, with three differences. A StatefulSet's revisions are
compared. Pods that are up outweigh an older condition. And a failure counts only if it concerns the newest template,
since after a rollback the conditions still describe the failed one for a while.

Every rule except that for Jobs waits until `status.observedGeneration` reaches `metadata.generation`: before that, the
status describes an older spec.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .conditions import condition, condition_that_holds, count, reason_of, spec_of, status_is_current, status_of
from .custom_resources import custom_resource, is_custom
from .names import NO_NODE_NEEDED
from .records import Json, ProgressState
from .situations import Situation, WatchedKind
from .verdicts import (
    NO_EVIDENCE,
    WorkloadEvidence,
    WorkloadVerdict,
    holdups,
    unfinished_verdict,
    verdict,
    verdict_with_advice,
)

PAUSED = Situation.PAUSED.describe("the Deployment is paused")
SUSPENDED = Situation.SUSPENDED.describe("the Job is suspended")
BY_HAND = Situation.BY_HAND.describe(
    "updateStrategy OnDelete: pods get the new template only when someone deletes them"
)

_DEFAULT_DEADLINE = 600
"""The seconds that the API server fills in if a Deployment has no progressDeadlineSeconds."""

_QUOTED_SET = re.compile(r'ReplicaSet "([^"]+)"')
_NOT_OBSERVED = "the new spec is not observed yet"

type Lack = tuple[Situation, str]
"""The pods or reports that an unfinished workload still lacks."""
type Rule = Callable[[Mapping[str, Any], WorkloadEvidence], WorkloadVerdict]


def deployment(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    kind, spec, status = WatchedKind.DEPLOYMENT, spec_of(live), status_of(live)
    if not status_is_current(live):
        return verdict(kind, Situation.NOT_OBSERVED, _NOT_OBSERVED)
    if spec.get("paused"):
        return verdict(kind, Situation.PAUSED, PAUSED)
    if lack := _deployment_lacks(spec, status):
        hindered = unfinished_verdict(kind, evidence, *lack)
        return (
            hindered if hindered.state is ProgressState.FAILED else _missed_deadline(spec, status, evidence) or hindered
        )
    replicas = count(spec, "replicas", default=1)
    return verdict(kind, Situation.UP, f"{count(status, 'availableReplicas')} of {replicas} pods are available")


def _missed_deadline(
    spec: Mapping[str, Any], status: Mapping[str, Any], evidence: WorkloadEvidence
) -> WorkloadVerdict | None:
    """Failed if the newest ReplicaSet exceeded a progress deadline that the team set.

    The server's default of ten minutes is not the team's choice, and pods may become ready later: then `rollout_within`
    counts.
    """
    late = condition(status, "Progressing") or {}
    if late.get("reason") != "ProgressDeadlineExceeded" or _about_another_set(late, evidence):
        return None
    if count(spec, "progressDeadlineSeconds", default=_DEFAULT_DEADLINE) == _DEFAULT_DEADLINE:
        return None
    texts = (f"ProgressDeadlineExceeded: {late.get('message', '')}", *(holdup.text for holdup in holdups(evidence)[:1]))
    return verdict_with_advice(WatchedKind.DEPLOYMENT, Situation.TOO_LATE, "; ".join(texts))


def _deployment_lacks(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Lack | None:
    replicas = count(spec, "replicas", default=1)
    updated, available = count(status, "updatedReplicas"), count(status, "availableReplicas")
    old = count(status, "replicas") - updated
    if updated < replicas:
        return Situation.UNDER_WAY, f"{updated} of {replicas} pods have the new template"
    if available < updated:
        return Situation.NOT_READY, f"{available} of {updated} new pods are available"
    return (Situation.UNDER_WAY, f"{old} old pods are not gone yet") if old > 0 else None


def stateful_set(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    kind, spec, status = WatchedKind.STATEFUL_SET, spec_of(live), status_of(live)
    replicas = count(spec, "replicas", default=1)
    if not status_is_current(live):
        return verdict(kind, Situation.NOT_OBSERVED, _NOT_OBSERVED)
    if on_delete(spec):
        return _verdict_by_hand(kind, count(status, "updatedReplicas"), replicas)
    if lack := _stateful_set_lacks(spec, status):
        return unfinished_verdict(kind, evidence, *lack)
    return verdict(kind, Situation.UP, f"{count(status, 'readyReplicas')} of {replicas} pods are ready")


def _stateful_set_lacks(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Lack | None:
    replicas = count(spec, "replicas", default=1)
    ready, updated, available = (count(status, f"{word}Replicas") for word in ("ready", "updated", "available"))
    partition = count((spec.get("updateStrategy") or {}).get("rollingUpdate") or {}, "partition")
    due = max(replicas - partition, 0)
    if updated < due:
        return Situation.UNDER_WAY, f"{updated} of {due} pods have the new template"
    if ready < replicas:
        return Situation.NOT_READY, f"{ready} of {replicas} pods are ready"
    if spec.get("minReadySeconds") and available < replicas:
        return Situation.UNDER_WAY, f"{available} of {replicas} pods have been ready for long enough"
    # Right after a change the counts can still describe the old revision. With a partition the two always differ.
    if partition == 0 and replicas and status.get("currentRevision") != status.get("updateRevision"):
        return Situation.UNDER_WAY, "not all pods have the newest revision"
    return None


def daemon_set(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    kind, spec, status = WatchedKind.DAEMON_SET, spec_of(live), status_of(live)
    if not status_is_current(live):
        return verdict(kind, Situation.NOT_OBSERVED, _NOT_OBSERVED)
    desired = count(status, "desiredNumberScheduled")
    updated, available = count(status, "updatedNumberScheduled"), count(status, "numberAvailable")
    if desired == 0 and not _may_have_no_node(live):
        return verdict_with_advice(kind, Situation.UNSCHEDULABLE, "no node is to have a pod of it, so nothing runs")
    if on_delete(spec):
        return _verdict_by_hand(kind, updated, desired)
    if updated < desired:
        lack = f"{updated} of {desired} pods have the new template"
        return unfinished_verdict(kind, evidence, Situation.UNDER_WAY, lack)
    if available < desired:
        return unfinished_verdict(kind, evidence, Situation.NOT_READY, f"{available} of {desired} pods are available")
    return verdict(kind, Situation.UP, f"{available} of {desired} nodes have an available pod")


def _may_have_no_node(live: Mapping[str, Any]) -> bool:
    name, value = NO_NODE_NEEDED
    return ((live.get("metadata") or {}).get("annotations") or {}).get(name) == value


def job(live: Mapping[str, Any], evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    """Only Complete and Failed are final: SuccessCriteriaMet and FailureTarget are set before the pods have stopped."""
    kind, spec, status = WatchedKind.JOB, spec_of(live), status_of(live)
    if complete := condition_that_holds(status, "Complete"):
        return verdict(kind, Situation.UP, str(complete.get("message") or "the Job is complete"))
    if failed := condition_that_holds(status, "Failed"):
        return verdict_with_advice(kind, Situation.FAILED, reason_of(failed) or "the Job failed")
    if spec.get("suspend"):
        return verdict(kind, Situation.SUSPENDED, SUSPENDED)
    active, lost = count(status, "active"), count(status, "failed")
    lack = f"{active} pods active" + (f", {lost} failed" if lost else "")
    return unfinished_verdict(kind, evidence, Situation.UNDER_WAY, lack)


def cron_job(live: Mapping[str, Any], _evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    """Done once it exists: its next run may be a month away, and no earlier run says anything about this release."""
    if spec_of(live).get("suspend"):
        return verdict(
            WatchedKind.CRON_JOB, Situation.SUSPENDED, "it is suspended, and runs nothing until that is changed"
        )
    return verdict(WatchedKind.CRON_JOB, Situation.UP, "it runs by its schedule, next time as this release says")


RULES: Mapping[WatchedKind, Rule] = {
    WatchedKind.DEPLOYMENT: deployment,
    WatchedKind.STATEFUL_SET: stateful_set,
    WatchedKind.DAEMON_SET: daemon_set,
    WatchedKind.JOB: job,
    WatchedKind.CRON_JOB: cron_job,
    WatchedKind.CUSTOM: custom_resource,
}
WITH_PODS = frozenset({WatchedKind.DEPLOYMENT, WatchedKind.STATEFUL_SET, WatchedKind.DAEMON_SET, WatchedKind.JOB})
"""The kinds whose newest pods are looked at while they are not done."""


def watched(api_version: str, kind: str) -> WatchedKind | None:
    """How an object is watched; None for one that is done once it is applied."""
    if is_custom(api_version, kind):
        return WatchedKind.CUSTOM
    return next((each for each in WatchedKind if each.value == kind), None)


def judge_workload(kind: WatchedKind, live: Json | None, evidence: WorkloadEvidence = NO_EVIDENCE) -> WorkloadVerdict:
    """The verdict on the workload as the cluster has it; None if the cluster does not have it."""
    if live is None:
        return verdict_with_advice(kind, Situation.GONE, "it is not in the cluster")
    if (live.get("metadata") or {}).get("deletionTimestamp"):
        return verdict_with_advice(kind, Situation.BEING_DELETED, "the live object is being deleted")
    return RULES[kind](live, evidence)


def _about_another_set(late: Mapping[str, Any], evidence: WorkloadEvidence) -> bool:
    """Whether the condition names an older ReplicaSet, so that it is left over from the previous rollout."""
    quoted = _QUOTED_SET.search(str(late.get("message", "")))
    newest = evidence.replica_set
    return quoted is not None and newest is not None and quoted[1] != newest["metadata"]["name"]


def _verdict_by_hand(kind: WatchedKind, updated: int, desired: int) -> WorkloadVerdict:
    if updated < desired:
        return verdict(kind, Situation.BY_HAND, f"{updated} of {desired} pods have the new template; {BY_HAND}")
    return verdict(kind, Situation.UP, f"{updated} of {desired} pods have the new template")


def on_delete(spec: Mapping[str, Any]) -> bool:
    return (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
