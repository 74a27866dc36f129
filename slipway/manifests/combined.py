"""Fields that do not go together: what an API server says of one object, or of one part of it, as a whole.

Each rule is named in the table of `together.py`, which says where it looks.
"""

import json
from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from . import rules as r
from .images import pod_spec
from .problems import Steps, look_up, short_value
from .rules import Faults, Rule, mapping, mappings
from .schedules import expected_schedule

_USUAL_DEADLINE: Final = 600
"""Seconds that the server fills in where a Deployment has no progressDeadlineSeconds."""
_USUAL_GRACE: Final = 30
_STANDARD: Final = ("cpu", "memory", "ephemeral-storage")
_SOURCES: Final[Mapping[str, str]] = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
"""The field of a metric, by its type."""


def workload(spec: Any) -> Faults:
    """A Deployment, DaemonSet, StatefulSet or ReplicaSet."""
    yield from _selector_faults(
        mapping(spec).get("selector"), mapping(look_up(spec, ("template", "metadata", "labels")))
    )
    pod = ("template", "spec")
    if look_up(spec, (*pod, "restartPolicy")) not in (None, "Always"):
        yield (*pod, "restartPolicy"), "Always, as its pods have no end"
    for name, why in (("activeDeadlineSeconds", "as its pods have no end"), ("ephemeralContainers", "in a template")):
        if look_up(spec, (*pod, name)) not in (None, []):
            yield (*pod, name), f"none, {why}"


def _selector_faults(selector: Any, labels: Mapping[str, Any]) -> Faults:
    match_labels, expressions = mapping(mapping(selector).get("matchLabels")), mapping(selector).get("matchExpressions")
    if isinstance(selector, Mapping) and not match_labels and not expressions:
        yield ("selector",), "labels of the template"
    for key, text in match_labels.items():
        if labels.get(key) != text:
            yield ("template", "metadata", "labels", key), f"{short_value(text)}, as the selector says"
    for each in mappings(expressions):
        key, operator, values = str(each.get("key")), each.get("operator"), each.get("values")
        listed = labels.get(key) in values if isinstance(values, list) else None
        if (operator, listed) in (("In", False), ("NotIn", True)) or (
            (operator, key in labels) in (("Exists", False), ("DoesNotExist", True))
        ):
            yield ("template", "metadata", "labels", key), f"what the selector says ({operator})"


def deployment(spec: Any) -> Faults:
    yield from workload(spec)
    wait, deadline = look_up(spec, ("minReadySeconds",)) or 0, look_up(spec, ("progressDeadlineSeconds",))
    deadline = _USUAL_DEADLINE if deadline is None else deadline
    if isinstance(wait, int) and isinstance(deadline, int) and deadline <= wait:
        yield ("progressDeadlineSeconds",), f"more than minReadySeconds ({wait}); it is {_USUAL_DEADLINE} if not said"
    strategy = mapping(look_up(spec, ("strategy",)))
    rolling = strategy.get("rollingUpdate")
    if strategy.get("type") == "Recreate" and rolling is not None:
        yield ("strategy", "rollingUpdate"), "none, as the type is Recreate"
    elif _is_zero(mapping(rolling).get("maxSurge")) and _is_zero(mapping(rolling).get("maxUnavailable")):
        yield ("strategy", "rollingUpdate", "maxUnavailable"), "more than 0, as maxSurge is 0"


def daemon_set(spec: Any) -> Faults:
    yield from workload(spec)
    strategy = mapping(look_up(spec, ("updateStrategy",)))
    rolling = strategy.get("rollingUpdate")
    if not isinstance(rolling, Mapping) or strategy.get("type") == "OnDelete":
        return
    none_more = _is_zero(0 if (surge := rolling.get("maxSurge")) is None else surge)
    none_less = _is_zero(1 if (unavailable := rolling.get("maxUnavailable")) is None else unavailable)
    if none_more and none_less:
        yield ("updateStrategy", "rollingUpdate", "maxUnavailable"), "more than 0, as maxSurge is 0"
    elif not none_more and not none_less:
        yield ("updateStrategy", "rollingUpdate", "maxSurge"), "0, as maxUnavailable is not; it is 1 if not said"


