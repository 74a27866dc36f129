"""What `slipway check` refuses beyond the schemas is what a cluster refuses, and what it lets pass a cluster takes."""

import copy
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from slipway.effects.cluster import ObjectRefused
from slipway.manifests.documents import read_text
from slipway.manifests.together import together_problems
from slipway.manifests.validity import MOST_DATA, validity_problems

from . import manifests as m
from .conftest import Place

type Change = Callable[[m.Json], object]


def problems(value: m.Json) -> list[str]:
    document = read_text(json.dumps(value).encode(), name="a.yaml")[0]
    problems = (*validity_problems(document, value), *together_problems(document, value))
    return [problem.field for problem in problems]


def in_metadata(part: str, key: str, text: str, value: m.Json) -> None:
    value["metadata"].setdefault(part, {})[key] = text


def in_container(field: str, content: Any, value: m.Json) -> None:
    value["spec"]["template"]["spec"]["containers"][0][field] = content


def another_container(value: m.Json) -> None:
    value["spec"]["template"]["spec"]["initContainers"] = copy.deepcopy(value["spec"]["template"]["spec"]["containers"])


def named(name: str, value: m.Json) -> None:
    value["metadata"]["name"] = name


def with_data(part: str, key: str, text: str, value: m.Json) -> None:
    value[part] = {key: text}


