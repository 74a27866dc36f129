"""Fields that every API server refuses because they do not go together, though each of them keeps its schema."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from .documents import Document
from .images import containers, pod_spec
from .objects import look_up
from .problems import Problem, Steps, short_value

type Spec = Mapping[str, Any]
type Faults = Iterator[tuple[Steps, str]]
"""The place of a problem below `spec`, and the expectation there."""

_USUAL_DEADLINE: Final = 600
"""Seconds that the server fills in where a Deployment has no progressDeadlineSeconds."""
_CRON_FIELDS: Final = 5
_UNITS: Final[Mapping[str, Decimal]] = {
    "Ki": Decimal(2**10),
    "Mi": Decimal(2**20),
    "Gi": Decimal(2**30),
    "Ti": Decimal(2**40),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "m": Decimal("0.001"),
}


def together_problems(document: Document, value: Mapping[str, Any]) -> Iterator[Problem]:
    """`value` is the document's value with its names replaced."""
    spec = value.get("spec")
    rules = _RULES.get((str(value.get("apiVersion")), str(value.get("kind"))))
    if rules is None or not isinstance(spec, Mapping):
        return
    for steps, expected in rules(spec):
        yield document.problem(("spec", *steps), expected=expected, got=short_value(_at(spec, steps)))
    for at, container in containers(value):
        for steps, expected in _resources(container):
            yield document.problem((*at, *steps), expected=expected, got=short_value(look_up(container, steps)))
        if value.get("kind") != "StatefulSet":  # whose mounts not every server compares with its volumes
            names = [each.get("name") for each in _mappings(pod_spec(value).get("volumes"))]
            for number, mount in enumerate(_mappings(container.get("volumeMounts"))):
                if mount.get("name") not in names:
                    steps = (*at, "volumeMounts", number, "name")
                    expected = "a volume of spec.volumes of the pod"
                    yield document.problem(steps, expected=expected, got=short_value(mount.get("name")))


def _deployment(spec: Spec) -> Faults:
    yield from _without_end(spec)
    wait, deadline = spec.get("minReadySeconds") or 0, spec.get("progressDeadlineSeconds")
    deadline = _USUAL_DEADLINE if deadline is None else deadline
    if isinstance(wait, int) and isinstance(deadline, int) and deadline <= wait:
        yield ("progressDeadlineSeconds",), f"more than minReadySeconds ({wait}); it is {_USUAL_DEADLINE} if not said"
    strategy = _mapping(spec.get("strategy"))
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        yield ("strategy", "rollingUpdate"), "none, as the type is Recreate"
    elif _is_zero(_mapping(rolling).get("maxSurge")) and _is_zero(_mapping(rolling).get("maxUnavailable")):
        yield ("strategy", "rollingUpdate", "maxUnavailable"), "more than 0, as maxSurge is 0"


def _daemon_set(spec: Spec) -> Faults:
    yield from _without_end(spec)
    strategy = _mapping(spec.get("updateStrategy"))
    rolling = strategy.get("rollingUpdate")
    if not isinstance(rolling, Mapping) or strategy.get("type") == "OnDelete":
        return
    none_more = _is_zero(0 if (surge := rolling.get("maxSurge")) is None else surge)
    none_less = _is_zero(1 if (unavailable := rolling.get("maxUnavailable")) is None else unavailable)
    if none_more and none_less:
        yield ("updateStrategy", "rollingUpdate", "maxUnavailable"), "more than 0, as maxSurge is 0"
    elif not none_more and not none_less:
        yield ("updateStrategy", "rollingUpdate", "maxUnavailable"), "0, as maxSurge is not; it is 1 if not said"


def _stateful_set(spec: Spec) -> Faults:
    yield from _without_end(spec)
    if look_up(spec, ("updateStrategy", "type")) == "OnDelete" and look_up(spec, ("updateStrategy", "rollingUpdate")):
        yield ("updateStrategy", "rollingUpdate"), "none, as the type is OnDelete"


def _without_end(spec: Spec) -> Faults:
    pod = ("template", "spec")
    if look_up(spec, (*pod, "restartPolicy")) not in (None, "Always"):
        yield (*pod, "restartPolicy"), "Always, as its pods have no end"
    if look_up(spec, (*pod, "activeDeadlineSeconds")) is not None:
        yield (*pod, "activeDeadlineSeconds"), "none, as its pods have no end"