def stateful_set(spec: Any) -> Faults:
    yield from workload(spec)
    if look_up(spec, ("updateStrategy", "type")) == "OnDelete" and look_up(spec, ("updateStrategy", "rollingUpdate")):
        yield ("updateStrategy", "rollingUpdate"), "none, as the type is OnDelete"


def job(value: Any) -> Faults:
    spec = mapping(value)
    restart: Steps = ("template", "spec", "restartPolicy")
    indexed, counted = spec.get("completionMode") == "Indexed", spec.get("completions")
    policy = look_up(spec, restart)
    if policy not in ("Never", "OnFailure") and (policy is None or isinstance(policy, str)):
        yield restart, "Never or OnFailure, as a Job has an end; it is Always if not said"
    elif spec.get("podFailurePolicy") and policy != "Never":
        yield restart, "Never, as there is a podFailurePolicy"
    if indexed and counted is None and spec.get("parallelism") is not None:  # without either, each is 1
        yield ("completions",), "a number, as completionMode is Indexed"
    for name in ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy"):
        if spec.get(name) is not None and not indexed:
            yield (name,), "none, unless completionMode is Indexed"
    failures = spec.get("maxFailedIndexes")
    if isinstance(failures, int) and isinstance(counted, int) and failures > counted:
        yield ("maxFailedIndexes",), f"at most completions ({counted})"
    if spec.get("selector") is not None and spec.get("manualSelector") is not True:
        yield ("selector",), "none, as the server makes it"
    for number, each in enumerate(mappings(look_up(spec, ("podFailurePolicy", "rules")))):
        if each.get("action") == "FailIndex" and spec.get("backoffLimitPerIndex") is None:
            yield ("podFailurePolicy", "rules", number, "action"), "another, as there is no backoffLimitPerIndex"


def schedule(text: Any) -> Faults:
    if isinstance(text, str) and (expected := expected_schedule(text)):
        yield (), expected


def autoscaler(spec: Any) -> Faults:
    least, highest = look_up(spec, ("minReplicas",)), look_up(spec, ("maxReplicas",))
    least = 1 if least is None else least
    if r.is_number(least) and r.is_number(highest) and highest < least:
        yield ("maxReplicas",), f"at least minReplicas ({least})"
    scaled = mapping(mapping(spec).get("scaleTargetRef"))
    if scaled and not scaled.get("apiVersion") and scaled.get("kind") != "ReplicationController":
        yield ("scaleTargetRef", "apiVersion"), "the API group and version of the kind"


def metric(value: Any) -> Faults:
    metric = mapping(value)
    source_field = _SOURCES.get(str(metric.get("type")))
    if source_field and metric.get(source_field) is None:
        yield (source_field,), f"a value, as the type is {metric['type']}"
    for name in _SOURCES.values() if source_field else ():
        if name != source_field and metric.get(name) is not None:
            yield (name,), f"none, as the type is {metric['type']}"


def target(*fields: str) -> Rule:
    """What an autoscaler aims at: one of the fields."""
    return r.all_of(r.one_field(*fields, needed=False), _lacks_each(fields))


def _lacks_each(fields: tuple[str, ...]) -> Rule:
    def rule(value: Any) -> Faults:
        if isinstance(value, Mapping) and all(value.get(name) is None for name in fields):
            yield (fields[0],), "a value" if len(fields) == 1 else f"a value, or {' or '.join(fields[1:])}"

    return rule


def budget(spec: Any) -> Faults:
    if mapping(spec).get("minAvailable") is not None and mapping(spec).get("maxUnavailable") is not None:
        yield ("maxUnavailable",), "none beside minAvailable"