SERVICE = m.web_server()[1]
STATEFUL_SET = m.workload("StatefulSet", m.PAUSE, serviceName="db")
CRON_JOB: m.Json = m.config() | {"apiVersion": "batch/v1", "kind": "CronJob"}
del CRON_JOB["data"]
CRON_JOB["spec"] = {"schedule": "0 3 * * *", "jobTemplate": {"spec": m.job("a")["spec"]}}
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {}, "spec": {"minAvailable": 1}}
NAMES: list[tuple[m.Json, tuple[str, ...], str]] = [
    (m.config(), ("a.b-c", "1", "x" * 253), ""),
    (m.config(), ("A_b", "x" * 254, "a..b"), "metadata.name"),
    (SERVICE, ("a-1", "x" * 63), ""),
    (SERVICE, ("1a", "a.b", "x" * 64), "metadata.name"),
    (STATEFUL_SET, ("1a", "x" * 52), ""),
    (STATEFUL_SET, ("a.b", "x" * 64), "metadata.name"),
    (m.job("a"), ("a.b", "x" * 63), ""),
    (m.job("a"), ("A", "x" * 64), "metadata.name"),
    (CRON_JOB, ("a.b", "x" * 52), ""),
    (CRON_JOB, ("x" * 53,), "metadata.name"),
    (m.deployment(), ("a.b", "x" * 253), ""),
    (BUDGET, ("A_b", "a:b"), ""),
]
CASES: list[tuple[m.Json, Change, str]] = [
    (m.config(), partial(with_data, "data", "a", "x" * MOST_DATA), ""),
    (m.config(), partial(with_data, "data", "a", "x" * (MOST_DATA + 1)), "data"),
    (m.config(), partial(with_data, "binaryData", "a", "AAAA" * (MOST_DATA // 3 + 1)), "binaryData"),
    (m.secret(), partial(with_data, "stringData", "a", "x" * (MOST_DATA + 1)), "stringData"),
    (m.config(), partial(with_data, "data", "A-b_c.d", "x"), ""),
    (m.config(), partial(with_data, "data", "a/b", "x"), "data.a/b"),
    (m.config(), partial(in_metadata, "annotations", "a", "x" * 262_200), "metadata.annotations"),
    (m.config(), partial(in_metadata, "labels", "team.example/tier", "Front_1.2"), ""),
    (m.config(), partial(in_metadata, "labels", "tier", ""), ""),
    (m.config(), partial(in_metadata, "labels", "tier", "front end"), "metadata.labels.tier"),
    (m.config(), partial(in_metadata, "labels", "tier", "x" * 64), "metadata.labels.tier"),
    (m.config(), partial(in_metadata, "labels", "a tier", "x"), "metadata.labels.a tier"),
    *((sound, partial(named, name), field) for sound, names, field in NAMES for name in names),
    (m.deployment(), partial(in_container, "name", "Main"), "spec.template.spec.containers[0].name"),
    (m.deployment(), another_container, "spec.template.spec.containers[0].name"),
    (m.deployment(), partial(in_container, "ports", [{"containerPort": 65535}]), ""),
    (
        m.deployment(),
        partial(in_container, "ports", [{"containerPort": 65536}]),
        "spec.template.spec.containers[0].ports[0].containerPort",
    ),
]


def within(path: str, content: Any, value: m.Json) -> None:
    """Writes the content at the path below the pod spec (`pod.…`), the first container (`main.…`) or the spec."""
    first, *steps = path.split(".")
    spec = value["spec"]
    pod = spec.get("jobTemplate", value)["spec"]["template"]["spec"] if first in ("pod", "main") else {}
    here: m.Json = {"pod": pod, "main": pod.get("containers", [{}])[0]}.get(first) or spec
    *steps, last = steps if first in ("pod", "main") else [first, *steps]
    for step in steps:
        here = here.setdefault(step, {})
    here[last] = content


POD = "spec.template.spec"
DAEMON_SET = m.workload("DaemonSet", m.PAUSE)
SCALER: m.Json = {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "a"}}
SCALER["spec"] = {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "maxReplicas": 3}
INGRESS: m.Json = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "a"}}
INGRESS["spec"] = {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}
BUDGET_A = BUDGET | {"metadata": {"name": "a"}}
PORTS = [{"name": "a", "port": 80}, {"name": "b", "port": 81}]
ROUTE = {"pathType": "Prefix", "path": "/a", "backend": INGRESS["spec"]["defaultBackend"]}
MOUNT = [{"name": "data", "mountPath": "/data"}]
RESOURCES = {"limits": {"memory": "1Gi", "cpu": 1}, "requests": {"memory": "1024Mi", "cpu": "1000m"}}
MORE = {"limits": {"memory": "1G"}, "requests": {"memory": "1Gi"}}
FAILS = {"rules": [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [3]}}]}
TOGETHER: list[tuple[m.Json, Mapping[str, Any], str]] = [
    (m.deployment(), {"minReadySeconds": 599}, ""),
    (m.deployment(), {"minReadySeconds": 600}, "spec.progressDeadlineSeconds"),
    (m.deployment(), {"minReadySeconds": 30, "progressDeadlineSeconds": 30}, "spec.progressDeadlineSeconds"),
    (m.deployment(), {"strategy": {"type": "Recreate"}}, ""),
    (
        m.deployment(),
        {"strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
        "spec.strategy.rollingUpdate",
    ),
    (m.deployment(), {"strategy.rollingUpdate": {"maxSurge": 0}}, ""),
    (
        m.deployment(),
        {"strategy.rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}},
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    (m.deployment(), {"pod.activeDeadlineSeconds": 5}, f"{POD}.activeDeadlineSeconds"),
    (m.deployment(), {"pod.restartPolicy": "Never"}, f"{POD}.restartPolicy"),
    (m.deployment(), {"main.volumeMounts": MOUNT, "pod.volumes": [{"name": "data", "emptyDir": {}}]}, ""),
    (m.deployment(), {"main.volumeMounts": MOUNT}, f"{POD}.containers[0].volumeMounts[0].name"),
    (m.deployment(), {"main.resources": RESOURCES}, ""),
    (m.deployment(), {"main.resources": MORE}, f"{POD}.containers[0].resources.requests.memory"),
    (DAEMON_SET, {"updateStrategy.rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}, ""),
    (
        DAEMON_SET,
        {"updateStrategy.rollingUpdate": {"maxSurge": 1}},
        "spec.updateStrategy.rollingUpdate.maxUnavailable",
    ),
    (
        DAEMON_SET,
        {"updateStrategy.rollingUpdate": {"maxUnavailable": 0}},
        "spec.updateStrategy.rollingUpdate.maxUnavailable",
    ),
    (STATEFUL_SET, {"updateStrategy": {"type": "OnDelete"}}, ""),
    (
        STATEFUL_SET,
        {"updateStrategy": {"type": "OnDelete", "rollingUpdate": {"partition": 1}}},
        "spec.updateStrategy.rollingUpdate",
    ),
    (STATEFUL_SET, {"pod.activeDeadlineSeconds": 5}, f"{POD}.activeDeadlineSeconds"),
    (m.job("a"), {"completionMode": "Indexed", "parallelism": 2}, "spec.completions"),
    (m.job("a"), {"backoffLimitPerIndex": 1}, "spec.backoffLimitPerIndex"),
    (m.job("a"), {"podFailurePolicy": FAILS, "pod.restartPolicy": "OnFailure"}, f"{POD}.restartPolicy"),
    (CRON_JOB, {"schedule": "@hourly"}, ""),
    (CRON_JOB, {"schedule": "0 3 * *"}, "spec.schedule"),
    (CRON_JOB, {"schedule": "TZ=Europe/Berlin 0 3 * * *"}, "spec.schedule"),
    (CRON_JOB, {"main.volumeMounts": MOUNT}, "spec.jobTemplate.spec.template.spec.containers[0].volumeMounts[0].name"),
    (SCALER, {"minReplicas": 3}, ""),
    (SCALER, {"minReplicas": 4}, "spec.maxReplicas"),
    (BUDGET_A, {}, ""),
    (BUDGET_A, {"maxUnavailable": 1}, "spec.maxUnavailable"),
    (SERVICE, {"ports": PORTS}, ""),
    (SERVICE, {"ports": []}, "spec.ports"),
    (SERVICE, {"ports": [{"port": 80}, {"name": "b", "port": 81}]}, "spec.ports[0].name"),
    (SERVICE, {"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]}, "spec.ports[1].name"),
    (SERVICE, {"ports": [{"port": 80, "nodePort": 30080}]}, "spec.ports[0].nodePort"),
    (SERVICE, {"clusterIP": "None", "ports": []}, ""),
    (SERVICE, {"clusterIP": "None", "type": "LoadBalancer"}, "spec.clusterIP"),
    (SERVICE, {"type": "ExternalName"}, "spec.externalName"),
    (INGRESS, {"rules": [{"http": {"paths": [ROUTE]}}]}, ""),
    (INGRESS, {"defaultBackend": None}, "spec"),
    (INGRESS, {"rules": [{"http": {"paths": [ROUTE | {"path": "a"}]}}]}, "spec.rules[0].http.paths[0].path"),
]


def written(contents: Mapping[str, Any], value: m.Json) -> None:
    for path, content in contents.items():
        within(path, content, value)


CASES += [(sound, partial(written, contents), field) for sound, contents, field in TOGETHER]


@pytest.mark.parametrize(("sound", "change", "field"), CASES)
def test_what_the_check_says_of_an_object_is_what_a_cluster_says(
    place: Place, sound: m.Json, change: Change, field: str
) -> None:
    value = copy.deepcopy(sound)
    change(value)
    assert problems(value) == ([field] if field else [])
    if field:
        with pytest.raises(ObjectRefused):
            place.cluster.preview([value], place.namespace)
    else:
        assert m.changes(place.cluster.preview([value], place.namespace))
