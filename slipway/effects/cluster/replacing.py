"""The rules for Jobs that are deleted and created again, which runs them again. Somebody else's Job is never replaced:
it must have Slipway's managed-by label.

A Job whose template changed: a Job's template is immutable, so applying it again is refused (422). It is replaced when
1. the refusal is about an immutable field, not about anything else;
2. the live Job has ended (Complete or Failed), is suspended, or none of its containers has ever started, for example
   because the image does not exist: work under way, such as a migration, is never cut off.
If only the second does not hold, `apply` raises a retryable Conflict, and a preview shows the Job as replaced.

A Job that failed: applying the same Job again changes nothing, so its old failure would be read again for ever. It is
replaced unless this rollout made it, so that one rollout does not run a failed Job twice.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import ObjectConflict, ObjectRefused
from .fencing import FencedObjects
from .kinds import ManifestTarget
from .names import MANAGED_BY, MANAGED_BY_LABEL
from .objects import Objects, built_in
from .records import Json, ProgressState
from .rules import job

_POD = built_in("v1", "Pod")


def may_replace(target: ManifestTarget, live: Mapping[str, Any], refused: ObjectRefused) -> bool:
    """Whether the Job is ours, and was refused because of an immutable field."""
    labels = live["metadata"].get("labels") or {}
    return target.kind.kind == "Job" and refused.immutable and labels.get(MANAGED_BY_LABEL) == MANAGED_BY


def job_failed(target: ManifestTarget, live: Mapping[str, Any]) -> bool:
    """Whether the Job is Slipway's and has failed, so that the next rollout runs it again."""
    labels = live["metadata"].get("labels") or {}
    ours = target.kind.kind == "Job" and labels.get(MANAGED_BY_LABEL) == MANAGED_BY
    return ours and job(live).state is ProgressState.FAILED


def run_again(objects: FencedObjects, target: ManifestTarget, live: Mapping[str, Any]) -> Json:
    objects.delete(target.kind, target.name, target.namespace, live["metadata"])
    return objects.apply(target).body


def replace(objects: FencedObjects, target: ManifestTarget, refused: ObjectRefused) -> Json:
    """Replace the Job if the rule allows it; raises `refused` or `ObjectConflict` if not."""
    live = objects.get(target.kind, target.name, target.namespace)
    if live is not None and not may_replace(target, live, refused):
        raise refused
    if live is None:
        return objects.apply(target).body
    if not _has_ended(live) and _has_started(objects, live):
        raise ObjectConflict(f"{target.label} still runs with its former template; it is replaced once it has ended")
    return run_again(objects, target, live)


def _has_ended(live: Mapping[str, Any]) -> bool:
    return job(live).state is not ProgressState.WAITING or bool((live.get("spec") or {}).get("suspend"))


def is_running(objects: Objects, target: ManifestTarget) -> bool:
    """Whether the Job is at work: a program of it has started, and it has not ended."""
    live = objects.get(target.kind, target.name, target.namespace)
    return live is not None and not _has_ended(live) and _has_started(objects, live)


def _has_started(objects: Objects, live: Mapping[str, Any]) -> bool:
    """Whether a program of the Job runs or has run, in a pod that exists or in one that the Job has counted."""
    status, metadata = live.get("status") or {}, live["metadata"]
    if any(status.get(count) for count in ("ready", "succeeded", "failed")):
        return True
    selector = f"batch.kubernetes.io/controller-uid={metadata['uid']}"
    pods = objects.list(_POD, str(metadata.get("namespace")), selector=selector)
    return any(_has_run(container) for pod in pods for container in _container_statuses(pod))


def _container_statuses(pod: Mapping[str, Any]) -> Iterator[Json]:
    for field in ("initContainerStatuses", "containerStatuses"):
        yield from (pod.get("status") or {}).get(field) or ()


def _has_run(container: Mapping[str, Any]) -> bool:
    state = container.get("state") or {}
    return bool(state.get("running") or state.get("terminated") or (container.get("lastState") or {}).get("terminated"))