def _job(spec: Spec) -> Faults:
    indexed, counted = spec.get("completionMode") == "Indexed", spec.get("completions") is not None
    if indexed and not counted and spec.get("parallelism") is not None:  # without either, each is 1
        yield ("completions",), "a number, as completionMode is Indexed"
    if spec.get("backoffLimitPerIndex") is not None and not indexed:
        yield ("backoffLimitPerIndex",), "none, unless completionMode is Indexed"
    if spec.get("podFailurePolicy") and look_up(spec, ("template", "spec", "restartPolicy")) != "Never":
        yield ("template", "spec", "restartPolicy"), "Never, as there is a podFailurePolicy"


def _cron_job(spec: Spec) -> Faults:
    job: Steps = ("jobTemplate", "spec")
    yield from (((*job, *steps), expected) for steps, expected in _job(_mapping(look_up(spec, job))))
    if look_up(spec, (*job, "selector")) is not None:
        yield (*job, "selector"), "none, as the server makes it"
    schedule = spec.get("schedule")
    if isinstance(schedule, str) and "TZ" in schedule:
        yield ("schedule",), "no TZ in it: say timeZone"
    elif isinstance(schedule, str) and not schedule.startswith("@") and len(schedule.split()) != _CRON_FIELDS:
        yield ("schedule",), "five fields: minute, hour, day of the month, month, day of the week"


def _autoscaler(spec: Spec) -> Faults:
    least, most = spec.get("minReplicas"), spec.get("maxReplicas")
    least = 1 if least is None else least
    if isinstance(least, int) and isinstance(most, int) and most < least:
        yield ("maxReplicas",), f"at least minReplicas ({least})"


def _budget(spec: Spec) -> Faults:
    if spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
        yield ("maxUnavailable",), "none beside minAvailable"


def _service(spec: Spec) -> Faults:
    type_named, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    if type_named == "ExternalName":
        if not spec.get("externalName"):
            yield ("externalName",), "a host name, as the type is ExternalName"
        return
    if headless and type_named != "ClusterIP":
        yield ("clusterIP",), f"another than None, as the type is {type_named}"
    ports, names = _mappings(spec.get("ports")), list[Any]()
    if not ports and not headless:
        yield ("ports",), "at least one port"
    for number, port in enumerate(ports):
        name = port.get("name")
        if len(ports) > 1 and (not name or name in names):
            yield ("ports", number, "name"), "a name of its own, as there are several ports"
        if type_named == "ClusterIP" and port.get("nodePort"):
            yield ("ports", number, "nodePort"), "none, as the type is ClusterIP"
        names.append(name)


def _ingress(spec: Spec) -> Faults:
    if not spec.get("rules") and not spec.get("defaultBackend"):
        yield (), "rules or a defaultBackend"
    for number, rule in enumerate(_mappings(spec.get("rules"))):
        for index, path in enumerate(_mappings(look_up(rule, ("http", "paths")))):
            text = path.get("path")
            if path.get("pathType") in ("Exact", "Prefix") and not str(text or "").startswith("/"):
                yield ("rules", number, "http", "paths", index, "path"), "a path that begins with /"


def _resources(container: Mapping[str, Any]) -> Faults:
    limits = _mapping(look_up(container, ("resources", "limits")))
    for name, asked in _mapping(look_up(container, ("resources", "requests"))).items():
        least, most = _amount(asked), _amount(limits.get(name))
        if least is not None and most is not None and least > most:
            yield ("resources", "requests", name), f"at most its limit ({short_value(limits[name])})"


def _amount(quantity: Any) -> Decimal | None:
    """None for a value that is no amount, or has a rare unit: the server judges it."""
    text = str(quantity)
    unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
    try:
        amount = Decimal(text.removesuffix(unit)) * _UNITS.get(unit, 1)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def _at(spec: Any, steps: Steps) -> Any:
    for step in steps:
        is_item = isinstance(spec, list) and isinstance(step, int)
        spec = spec[step] if is_item else _mapping(spec).get(str(step))
    return spec


def _is_zero(amount: Any) -> bool:
    return amount == "0%" or (amount == 0 and not isinstance(amount, bool))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [_mapping(each) for each in value] if isinstance(value, list) else []


_RULES: Final[Mapping[tuple[str, str], Callable[[Spec], Faults]]] = {
    ("apps/v1", "Deployment"): _deployment,
    ("apps/v1", "DaemonSet"): _daemon_set,
    ("apps/v1", "StatefulSet"): _stateful_set,
    ("batch/v1", "Job"): _job,
    ("batch/v1", "CronJob"): _cron_job,
    ("autoscaling/v2", "HorizontalPodAutoscaler"): _autoscaler,
    ("policy/v1", "PodDisruptionBudget"): _budget,
    ("v1", "Service"): _service,
    ("networking.k8s.io/v1", "Ingress"): _ingress,
}
