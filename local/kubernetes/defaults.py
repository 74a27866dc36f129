"""Values that the API server fills in, so that reading back an object gives more than was applied, as on a cluster."""

import base64
import hashlib
from typing import Any

from .resources import Json

_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job")
_PERCENT = "25%"
_RBAC = "rbac.authorization.k8s.io"


def fill(api_object: Json) -> None:
    """Add the defaults of this kind, in place."""
    spec, kind = api_object.get("spec"), api_object["kind"]
    if kind == "RoleBinding":
        _binding(api_object)
    if not isinstance(spec, dict):
        return
    if kind == "Pod":
        _pod(spec)
    elif kind in _TEMPLATED:
        _pod(spec.setdefault("template", {}).setdefault("spec", {}))
        by_kind = {"Deployment": _deployment, "StatefulSet": _stateful_set, "DaemonSet": _daemon_set}
        by_kind.get(kind, _no_defaults)(spec)
        if kind == "ReplicaSet":
            spec.setdefault("replicas", 1)
        if kind == "Job":
            _job(api_object, spec)
    elif kind == "Service":
        _service(api_object, spec)


def _no_defaults(_: Json) -> None:
    """This kind has no defaults of its own."""


def _set_defaults(target: Json, **values: Any) -> None:
    for name, value in values.items():
        target.setdefault(name, value)


def _pod(spec: Json) -> None:
    _set_defaults(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
    )
    spec.setdefault("securityContext", {})
    for container in [*_items(spec, "initContainers"), *_items(spec, "containers")]:
        _container(container)
    for volume in _items(spec, "volumes"):
        for source in ("configMap", "secret"):
            if isinstance(volume.get(source), dict):
                volume[source].setdefault("defaultMode", 0o644)


def _items(api_object: Json, name: str) -> list[Json]:
    return [i for i in api_object.get(name) or [] if isinstance(i, dict)]


def _container(container: Json) -> None:
    image = str(container.get("image", ""))
    latest = "@" not in image and (":" not in image.rpartition("/")[2] or image.endswith(":latest"))
    _set_defaults(
        container,
        imagePullPolicy="Always" if latest else "IfNotPresent",
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
    )
    container.setdefault("resources", {})
    for port in _items(container, "ports"):
        port.setdefault("protocol", "TCP")
    for variable in _items(container, "env"):
        reference = (variable.get("valueFrom") or {}).get("fieldRef")
        if reference:
            reference.setdefault("apiVersion", "v1")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(probe := container.get(name), dict):
            _set_defaults(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            if isinstance(get := probe.get("httpGet"), dict):
                _set_defaults(get, path="/", scheme="HTTP")


def _deployment(spec: Json) -> None:
    _set_defaults(spec, replicas=1, progressDeadlineSeconds=600, revisionHistoryLimit=10)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        _set_defaults(strategy.setdefault("rollingUpdate", {}), maxSurge=_PERCENT, maxUnavailable=_PERCENT)


def _stateful_set(spec: Json) -> None:
    _set_defaults(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("persistentVolumeClaimRetentionPolicy", {"whenDeleted": "Retain", "whenScaled": "Retain"})


def _daemon_set(spec: Json) -> None:
    _set_defaults(spec, revisionHistoryLimit=10)
    strategy = spec.setdefault("updateStrategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        _set_defaults(strategy.setdefault("rollingUpdate", {}), maxSurge=0, maxUnavailable=1)


def _job(api_object: Json, spec: Json) -> None:
    _set_defaults(
        spec,
        backoffLimit=6,
        parallelism=1,
        completionMode="NonIndexed",
        suspend=False,
        manualSelector=False,
        podReplacementPolicy="TerminatingOrFailed",
    )
    spec.setdefault("completions", 1)
    uid, name = api_object["metadata"].get("uid"), api_object["metadata"].get("name")
    if uid and not spec.get("manualSelector"):
        spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
        labels = spec["template"].setdefault("metadata", {}).setdefault("labels", {})
        for prefix in ("", "batch.kubernetes.io/"):
            labels.setdefault(f"{prefix}job-name", name)
            labels.setdefault(f"{prefix}controller-uid", uid)
        if not api_object["metadata"].get("labels"):  # a Job without labels gets those of its template
            api_object["metadata"]["labels"] = dict(labels)


def _service(api_object: Json, spec: Json) -> None:
    _set_defaults(spec, type="ClusterIP", sessionAffinity="None", internalTrafficPolicy="Cluster")
    if spec["type"] == "ExternalName":
        return
    if "clusterIP" not in spec:
        spec["clusterIP"] = _cluster_ip(api_object["metadata"])
    _set_defaults(spec, clusterIPs=[spec["clusterIP"]], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")
    for port in _items(spec, "ports"):
        port.setdefault("protocol", "TCP")
        if "port" in port:
            port.setdefault("targetPort", port["port"])


def _binding(api_object: Json) -> None:
    references = [api_object["roleRef"]] if isinstance(api_object.get("roleRef"), dict) else []
    for reference in [
        *references,
        *(subject for subject in _items(api_object, "subjects") if subject.get("kind") != "ServiceAccount"),
    ]:
        reference["apiGroup"] = reference.get("apiGroup") or _RBAC


def _cluster_ip(metadata: Json) -> str:
    """An address that is only shown, always the same for a name: nothing listens there (README.md)."""
    digest = hashlib.sha256(f"{metadata.get('namespace')}/{metadata.get('name')}".encode()).digest()
    return f"10.96.{digest[0]}.{digest[1] or 1}"


def secret(api_object: Json) -> None:
    """stringData is write-only: it is encoded into data."""
    text = api_object.pop("stringData", None) or {}
    if text:
        encoded = {name: base64.b64encode(str(value).encode()).decode() for name, value in text.items()}
        api_object["data"] = (api_object.get("data") or {}) | encoded
    api_object.setdefault("type", "Opaque")
