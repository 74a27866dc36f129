"""The double refuses by name everything that it does not know, instead of ignoring it."""

import json
from typing import Any

import pytest

from local.kubernetes.known import FIELDS, QUERIES
from tests.contract.kubernetes_double.support import Cluster, config_map, job, workload

MAPS = "/api/v1/namespaces/default/configmaps"
APPLY = "application/apply-patch+yaml"


def refused(response: tuple[int, bytes, Any]) -> str:
    status = json.loads(response[1])
    assert (response[0], status["code"], status["reason"]) == (501, 501, "NotImplemented"), status
    return str(status["message"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/apis/storage.k8s.io/v1/storageclasses", "storageclasses of storage.k8s.io/v1"),
        ("/apis/storage.k8s.io/v1", "storage.k8s.io/v1"),
        ("/apis/rbac.authorization.k8s.io/v1/clusterroles/edit", "clusterroles of rbac.authorization.k8s.io/v1"),
        ("/api/v1/persistentvolumes", "persistentvolumes of v1"),
        (
            "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers",
            "horizontalpodautoscalers of autoscaling/v1",
        ),
    ],
)
def test_a_kind_that_the_double_does_not_know_is_refused_by_name(simulated: Cluster, path: str, expected: str) -> None:
    assert f"the double of Kubernetes does not know {expected}" in refused(simulated.raw("GET", path))


@pytest.mark.parametrize("method", [method for method in QUERIES if method != "HEAD"])
def test_an_unknown_parameter_is_refused_by_name(simulated: Cluster, method: str) -> None:
    path = f"{MAPS}/c?colour=red"
    assert f"the parameter colour of {method}" in refused(simulated.raw(method, path, config_map("c", {})))


def test_a_parameter_of_a_real_server_that_the_double_does_not_act_on_is_refused_by_name(simulated: Cluster) -> None:
    assert "the parameter shard of GET" in refused(simulated.raw("GET", f"{MAPS}?shard=x"))
    pod = "/api/v1/namespaces/default/pods/none/log?follow=true"
    assert "the parameter follow of GET" in refused(simulated.raw("GET", pod))


def test_a_header_that_the_double_does_not_act_on_is_refused_by_name(simulated: Cluster) -> None:
    headers = {"Impersonate-User": "admin", "Accept": "application/json"}
    response = simulated.api.rest_client.request("GET", simulated.url + MAPS, headers=headers)
    response.read()
    assert "the header impersonate-user" in refused((response.status, response.data, response.headers))


@pytest.mark.parametrize(
    "accept",
    [
        "application/vnd.kubernetes.protobuf",
        "application/yaml",
        "application/json;as=Table;v=v1;g=meta.k8s.io",
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1",
    ],
)
def test_a_media_type_that_the_double_cannot_answer_in_is_refused_by_name(simulated: Cluster, accept: str) -> None:
    response = simulated.api.rest_client.request("GET", simulated.url + MAPS, headers={"Accept": accept})
    response.read()
    assert f"the media type {accept.split(',', maxsplit=1)[0]}" in refused(
        (response.status, response.data, response.headers)
    )


def test_an_unknown_media_type_is_passed_over_for_the_next_accepted_one(simulated: Cluster) -> None:
    accept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
    response = simulated.api.rest_client.request("GET", simulated.url + MAPS, headers={"Accept": accept})
    response.read()
    assert json.loads(response.data)["kind"] == "ConfigMapList"


def test_a_media_type_of_a_body_that_the_double_cannot_read_is_refused_by_name(simulated: Cluster) -> None:
    for method, media in (("POST", "application/vnd.kubernetes.protobuf"), ("PATCH", "application/apply-patch+cbor")):
        path = MAPS if method == "POST" else f"{MAPS}/c?fieldManager=m"
        assert f"the media type {media}" in refused(simulated.raw(method, path, b"k8s", media))


def with_field(manifest: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The object with a value at a path such as `spec.containers[].name`; in a list it is that of the first item."""
    inner: Any = manifest
    *steps, last = path.split(".")
    for step in steps:
        name = step.removesuffix("[]")
        if step.endswith("[]"):
            entries = inner.setdefault(name, [{"name": "one", "image": "x:1"}])
            inner = entries[0]
        else:
            inner = inner.setdefault(name, {})
    inner[last] = value
    return manifest


VALUES: dict[str, Any] = {
    "ephemeralContainers": [{"name": "debug"}],
    "activeDeadlineSeconds": 5,
    "restartPolicy": "Always",
    "exec": {"command": ["true"]},
    "grpc": {"port": 1},
    "completionMode": "Indexed",
    "backoffLimitPerIndex": 1,
    "maxFailedIndexes": 1,
    "podFailurePolicy": {"rules": []},
    "successPolicy": {"rules": []},
    "managedBy": "example.com/other",
}
PLURALS = {"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}


@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind in PLURALS for path in FIELDS[kind]])
def test_a_field_that_the_double_does_not_act_on_is_refused_by_name(simulated: Cluster, kind: str, path: str) -> None:
    manifest = job("j", "x:1") if kind == "Job" else workload(kind, "j", "x:1")
    manifest = with_field(manifest, path, VALUES[path.rpartition(".")[2]])
    root = f"/apis/{PLURALS[kind]}/namespaces/default/{kind.lower()}s"
    for response in (
        simulated.raw("PATCH", f"{root}/j?fieldManager=m", manifest, APPLY),
        simulated.raw("POST", root, manifest),
    ):
        assert f"the field {path} of {kind}" in refused(response)
    assert simulated.raw("GET", f"{root}/j")[0] == 404