def service(value: Any) -> Faults:
    spec = mapping(value)
    kind, headless = spec.get("type") or "ClusterIP", spec.get("clusterIP") == "None"
    if kind == "ExternalName":
        if not spec.get("externalName"):
            yield ("externalName",), "a host name, as the type is ExternalName"
        if spec.get("clusterIP"):
            yield ("clusterIP",), "none, as the type is ExternalName"
        return
    if headless and kind != "ClusterIP":
        yield ("clusterIP",), f"another than None, as the type is {kind}"
    if spec.get("clusterIPs") and spec.get("clusterIP") is None:
        yield ("clusterIPs",), "none without a clusterIP"
    if not spec.get("ports") and not headless:
        yield ("ports",), "at least one port"
    ports = mappings(spec.get("ports"))
    names = set[str]()
    for number, name in enumerate(each.get("name") for each in ports):
        if len(ports) > 1 and (not name or repr(name) in names):
            yield ("ports", number, "name"), "a name of its own, as there are several ports"
        names.add(repr(name))
    yield from _seen_from_outside(spec, kind, ports)


def _seen_from_outside(spec: Mapping[str, Any], kind: Any, ports: list[Mapping[str, Any]]) -> Faults:
    for number, each in enumerate(ports):
        if kind == "ClusterIP" and each.get("nodePort"):
            yield ("ports", number, "nodePort"), "none, as the type is ClusterIP"
    policy, balanced = spec.get("externalTrafficPolicy"), kind == "LoadBalancer"
    if policy and kind not in ("NodePort", "LoadBalancer") and not spec.get("externalIPs"):
        yield ("externalTrafficPolicy",), "none, as the Service is not seen from outside"
    for name in ("loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"):
        if spec.get(name) is not None and not balanced:
            yield (name,), "none, unless the type is LoadBalancer"
    if spec.get("healthCheckNodePort") and not (balanced and policy == "Local"):
        yield ("healthCheckNodePort",), "none, unless type is LoadBalancer and externalTrafficPolicy is Local"


def ingress(spec: Any) -> Faults:
    if isinstance(spec, Mapping) and not spec.get("rules") and not spec.get("defaultBackend"):
        yield (), "rules or a defaultBackend"


def ingress_path(value: Any) -> Faults:
    text, kind = str(mapping(value).get("path") or ""), mapping(value).get("pathType")
    if not text.startswith("/") and (text or kind in ("Exact", "Prefix")):
        yield ("path",), "a path that begins with /"
    elif kind in ("Exact", "Prefix"):
        unclear = ("//", "/./", "/../", "%2f", "%2F")
        if any(part in text for part in unclear) or text.endswith(("/..", "/.")):
            yield ("path",), "a path without // and /../ and %2f"


def toleration(value: Any) -> Faults:
    fields = mapping(value)
    operator = fields.get("operator") or "Equal"
    if not fields.get("key") and operator != "Exists":
        yield ("operator",), "Exists, as there is no key"
    elif fields.get("value") and operator == "Exists":
        yield ("operator",), "Equal, as there is a value"
    if fields.get("tolerationSeconds") is not None and fields.get("effect") != "NoExecute":
        yield ("effect",), "NoExecute, as there are tolerationSeconds"


def profile(value: Any) -> Faults:
    """A profile of seccomp or AppArmor."""
    kind, own = mapping(value).get("type"), mapping(value).get("localhostProfile")
    if (kind == "Localhost") != bool(own) and isinstance(kind, str):
        yield (
            ("localhostProfile",),
            "a profile, as the type is Localhost" if not own else f"none, as the type is {kind}",
        )


def escalation(value: Any) -> Faults:
    context = mapping(value)
    added = look_up(value, ("capabilities", "add"))
    if context.get("allowPrivilegeEscalation") is False and (
        context.get("privileged") is True or (isinstance(added, list) and "CAP_SYS_ADMIN" in added)
    ):
        yield ("allowPrivilegeEscalation",), "true, as the container is privileged"


def variable(value: Any) -> Faults:
    if mapping(value).get("value") and mapping(value).get("valueFrom") is not None:
        yield ("valueFrom",), "none beside value"


