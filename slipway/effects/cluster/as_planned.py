"""Whether the pods of a Job ran what its manifest says, and nothing else. Pure.

Whoever may write pods in the namespace can add one that says that it is the Job's, and the cluster counts it; or can
change the image of the one that runs. The Job's own template cannot be changed.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from .records import Json, Manifest

_LISTS: Final = ("initContainers", "containers")
_RUNS: Final = ("image", "command", "args", "workingDir", "envFrom")
"""What decides what a container runs, as its manifest has it; `env` is compared apart."""
_GIVEN_BY_AKS: Final = frozenset(
    {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"}
)
"""Variables that the cluster's workload identity adds to a pod that asks for it."""


def other_than_planned(manifest: Manifest, pods: Iterable[Json]) -> str:
    """What ran that the manifest does not say; empty if nothing did."""
    template = manifest["spec"]["template"]["spec"]
    seen = False
    for pod in pods:
        seen = True
        if why := unlike(template, pod.get("spec") or {}):
            return f"pod {pod['metadata']['name']} is not as the plan has it: {why}"
    return "" if seen else "no pod of the Job is left to tell what ran"


def unlike(template: Mapping[str, Any], spec: Mapping[str, Any]) -> str:
    """In what the spec of a pod, or of a template, runs other than the template; empty if in nothing."""
    if spec.get("ephemeralContainers"):
        return "somebody has put a container into it while it ran"
    for field in _LISTS:
        ran = {container["name"]: container for container in spec.get(field) or ()}
        for planned in template.get(field) or ():
            name = planned["name"]
            if name not in ran:
                return f"it has no container {name}"
            if part := _differs(planned, ran[name]):
                return f"container {name} has another {part}"
    return ""


def _differs(planned: Mapping[str, Any], ran: Mapping[str, Any]) -> str:
    """The first part in which a container differs."""
    for part in _RUNS:
        if (planned.get(part) or None) != (ran.get(part) or None):
            return part
    wanted, found = _environment(planned), _environment(ran)
    added = found.keys() - wanted.keys() - _GIVEN_BY_AKS
    return "" if not added and all(found.get(name) == value for name, value in wanted.items()) else "env"


def _environment(container: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by name, without what the server fills in."""
    return {variable["name"]: _value(variable) for variable in container.get("env") or ()}


def _value(variable: Mapping[str, Any]) -> Any:
    source = variable.get("valueFrom")
    if not source:
        return variable.get("value") or ""
    field = source.get("fieldRef")
    return {"fieldRef": field["fieldPath"]} if field else source
