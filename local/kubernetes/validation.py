"""Rules that an object must keep beyond its shape: names, required fields, fields that may not change."""

import re

from .errors import ApiError, Fault, invalid
from .resources import Json, Resource
from .selectors import spec_selects

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_NAMED = frozenset({"Namespace", "Service", "Pod"})
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
_IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("selector",),
    "ReplicaSet": ("selector",),
    "DaemonSet": ("selector",),
    "StatefulSet": ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    "Job": ("selector", "template", "completionMode", "completions"),
    "Service": ("clusterIP",),
}
_POD_CHANGEABLE = frozenset({"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"})


def check_object(resource: Resource, thing: Json) -> None:
    """Refuse an object whose name or required fields are wrong (422)."""
    name = thing["metadata"]["name"]
    faults = [*_name_faults(resource, name), *_label_faults(thing["metadata"].get("labels") or {}, "metadata.labels")]
    spec = thing.get("spec") or {}
    match resource.kind:
        case "Pod":
            faults += _pod_faults(spec, "spec")
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet":
            faults += _workload_faults(spec)
        case "Job":
            faults += _pod_faults(spec["template"]["spec"], "spec.template.spec")
            faults += _job_faults(spec)
        case "Service":
            faults += _service_faults(spec)
    if faults:
        raise invalid(resource, name, faults)


def check_change(resource: Resource, old: Json, new: Json) -> None:
    """Refuse a change of a field that may not change (422)."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    faults = [
        Fault(f"spec.{name}", "Invalid value: field is immutable")
        for name in _IMMUTABLE.get(resource.kind, ())
        if before.get(name) != after.get(name)
    ]
    if resource.kind == "Pod":
        faults += _pod_change_faults(before, after)
    if resource.kind in ("ConfigMap", "Secret") and old.get("immutable"):
        faults += [
            Fault(name, "Forbidden: field is immutable when `immutable` is set", "FieldValueForbidden")
            for name in ("data", "binaryData", "immutable")
            if old.get(name) != new.get(name)
        ]
    if faults:
        raise invalid(resource, new["metadata"]["name"], faults)


def check_generate_name(resource: Resource, metadata: Json) -> None:
    if not metadata.get("name") and not metadata.get("generateName"):
        fault = Fault("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        raise invalid(resource, "", [fault])


def terminating(namespace: str, resource: Resource, name: str) -> ApiError:
    text = (
        f'{resource.qualified} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated"
    )
    return ApiError(
        403, "Forbidden", text, {"events": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
    )


def _name_faults(resource: Resource, name: str) -> list[Fault]:
    longest = 63 if resource.kind in _LABEL_NAMED - {"Pod"} else 253
    if len(name) > longest:
        return [Fault("metadata.name", f"Invalid value: {name!r}: must be no more than {longest} characters")]
    if resource.kind in ("Role", "RoleBinding") or _NAME.fullmatch(name):
        return []
    text = (
        f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '
        "'-' or '.', and must start and end with an alphanumeric character"
    )
    return [Fault("metadata.name", text)]


def _label_faults(labels: Json, field: str) -> list[Fault]:
    return [
        Fault(field, f'Invalid value: "{value}": a valid label must be at most 63 alphanumeric characters, -, _ or .')
        for value in labels.values()
        if not _LABEL_VALUE.fullmatch(str(value))
    ]


def _required(field: str) -> Fault:
    return Fault(field, "Required value", "FieldValueRequired")


def _pod_faults(spec: Json, field: str) -> list[Fault]:
    containers = spec.get("containers") or []
    faults = [] if containers else [_required(f"{field}.containers")]
    seen: set[str] = set()
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or []):
            here = f"{field}.{kind}[{number}]"
            faults += [_required(f"{here}.{name}") for name in ("name", "image") if not container.get(name)]
            if container.get("name") in seen:
                faults.append(Fault(f"{here}.name", f'Duplicate value: "{container["name"]}"', "FieldValueDuplicate"))
            seen.add(container.get("name", ""))
    return faults


def _workload_faults(spec: Json) -> list[Fault]:
    faults = _pod_faults(spec["template"]["spec"], "spec.template.spec")
    selector = spec.get("selector")
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    faults += _label_faults(labels, "spec.template.metadata.labels")
    if not selector:
        faults.append(_required("spec.selector"))
    elif not spec_selects(selector, labels):
        faults.append(
            Fault(
                "spec.template.metadata.labels", f"Invalid value: {labels}: `selector` does not match template `labels`"
            )
        )
    for name in ("replicas", "minReadySeconds", "progressDeadlineSeconds"):
        if spec.get(name, 0) < 0:
            faults.append(Fault(f"spec.{name}", f"Invalid value: {spec[name]}: must be greater than or equal to 0"))
    if spec["template"]["spec"].get("restartPolicy") != "Always":
        faults.append(
            Fault(
                "spec.template.spec.restartPolicy",
                'Unsupported value: supported values: "Always"',
                "FieldValueNotSupported",
            )
        )
    return faults


def _job_faults(spec: Json) -> list[Fault]:
    policy = spec["template"]["spec"].get("restartPolicy")
    if policy in ("Never", "OnFailure"):
        return []
    text = f'Required value: valid values: "OnFailure", "Never", got "{policy}"'
    return [Fault("spec.template.spec.restartPolicy", text, "FieldValueRequired")]


def _service_faults(spec: Json) -> list[Fault]:
    ports = spec.get("ports") or []
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None":
        return []
    faults = [] if ports else [_required("spec.ports")]
    for number, port in enumerate(ports):
        if not 1 <= port.get("port", 0) <= 65535:
            faults.append(
                Fault(
                    f"spec.ports[{number}].port",
                    f"Invalid value: {port.get('port')}: must be between 1 and 65535, inclusive",
                )
            )
        if len(ports) > 1 and not port.get("name"):
            faults.append(_required(f"spec.ports[{number}].name"))
    return faults


def _pod_change_faults(before: Json, after: Json) -> list[Fault]:
    def fixed(spec: Json) -> Json:
        kept = {k: v for k, v in spec.items() if k not in _POD_CHANGEABLE and k != "nodeName"}
        for kind in ("containers", "initContainers"):
            kept[kind] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(kind) or []]
        return kept

    if fixed(before) == fixed(after):
        return []
    text = "Forbidden: pod updates may not change fields other than images, activeDeadlineSeconds, tolerations"
    return [Fault("spec", text, "FieldValueForbidden")]