def resources(value: Any) -> Faults:
    limits, requests = mapping(mapping(value).get("limits")), mapping(mapping(value).get("requests"))
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name, amount in amounts.items():
            size = r.amount(amount)
            if "/" not in str(name) and name not in _STANDARD and not str(name).startswith("hugepages-"):
                yield (part, name), f"{', '.join(_STANDARD)}, or a name with a domain"
            elif "/" in str(name) and size is not None and size % 1:
                yield (part, name), "a whole number"
    named_alike = {*limits, *requests}
    if any(str(name).startswith("hugepages-") for name in named_alike) and not named_alike & {"cpu", "memory"}:
        yield (), "cpu or memory beside hugepages"
    for name, amount in requests.items():
        least, highest = r.amount(amount), r.amount(limits.get(name))
        if "/" in str(name) and (name not in limits or least != highest):
            yield ("requests" if name in limits else "limits", name), "the same as requests and as limits"
        elif least is not None and highest is not None and least > highest:
            yield ("requests", name), f"at most its limit ({short_value(limits[name])})"


def claim(spec: Any) -> Faults:
    """The spec of a PersistentVolumeClaim, or of one in a template."""
    modes, size = look_up(spec, ("accessModes",)), look_up(spec, ("resources", "requests", "storage"))
    if isinstance(spec, Mapping) and not modes:
        yield ("accessModes",), "at least one"
    elif isinstance(modes, list) and "ReadWriteOncePod" in modes and len(modes) > 1:
        yield ("accessModes",), "ReadWriteOncePod alone"
    if isinstance(spec, Mapping) and (size is None or r.amount(size) == Decimal(0)):
        yield ("resources", "requests", "storage"), "more than 0"


def container(value: Mapping[str, Any], of_it: Mapping[str, Any], *, runs_on: bool) -> Faults:
    """A container beside the rest of its pod. An init container that comes to an end does not run on."""
    pod = pod_spec(value)
    names = {repr(each.get("name")) for each in mappings(pod.get("volumes"))}
    claims = mappings(look_up(value, ("spec", "volumeClaimTemplates")))
    names |= {repr(look_up(each, ("metadata", "name"))) for each in claims}
    for number, mount in enumerate(mappings(of_it.get("volumeMounts"))):
        if repr(mount.get("name")) not in names:
            yield ("volumeMounts", number, "name"), "a volume of spec.volumes of the pod"
    claim_names = [each.get("name") for each in mappings(pod.get("resourceClaims"))]
    for number, claimed in enumerate(mappings(look_up(of_it, ("resources", "claims")))):
        if claimed.get("name") not in claim_names:
            yield ("resources", "claims", number, "name"), "a claim of spec.resourceClaims of the pod"
    grace = pod.get("terminationGracePeriodSeconds")
    most = _USUAL_GRACE if grace is None else grace
    for hook in ("preStop", "postStart"):
        seconds = look_up(of_it, ("lifecycle", hook, "sleep", "seconds"))
        if r.is_number(seconds) and r.is_number(most) and not 0 <= seconds <= most:
            yield ("lifecycle", hook, "sleep", "seconds"), f"0 to {most}, which is terminationGracePeriodSeconds"
    if not runs_on and of_it.get("restartPolicy") != "Always":
        for name in ("livenessProbe", "readinessProbe", "startupProbe", "lifecycle"):
            if of_it.get(name) is not None:
                yield (name,), "none, unless the init container's restartPolicy is Always"
    for number, each in enumerate(mappings(of_it.get("ports"))):
        host, own = each.get("hostPort"), each.get("containerPort")
        if pod.get("hostNetwork") is True and host and host != own:
            yield ("ports", number, "hostPort"), f"containerPort ({own}), as hostNetwork is true"


def pod(spec: Any) -> Faults:
    if look_up(spec, ("dnsPolicy",)) == "None" and not look_up(spec, ("dnsConfig", "nameservers")):
        yield ("dnsConfig",), "nameservers, as dnsPolicy is None"
    if look_up(spec, ("shareProcessNamespace",)) is True and look_up(spec, ("hostPID",)) is True:
        yield ("shareProcessNamespace",), "none beside hostPID"


def spread(value: Any) -> Faults:
    if mapping(value).get("minDomains") is not None and mapping(value).get("whenUnsatisfiable") != "DoNotSchedule":
        yield ("minDomains",), "none, unless whenUnsatisfiable is DoNotSchedule"


def _is_zero(amount: Any) -> bool:
    return amount == "0%" or (amount == 0 and not isinstance(amount, bool))


