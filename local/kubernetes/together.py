"""Fields that a server refuses because they do not go together (422), in its own words."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import Fault
from .resources import Json

_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}
_NO_END = {"Deployment": "ReplicaSet", "StatefulSet": "StatefulSet", "DaemonSet": "DaemonSet"}


def together_faults(kind: str, spec: Json) -> list[Fault]:
    rules = _RULES.get(kind)
    return [*_template_faults(kind, spec), *(rules(spec) if rules else [])]


def _deployment(spec: Json) -> list[Fault]:
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    if not _is_zero(rolling.get("maxUnavailable")) or not _is_zero(rolling.get("maxSurge")):
        return []
    here = "spec.strategy.rollingUpdate.maxUnavailable"
    return [_invalid(here, rolling["maxUnavailable"], "may not be 0 when `maxSurge` is 0")]


def _stateful_set(spec: Json) -> list[Fault]:
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") != "OnDelete" or not strategy.get("rollingUpdate"):
        return []
    text = "only allowed for updateStrategy 'RollingUpdate'"
    return [_invalid("spec.updateStrategy.rollingUpdate", strategy["rollingUpdate"], text)]


def _autoscaler(spec: Json) -> list[Fault]:
    if spec["maxReplicas"] >= (spec.get("minReplicas") or 1):
        return []
    return [_invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")]


def _budget(spec: Json) -> list[Fault]:
    if spec.get("minAvailable") is None or spec.get("maxUnavailable") is None:
        return []
    return [_invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")]


def _template_faults(kind: str, spec: Json) -> list[Fault]:
    at, holder = (
        ("spec.jobTemplate.spec", spec.get("jobTemplate", {}).get("spec", {})) if kind == "CronJob" else ("spec", spec)
    )
    if kind not in (*_NO_END, "Job", "CronJob"):
        return []
    pod, found = holder["template"]["spec"], list[Fault]()
    if kind in _NO_END and pod.get("activeDeadlineSeconds") is not None:
        text = f"Forbidden: activeDeadlineSeconds in {_NO_END[kind]} is not Supported"
        found.append(Fault("spec.template.spec.activeDeadlineSeconds", text, "FieldValueForbidden"))
    volumes = {each["name"] for each in pod.get("volumes") or []}
    for number, container in enumerate(pod.get("containers") or []):
        here = f"{at}.template.spec.containers[{number}]"
        for index, mount in enumerate(container.get("volumeMounts") or []):
            if mount["name"] not in volumes and kind != "StatefulSet":
                text = f'Not found: "{mount["name"]}"'
                found.append(Fault(f"{here}.volumeMounts[{index}].name", text, "FieldValueNotFound"))
        resources = container.get("resources") or {}
        limits = resources.get("limits") or {}
        for name, asked in (resources.get("requests") or {}).items():
            least, most = _amount(asked), _amount(limits.get(name))
            if least is not None and most is not None and least > most:
                text = f"must be less than or equal to {name} limit of {limits[name]}"
                found.append(_invalid(f"{here}.resources.requests", asked, text))
    return found


def _daemon_set(spec: Json) -> list[Fault]:
    strategy = spec.get("updateStrategy") or {}
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "OnDelete" or rolling is None:
        return []
    surges, lacks = not _is_zero(rolling.get("maxSurge", 0)), not _is_zero(rolling.get("maxUnavailable", 1))
    here = "spec.updateStrategy.rollingUpdate"
    if surges and lacks:
        return [_invalid(f"{here}.maxSurge", rolling["maxSurge"], "may not be set when maxUnavailable is non-zero")]
    if not surges and not lacks:
        text = "Required value: cannot be 0 when maxSurge is 0"
        return [Fault(f"{here}.maxUnavailable", text, "FieldValueRequired")]
    return []


def _cron_job(spec: Json) -> list[Fault]:
    schedule, found = spec["schedule"], list[Fault]()
    if spec["jobTemplate"]["spec"].get("selector") is not None:
        text = "`selector` will be auto-generated"
        found.append(_invalid("spec.jobTemplate.spec.selector", spec["jobTemplate"]["spec"]["selector"], text))
    if "TZ" in schedule:
        text = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        found.append(_invalid("spec.schedule", schedule, text))
    elif not schedule.startswith("@") and len(schedule.split()) != 5:
        text = f"expected exactly 5 fields, found {len(schedule.split())}: [{' '.join(schedule.split())}]"
        found.append(_invalid("spec.schedule", schedule, text))
    return found


def _service(spec: Json) -> list[Fault]:
    kind, found, names = spec.get("type") or "ClusterIP", list[Fault](), set[str]()
    if kind == "ExternalName":
        lacks = not spec.get("externalName")
        return [Fault("spec.externalName", "Required value", "FieldValueRequired")] if lacks else []
    if spec.get("clusterIP") == "None" and kind != "ClusterIP":
        found.append(_invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {kind} services"))
    for number, port in enumerate(spec.get("ports") or []):
        name = port.get("name")
        if name and name in names:
            found.append(Fault(f"spec.ports[{number}].name", f'Duplicate value: "{name}"', "FieldValueDuplicate"))
        if kind == "ClusterIP" and port.get("nodePort"):
            text = "Forbidden: may not be used when `type` is 'ClusterIP'"
            found.append(Fault(f"spec.ports[{number}].nodePort", text, "FieldValueForbidden"))
        names.add(name or "")
    return found


def _ingress(spec: Json) -> list[Fault]:
    found = list[Fault]()
    if not spec.get("rules") and not spec.get("defaultBackend"):
        found.append(_invalid("spec", spec, "either `defaultBackend` or `rules` must be specified"))
    for number, rule in enumerate(spec.get("rules") or []):
        for index, path in enumerate((rule.get("http") or {}).get("paths") or []):
            text = path.get("path") or ""
            if path.get("pathType") in ("Exact", "Prefix") and not text.startswith("/"):
                here = f"spec.rules[{number}].http.paths[{index}].path"
                found.append(_invalid(here, text, "must be an absolute path"))
    return found


def _invalid(field: str, value: Any, text: str) -> Fault:
    shown = f'"{value}"' if isinstance(value, str) else value
    return Fault(field, f"Invalid value: {shown}: {text}")


def _amount(quantity: Any) -> Decimal | None:
    text = str(quantity)
    if text.endswith("m"):
        text, factor = text[:-1], Decimal("0.001")
    else:
        unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
        text, factor = text.removesuffix(unit), Decimal(_UNITS.get(unit, 1))
    try:
        return Decimal(text) * factor
    except InvalidOperation:
        return None


def _is_zero(amount: Any) -> bool:
    return amount in (0, "0%") and amount is not False


_RULES: dict[str, Callable[[Json], list[Fault]]] = {
    "Deployment": _deployment,
    "DaemonSet": _daemon_set,
    "StatefulSet": _stateful_set,
    "CronJob": _cron_job,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _budget,
    "Service": _service,
    "Ingress": _ingress,
}
