"""Compares the programs that run after a rollout with its plan: the live templates, and each pod of the newest
template.

A controller's counts say that pods of its template are up. This module checks that the template and those pods are what
people voted on: others may have added to the template, or changed a single pod.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...domain.images import InjectedContainer
from ...domain.model import Record
from ...manifests.images import pod_spec
from . import fields
from .as_planned import difference_from_template, pod_not_as_planned
from .kinds import ManifestTarget
from .objects import Objects, map_in_threads
from .rollout import newest_of
from .rules import WITH_PODS, watched

_COUNTS: Mapping[str, str] = {
    "Deployment": "updatedReplicas",
    "StatefulSet": "updatedReplicas",
    "DaemonSet": "updatedNumberScheduled",
}
"""The field in which a workload of each kind reports its pods of the newest template."""
_MOST_OTHERS = 5
_NEVER = datetime.max.replace(tzinfo=UTC)


class ComparedPods(Record):
    """The running pods compared with the plan."""

    others: tuple[str, ...] = ()
    """Running containers that the plan lacks."""
    unread: tuple[str, ...] = ()
    """Workloads whose pods could not be compared, with the reason."""
    too_few: str = ""
    """Why the comparison is not possible yet."""


def compare_pods(
    objects: Objects, targets: Sequence[ManifestTarget], injected: Sequence[InjectedContainer]
) -> ComparedPods:
    """Compares every workload. Raises `ClusterError` if one cannot be read."""
    workloads = [target for target in targets if pod_spec(target.manifest)]
    results = map_in_threads(lambda target: _compare_workload(objects, target, injected), workloads)
    return ComparedPods(
        others=tuple(text for result in results for text in result.others)[:_MOST_OTHERS],
        unread=tuple(text for result in results for text in result.unread),
        too_few="; ".join(result.too_few for result in results if result.too_few),
    )


def _compare_workload(objects: Objects, target: ManifestTarget, injected: Sequence[InjectedContainer]) -> ComparedPods:
    live = objects.get(target.kind, target.name, target.namespace)
    if live is None:
        gone = f"{target.label} is gone, and its pods with it"
        return ComparedPods(unread=(gone,)) if target.kind.kind == "Job" else ComparedPods(too_few=gone)
    planned = pod_spec(target.manifest)
    if why := difference_from_template(planned, pod_spec(live), injected, more_variables=True):
        return ComparedPods(others=(f"{target.label} is not as the plan has it: {why}{_who_took_over(target, live)}",))
    if watched(target.kind.api_version, target.kind.kind) not in WITH_PODS:
        later = target.kind.kind in ("CronJob", "Pod", "PodTemplate")  # no pods yet, or itself
        return ComparedPods() if later else ComparedPods(unread=(f"{target.label}: nobody waits for its pods",))
    if _is_unseen(live):
        return ComparedPods(too_few=f"{target.label}: its controller has not seen the newest template yet")
    pods = newest_of(objects, target, live).pods
    template = _pod_count(live)
    if len(pods) < template:
        if target.kind.kind == "Job":
            return ComparedPods(unread=(f"{target.label}: no pod of it is left",))
        return ComparedPods(too_few=f"{target.label}: {len(pods)} of {template} of its pods are visible")
    others = (
        pod_not_as_planned(pod, why)
        for pod in pods
        if (why := difference_from_template(planned, pod["spec"], injected, more_variables=True))
    )
    return ComparedPods(others=tuple(others))


def _who_took_over(target: ManifestTarget, live: Mapping[str, Any]) -> str:
    """The managers that took over fields of the planned template from Slipway."""
    templates = {"spec": {name: target.manifest["spec"].get(name) for name in ("template", "jobTemplate")}}
    by = fields.managed_fields(templates, live["metadata"].get("managedFields") or (), after=_NEVER).by
    return f", as {by} set it" if by else ""


def _is_unseen(live: Mapping[str, Any]) -> bool:
    """Whether the pods that count as the newest may still be those of the previous template."""
    observed = (live.get("status") or {}).get("observedGeneration") or 0
    return live.get("kind") in _COUNTS and int(observed) < int(live["metadata"].get("generation") or 0)


def _pod_count(live: Mapping[str, Any]) -> int:
    """The number of pods of the newest template, by the workload's own count; for a Job at least one."""
    count = _COUNTS.get(str(live.get("kind")))
    return 1 if count is None else int((live.get("status") or {}).get(count) or 0)