def single(*beside: str) -> Rule:
    """A mapping of which one field is set, besides these."""

    def rule(value: Any) -> Faults:
        fields = [name for name, of_it in mapping(value).items() if of_it is not None and name not in beside]
        if len(fields) > 1:
            yield (), f"one of {' and '.join(fields)}"

    return rule


def failure_rule(value: Any) -> Faults:
    codes = mapping(mapping(value).get("onExitCodes"))
    if isinstance(value, Mapping) and not codes and not value.get("onPodConditions"):
        yield (), "onExitCodes or onPodConditions"
    values = codes.get("values")
    if codes.get("operator") == "In" and isinstance(values, list) and 0 in values:
        yield ("onExitCodes", "values", values.index(0)), "another than 0, which is no failure"


def backend(value: Any) -> Faults:
    yield from r.one_field("service", "resource")(value)
    service = mapping(value).get("service")
    fields = [name for name in ("name", "number") if look_up(service, ("port", name))]
    if isinstance(service, Mapping) and len(fields) != 1:
        yield ("service", "port"), "either a name or a number"


def peer(value: Any) -> Faults:
    fields = [name for name in ("podSelector", "namespaceSelector", "ipBlock") if mapping(value).get(name) is not None]
    if isinstance(value, Mapping) and not fields:
        yield (), "a podSelector, a namespaceSelector or an ipBlock"
    elif "ipBlock" in fields and len(fields) > 1:
        yield (), "ipBlock alone"


def block(value: Any) -> Faults:
    whole = r.parsed_network(mapping(value).get("cidr"))
    if isinstance(value, Mapping) and whole is None:
        yield ("cidr",), "a network such as 10.0.0.0/8"
    left_out = mapping(value).get("except")
    for number, text in enumerate(left_out if isinstance(left_out, list) else ()):
        part = r.parsed_network(text)
        if part is None or (whole is not None and not (part != whole and r.is_within(part, whole))):
            yield ("except", number), "a network within cidr, and smaller"


def network_port(value: Any) -> Faults:
    first, last = mapping(value).get("port"), mapping(value).get("endPort")
    if last is not None and not (r.is_number(first) and r.is_number(last) and first <= last):
        yield ("endPort",), "at least port, which has to be a number"


_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
"""The keys that a Secret of the type has to have."""


def secret(value: Any) -> Faults:
    written, encoded = mapping(mapping(value).get("stringData")), mapping(mapping(value).get("data"))
    keys, kind = {*written, *encoded}, mapping(value).get("type")
    for name in _NEEDED.get(str(kind), ()):
        if name not in keys:
            yield ("data", name), f"a value, as the type is {kind}"
    if kind == "kubernetes.io/basic-auth" and not keys & {"username", "password"}:
        yield ("data", "username"), "a username or a password, as the type is kubernetes.io/basic-auth"
    account = "kubernetes.io/service-account.name"
    if kind == "kubernetes.io/service-account-token" and not look_up(value, ("metadata", "annotations", account)):
        yield ("metadata", "annotations", account), f"a ServiceAccount, as the type is {kind}"
    part = "stringData" if ".dockerconfigjson" in written else "data"
    login = mapping(mapping(value).get(part)).get(".dockerconfigjson")
    if kind == "kubernetes.io/dockerconfigjson" and isinstance(login, str):
        try:
            json.loads(login if part == "stringData" else b64decode(login))
        except ValueError:
            yield (part, ".dockerconfigjson"), "JSON"


def config(value: Any) -> Faults:
    for key in {*mapping(mapping(value).get("data"))} & {*mapping(mapping(value).get("binaryData"))}:
        yield ("data", key), "a key that binaryData does not have"


def right(value: Any) -> Faults:
    """A rule of a Role."""
    if mapping(value).get("nonResourceURLs"):
        yield ("nonResourceURLs",), "none, as a Role is of one namespace"
    else:
        yield from r.needs("verbs", "apiGroups", "resources")(value)


def subject(value: Any) -> Faults:
    yield from r.needs("name")(value)
    name = mapping(value).get("name")
    if mapping(value).get("kind") == "ServiceAccount" and isinstance(name, str) and name:
        yield from ((("name",), expected) for _, expected in r.like(r.SUBDOMAIN, "a ServiceAccount's name")(name))
