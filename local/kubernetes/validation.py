"""Rules for an object beyond its schema: names, required fields, fields that may not change."""

import json
import re
from typing import Any

from slipway.manifests.rules import DATA_KEY, LABEL_KEY, LABEL_VALUE

from . import structural
from .errors import ApiError, FieldFault, invalid
from .resources import DEFINITIONS, Json, Resource
from .selectors import spec_selects
from .together import together_faults

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LONGEST_CRON_JOB = 52
_MOST_DATA = 1024 * 1024
_MOST_ANNOTATIONS = 256 * 1024
_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVICE_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, "
    "and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
    "'[a-z]([-a-z0-9]*[a-z0-9])?')"
)
_NAMED = {
    "Namespace": (_LABEL, _LABEL_WORDS, 63),
    "StatefulSet": (_LABEL, _LABEL_WORDS, 63),
    "Service": (re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?"), _SERVICE_WORDS, 63),
}
"""Kinds whose names have a pattern and a length of their own."""
_FREELY_NAMED = frozenset({"rbac.authorization.k8s.io", "policy"})
_KEY_WORDS = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
_LABEL_KEY_WORDS = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
_IMMUTABLE: dict[str, tuple[str, ...]] = {
    "Deployment": ("selector",),
    "ReplicaSet": ("selector",),
    "DaemonSet": ("selector",),
    "Job": ("selector", "template", "completionMode", "completions"),
}
_CLAIMS = ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates")
_CLAIM_WORDS = (
    "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
    "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are "
    "forbidden"
)
_POD_CHANGEABLE = frozenset({"activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations"})


def check_object(resource: Resource, api_object: Json) -> None:
    """Refuse an object whose name or required fields are wrong (422)."""
    name = api_object["metadata"]["name"]
    faults = [
        *_name_faults(resource, name),
        *_label_faults(api_object["metadata"].get("labels") or {}, "metadata.labels"),
    ]
    faults += _annotation_faults(api_object["metadata"].get("annotations") or {})
    if resource.structural is not None:
        faults += structural.faults(resource.structural, api_object)
    elif resource is DEFINITIONS:
        faults += structural.definition_faults(api_object)
    spec = api_object.get("spec") or {}
    match resource.kind:
        case "Pod":
            faults += _pod_faults(spec, "spec")
        case "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet":
            faults += _workload_faults(spec)
        case "Job":
            faults += _pod_faults(spec["template"]["spec"], "spec.template.spec")
            faults += _job_faults(spec)
        case "ConfigMap" | "Secret":
            faults += _data_faults(api_object)
        case "Ingress":
            faults += _ingress_faults(spec)
    if resource.kind == "Deployment":
        faults += _deployment_faults(spec)
    faults += together_faults(api_object, [fault.field for fault in faults])
    if faults:
        raise invalid(resource, name, faults)


def _finalizer_faults(old: Json, new: Json) -> list[FieldFault]:
    previous = old.get("finalizers") or []
    added = [name for name in new.get("finalizers") or [] if name not in previous]
    if not added or not old.get("deletionTimestamp"):
        return []
    message = f"found new finalizers []string{{{', '.join(map(_as_json, added))}}}"
    text = f"Forbidden: no new finalizers can be added if the object is being deleted, {message}"
    return [FieldFault("metadata.finalizers", text, "FieldValueForbidden")]


def check_change(resource: Resource, old: Json, new: Json) -> None:
    """Refuse a change of a field that may not change (422)."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    faults = [
        FieldFault(f"spec.{name}", f"Invalid value: {_as_json(after.get(name))}: field is immutable")
        for name in _IMMUTABLE.get(resource.kind, ())
        if before.get(name) != after.get(name)
    ]
    if resource.kind == "StatefulSet" and any(before.get(name) != after.get(name) for name in _CLAIMS):
        faults.append(FieldFault("spec", _CLAIM_WORDS, "FieldValueForbidden"))
    if resource.kind == "Service" and before.get("clusterIP") != after.get("clusterIP"):
        addresses = f'["{after.get("clusterIP")}"]'
        faults.append(FieldFault("spec.clusterIPs[0]", f"Invalid value: {addresses}: may not change once set"))
    if resource.kind == "RoleBinding" and old.get("roleRef") != new.get("roleRef"):
        role_ref = {
            key[:1].upper() + key[1:] if key != "apiGroup" else "APIGroup": value
            for key, value in new["roleRef"].items()
        }
        faults.append(FieldFault("roleRef", f"Invalid value: {_as_json(role_ref)}: cannot change roleRef"))
    faults += _finalizer_faults(old["metadata"], new["metadata"])
    if resource.kind == "Pod":
        faults += _pod_change_faults(before, after)
    if resource.kind in ("ConfigMap", "Secret") and old.get("immutable"):
        faults += [
            FieldFault(name, "Forbidden: field is immutable when `immutable` is set", "FieldValueForbidden")
            for name in ("data", "binaryData", "immutable")
            if old.get(name) != new.get(name)
        ]
    if faults:
        raise invalid(resource, new["metadata"]["name"], faults)


def check_generate_name(resource: Resource, metadata: Json) -> None:
    if not metadata.get("name") and not metadata.get("generateName"):
        fault = FieldFault("metadata.name", "Required value: name or generateName is required", "FieldValueRequired")
        raise invalid(resource, "", [fault])


def terminating(namespace: str, resource: Resource, name: str) -> ApiError:
    text = (
        f'{resource.qualified} "{name}" is forbidden: unable to create new content in namespace {namespace} '
        "because it is being terminated"
    )
    return ApiError(
        403, "Forbidden", text, {"causes": [{"reason": "NamespaceTerminating", "field": "metadata.namespace"}]}
    )


def _name_faults(resource: Resource, name: str) -> list[FieldFault]:
    if resource.group in _FREELY_NAMED:
        words = [f"may not be '{name}'"] if name in (".", "..") else []
        words += [f"may not contain '{character}'" for character in "/%" if character in name]
    else:
        pattern, shape, longest = _NAMED.get(resource.kind, (_NAME, _SUBDOMAIN, 253))
        words = [] if len(name) <= longest else [f"must be no more than {longest} characters"]
        if not pattern.fullmatch(name):
            words.append("must not contain dots" if pattern is _LABEL and _NAME.fullmatch(name) else shape)
    if resource.kind == "CronJob" and len(name) > _LONGEST_CRON_JOB:
        words.append(f"must be no more than {_LONGEST_CRON_JOB} characters")
    return [FieldFault("metadata.name", f'Invalid value: "{name}": {text}') for text in words]


def _annotation_faults(annotations: Json, field: str = "metadata.annotations") -> list[FieldFault]:
    for key in annotations:
        if not LABEL_KEY.fullmatch(key.lower()):
            return [FieldFault(field, f'Invalid value: "{key}": {_LABEL_KEY_WORDS}')]
    if sum(len(f"{key}{value}".encode()) for key, value in annotations.items()) <= _MOST_ANNOTATIONS:
        return []
    text = f"Too long: may not be more than {_MOST_ANNOTATIONS} bytes"
    return [FieldFault(field, text, "FieldValueTooLong")]


def _label_faults(labels: Json, field: str) -> list[FieldFault]:
    return [
        FieldFault(field, f'Invalid value: "{key}": {_LABEL_KEY_WORDS}')
        for key in labels
        if not LABEL_KEY.fullmatch(key)
    ] + [
        FieldFault(
            field, f'Invalid value: "{value}": a valid label must be at most 63 alphanumeric characters, -, _ or .'
        )
        for value in labels.values()
        if not LABEL_VALUE.fullmatch(str(value))
    ]


def _required(field: str) -> FieldFault:
    return FieldFault(field, "Required value", "FieldValueRequired")


def _pod_faults(spec: Json, field: str) -> list[FieldFault]:
    containers = spec.get("containers") or []
    faults = [] if containers else [_required(f"{field}.containers")]
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or []):
            path = f"{field}.{kind}[{number}]"
            faults += [_required(f"{path}.{name}") for name in ("name", "image") if not container.get(name)]
            if container.get("name") in names:
                faults.append(
                    FieldFault(f"{path}.name", f'Duplicate value: "{container["name"]}"', "FieldValueDuplicate")
                )
            names.add(container.get("name", ""))
            faults += _container_faults(container, path)
    return faults


def _container_faults(container: Json, path: str) -> list[FieldFault]:
    name = str(container.get("name") or "")
    if not name or _LABEL.fullmatch(name):
        return []
    return [FieldFault(f"{path}.name", f'Invalid value: "{name}": {_LABEL_WORDS}')]


def _data_faults(api_object: Json) -> list[FieldFault]:
    keys = [(kind, key) for kind in ("data", "binaryData") for key in api_object.get(kind) or {}]
    faults = [
        FieldFault(f"{kind}[{key}]", f'Invalid value: "{key}": {_KEY_WORDS}')
        for kind, key in keys
        if not DATA_KEY.fullmatch(key)
    ]
    size = sum(
        len(str(value).encode()) for kind in ("data", "binaryData") for value in (api_object.get(kind) or {}).values()
    )
    if size > _MOST_DATA:
        faults.append(FieldFault("[]", f"Too long: may not be more than {_MOST_DATA} bytes", "FieldValueTooLong"))
    return faults


def _ingress_faults(spec: Json) -> list[FieldFault]:
    return [
        FieldFault(
            f"spec.rules[{n}].http.paths[{m}].pathType",
            "Required value: pathType must be specified",
            "FieldValueRequired",
        )
        for n, rule in enumerate(spec.get("rules") or [])
        for m, path in enumerate((rule.get("http") or {}).get("paths") or [])
        if not path.get("pathType")
    ]


def _deployment_faults(spec: Json) -> list[FieldFault]:
    strategy, faults = spec.get("strategy") or {}, []
    # Nobody owns a rollingUpdate that the server filled in, so no apply removes it.
    if strategy.get("type") == "Recreate" and "rollingUpdate" in strategy:
        text = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        faults.append(FieldFault("spec.strategy.rollingUpdate", text, "FieldValueForbidden"))
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        text = f"Invalid value: {deadline}: must be greater than minReadySeconds"
        faults.append(FieldFault("spec.progressDeadlineSeconds", text))
    return faults


def _as_json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _workload_faults(spec: Json) -> list[FieldFault]:
    faults = _pod_faults(spec["template"]["spec"], "spec.template.spec")
    selector = spec.get("selector")
    metadata = spec["template"].get("metadata") or {}
    labels = metadata.get("labels") or {}
    faults += _label_faults(labels, "spec.template.metadata.labels")
    faults += _annotation_faults(metadata.get("annotations") or {}, "spec.template.annotations")
    if not selector:
        faults.append(_required("spec.selector"))
    elif not spec_selects(selector, labels):
        faults.append(
            FieldFault(
                "spec.template.metadata.labels",
                f"Invalid value: {_as_json(labels)}: `selector` does not match template `labels`",
            )
        )
    return faults


def _job_faults(spec: Json) -> list[FieldFault]:
    return _label_faults((spec["template"].get("metadata") or {}).get("labels") or {}, "spec.template.labels")


def _pod_change_faults(before: Json, after: Json) -> list[FieldFault]:
    def unchangeable_fields(spec: Json) -> Json:
        fixed_fields = {k: v for k, v in spec.items() if k not in _POD_CHANGEABLE and k != "nodeName"}
        for kind in ("containers", "initContainers"):
            fixed_fields[kind] = [{k: v for k, v in c.items() if k != "image"} for c in spec.get(kind) or []]
        return fixed_fields

    if unchangeable_fields(before) == unchangeable_fields(after):
        return []
    text = "Forbidden: pod updates may not change fields other than images, activeDeadlineSeconds, tolerations"
    return [FieldFault("spec", text, "FieldValueForbidden")]
