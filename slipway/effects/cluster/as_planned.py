"""Whether pods run what their manifest says, and nothing else. Pure.

Anybody who may write pods in the namespace can add one that claims to be a Job's, and the cluster counts it. They can
also change the image of a running pod, or put a container into it. Anybody who may write workloads can add a container
or a command that the manifest lacks; an apply leaves it there.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from ...domain.images import InjectedContainer
from .records import Json, Manifest

_LISTS: Final = ("initContainers", "containers")
_RUNS: Final = ("image", "command", "args", "workingDir", "envFrom")
"""The fields of a manifest that decide what a container runs; `env` is compared separately."""
_GIVEN_BY_AKS: Final = frozenset(
    {"AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_AUTHORITY_HOST"}
)
"""Variables that the cluster's workload identity adds to a pod that asks for it."""


def other_than_planned(manifest: Manifest, pods: Iterable[Json], injected: Sequence[InjectedContainer] = ()) -> str:
    """The programs that a Job ran besides those of its manifest; empty if none."""
    template = manifest["spec"]["template"]["spec"]
    compared = False
    for pod in pods:
        compared = True
        if why := difference_from_template(template, pod.get("spec") or {}, injected):
            return pod_not_as_planned(pod, why)
    return "" if compared else "no pod of the Job is left to tell what ran"


def pod_not_as_planned(pod: Json, why: str) -> str:
    return f"pod {pod['metadata']['name']} is not as the plan has it: {why}"


def difference_from_template(
    template: Mapping[str, Any],
    spec: Mapping[str, Any],
    injected: Sequence[InjectedContainer] = (),
    *,
    more_variables: bool = False,
) -> str:
    """How the programs in the spec of a pod or template differ from the planned template; empty if they do not.

    With `more_variables`, additional variables are allowed, since some operators add them to every pod.
    """
    if spec.get("ephemeralContainers"):
        return "somebody added a container to it while it ran"
    for field in _LISTS:
        ran = {container["name"]: container for container in spec.get(field) or ()}
        for planned in template.get(field) or ():
            name = planned["name"]
            if name not in ran:
                return f"it has no container {name}"
            if part := _differing_part(planned, ran[name], more_variables=more_variables):
                return f"container {name} differs in {part}"
    for name, image in added_containers(template, spec):
        if not is_injected(name, image, injected):
            return f"it has a container {name} ({image}), which the plan does not have"
    return ""


def added_containers(template: Mapping[str, Any], spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Name and image of each container that the spec has and the template does not."""
    for field in _LISTS:
        planned = {container["name"] for container in template.get(field) or ()}
        for container in spec.get(field) or ():
            if container["name"] not in planned:
                yield str(container["name"]), str(container.get("image") or "")


def is_injected(name: str, image: str, injected: Sequence[InjectedContainer]) -> bool:
    """Whether the project lets the cluster add the container."""
    return any(each.matches(name, image) for each in injected)


def _differing_part(planned: Mapping[str, Any], ran: Mapping[str, Any], *, more_variables: bool) -> str:
    """The first part in which a container differs."""
    for part in _RUNS:
        if (planned.get(part) or None) != (ran.get(part) or None):
            return part
    planned_variables, live_variables = _environment(planned), _environment(ran)
    more = () if more_variables else live_variables.keys() - planned_variables.keys() - _GIVEN_BY_AKS
    return (
        ""
        if not more and all(live_variables.get(name) == value for name, value in planned_variables.items())
        else "env"
    )


def _environment(container: Mapping[str, Any]) -> dict[str, Any]:
    """Variables by name, without fields that the server fills in."""
    return {variable["name"]: _comparable_value(variable) for variable in container.get("env") or ()}


def _comparable_value(variable: Mapping[str, Any]) -> Any:
    source = variable.get("valueFrom")
    if not source:
        return variable.get("value") or ""
    if field := source.get("fieldRef"):
        return {"fieldRef": field["fieldPath"]}
    if resource := source.get("resourceFieldRef"):
        return {"resourceFieldRef": {**resource, "divisor": str(resource.get("divisor") or "0")}}
    return source
