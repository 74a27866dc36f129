"""In what a pod of the acceptance Job may differ from the plan's manifest, and in what not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from slipway.domain.images import InjectedContainer
from slipway.effects.cluster.as_planned import difference_from_template, other_than_planned

DIGEST = "shop.example/hello@sha256:" + "a" * 64
CONTAINER: dict[str, Any] = {
    "name": "acceptance",
    "image": DIGEST,
    "command": ["python3", "/app/acceptance.py"],
    "env": [
        {"name": "TARGET", "value": "hello"},
        {"name": "EMPTY", "value": ""},
        {"name": "PLACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
    ],
}
JOB: dict[str, Any] = {"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}}}


def pod() -> dict[str, Any]:
    """A pod as the server returns it, with fields that the server fills in or leaves out."""
    spec = copy.deepcopy(JOB["spec"]["template"]["spec"])
    spec |= {"serviceAccountName": "default", "volumes": [{"name": "token"}]}
    (container,) = spec["containers"]
    container |= {"imagePullPolicy": "IfNotPresent", "volumeMounts": [{"name": "token", "mountPath": "/var/run"}]}
    del container["env"][1]["value"]
    container["env"][2]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    container["env"].append({"name": "AZURE_CLIENT_ID", "value": "an id"})
    return {"metadata": {"name": "acceptance-1-x"}, "spec": spec}


def test_a_pod_as_the_cluster_fills_it_in_is_as_planned() -> None:
    assert other_than_planned(JOB, [pod()]) == ""


def of_container(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(spec: dict[str, Any]) -> None:
        spec["containers"][0][name] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (of_container("image", "shop.example/hello:1.0.0"), "container acceptance differs in image"),
        (of_container("command", ["true"]), "container acceptance differs in command"),
        (of_container("args", ["--only", "the-easy-ones"]), "container acceptance differs in args"),
        (of_container("workingDir", "/tmp"), "container acceptance differs in workingDir"),
        (of_container("envFrom", [{"configMapRef": {"name": "x"}}]), "container acceptance differs in envFrom"),
        (of_container("env", [{"name": "TARGET", "value": "mine"}]), "container acceptance differs in env"),
        (of_container("env", [*CONTAINER["env"], {"name": "LD_PRELOAD", "value": "/x"}]), "differs in env"),
        (of_container("name", "other"), "it has no container acceptance"),
        (
            lambda spec: spec["containers"].append({"name": "debug", "image": "x"}),
            "debug (x), which the plan",
        ),
        (lambda spec: spec.update(initContainers=[{"name": "i", "image": "x"}]), "it has a container i (x), which"),
        (lambda spec: spec.update(ephemeralContainers=[{"name": "debug"}]), "added a container to it"),
    ],
)
def test_a_pod_that_ran_something_else_is_named(change: Callable[[dict[str, Any]], None], expected: str) -> None:
    other_pod = pod()
    change(other_pod["spec"])
    for pods in ([other_pod], [pod(), other_pod]):  # one pod that is as planned does not excuse another
        difference = other_than_planned(JOB, pods)
        assert difference.startswith("pod acceptance-1-x is not as the plan has it: ")
        assert expected in difference


def test_a_container_that_the_project_names_may_run_beside_the_planned_ones() -> None:
    injected = [InjectedContainer(container="istio-proxy", image="mcr.example/istio/*")]
    meshed = pod()
    meshed["spec"]["initContainers"] = [{"name": "istio-proxy", "image": "mcr.example/istio/proxyv2:1.29"}]
    assert other_than_planned(JOB, [meshed], injected) == ""
    meshed["spec"]["initContainers"][0]["image"] = "evil.example/istio/proxyv2:1.29"
    assert "evil.example" in other_than_planned(JOB, [meshed], injected)


def test_variables_of_the_plan_may_not_differ_even_where_an_operator_may_add_others() -> None:
    template, spec = JOB["spec"]["template"]["spec"], pod()["spec"]
    spec["containers"][0]["env"].append({"name": "OTEL_SERVICE_NAME", "value": "shop"})
    assert difference_from_template(template, spec) == "container acceptance differs in env"
    assert difference_from_template(template, spec, more_variables=True) == ""
    spec["containers"][0]["env"][0] = {"name": "TARGET", "value": "mine"}
    assert difference_from_template(template, spec, more_variables=True) == "container acceptance differs in env"


def test_a_job_without_any_pod_left_proves_nothing() -> None:
    assert other_than_planned(JOB, []) == "no pod of the Job is left to tell what ran"
