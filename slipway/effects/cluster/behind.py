"""Checks that acceptance tests reach the release's own pods, and no others.

Tests reach a release by its Services. Anybody who may write in the namespace can point a Service at other pods, or put
a pod of their own behind it; the tests would then judge something other than the release.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from .diff import projected
from .fields import CONTROL_PLANE, time_of
from .kinds import ManifestTarget
from .names import FIELD_MANAGER
from .objects import Objects, built_in
from .records import Json

_POD: Final = built_in("v1", "Pod")
_SERVICE: Final = "Service"
_RUNS: Final = ("image", "command", "args")
_ENDED: Final = frozenset({"Succeeded", "Failed"})
_LEADS: Final = {"type": "ClusterIP", "selector": None}
"""The fields, besides ports, that decide where a Service leads, with the server's defaults."""


def why_others_answered(
    objects: Objects, targets: Sequence[ManifestTarget], namespace: str, began: datetime | None
) -> str:
    """Why something other than the release may have answered its tests: a Service that was pointed elsewhere, or a
    foreign pod behind one. Empty if nothing is known. `began`: when the tests were started, by the cluster's clock.
    Raises `ClusterError`."""
    templates = [template for target in targets if (template := _template(target.manifest))]
    for target in targets:
        selector = _selector(target)
        own = [template for template in templates if selector and _selects(selector, template)]
        if not own:  # the manifests do not say where it leads
            continue
        live = objects.get(target.kind, target.name, target.namespace)
        if why := _change_of_service(target, live, began):
            return why
        pods = objects.list(_POD, namespace, selector=",".join(f"{name}={value}" for name, value in selector.items()))
        if not any(_keeps_old_pods(template) for template in own) and (why := _foreign_pod_behind(target, own, pods)):
            return why
    return ""


def _selector(target: ManifestTarget) -> Mapping[str, str]:
    spec = target.manifest.get("spec") if target.kind.kind == _SERVICE else None
    return (spec or {}).get("selector") or {}


def _template(manifest: Mapping[str, Any]) -> Json | None:
    """The template of a workload's pods, with the field that says whether old pods may stay."""
    spec = manifest.get("spec") or {}
    template = spec.get("template") if isinstance(spec, Mapping) else None
    if not isinstance(template, Mapping) or not (template.get("spec") or {}).get("containers"):
        return None
    return {**template, "update": spec.get("updateStrategy") or {}}


def _selects(selector: Mapping[str, str], template: Json) -> bool:
    labels = (template.get("metadata") or {}).get("labels") or {}
    return all(labels.get(name) == value for name, value in selector.items())


def _keeps_old_pods(template: Json) -> bool:
    update = template["update"]
    return update.get("type") == "OnDelete" or bool((update.get("rollingUpdate") or {}).get("partition"))


def _change_of_service(target: ManifestTarget, live: Json | None, began: datetime | None) -> str:
    name = f"Service {target.name}"
    if live is None:
        return f"{name} is gone"
    spec, planned_spec = live.get("spec") or {}, target.manifest["spec"]
    same = all(spec.get(part, default) == planned_spec.get(part, default) for part, default in _LEADS.items())
    if not same or projected(spec.get("ports"), planned_spec.get("ports")) != planned_spec.get("ports"):
        return f"{name} leads somewhere other than where the plan says"
    writers = sorted(set(_written_since(live, began))) if began else []
    return f"{name} was written by {', '.join(writers)[:200]} while the tests ran" if writers else ""


def _written_since(live: Json, began: datetime) -> Iterator[str]:
    """Managers that have written to the object, other than its status, since the tests began. Times are whole seconds:
    if our own write has the second in which they began, it came before them."""
    for entry in live["metadata"].get("managedFields") or ():
        manager, time = str(entry.get("manager")), time_of(entry)
        if entry.get("subresource") or manager in CONTROL_PLANE:
            continue
        if time is None or time > began or (time == began and manager != FIELD_MANAGER):
            yield manager


def _foreign_pod_behind(target: ManifestTarget, templates: Sequence[Json], pods: Sequence[Json]) -> str:
    for pod in pods:
        ended = pod["metadata"].get("deletionTimestamp") or (pod.get("status") or {}).get("phase") in _ENDED
        if not ended and not any(_runs_template(template, pod.get("spec") or {}) for template in templates):
            return (
                f"pod {pod['metadata']['name']} stands behind Service {target.name} and does not belong to the release"
            )
    return ""


def _runs_template(template: Json, spec: Mapping[str, Any]) -> bool:
    """Whether a pod has each container of the template, with the same program. The cluster may add others."""
    ran = {container["name"]: container for container in spec.get("containers") or ()}
    planned = template["spec"]["containers"]
    return all(
        one["name"] in ran and all((ran[one["name"]].get(part) or None) == (one.get(part) or None) for part in _RUNS)
        for one in planned
    )
