"""Server-side apply: who owns a field decides what an apply may change and what it takes away."""

import json
from typing import Any

import pytest
from kubernetes.dynamic.exceptions import ConflictError

from tests.contract.kubernetes_double.support import Cluster, body_of, config_map, workload

MAPS = "/api/v1/namespaces/default/configmaps"


def owner(manifest: dict[str, Any], manager: str) -> dict[str, Any]:
    return next(m for m in manifest["metadata"]["managedFields"] if m["manager"] == manager)


def container(manifest: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return first


def test_an_apply_creates_what_is_missing(simulated: Cluster) -> None:
    created = simulated.apply(config_map("s", {"k": "1"}))
    assert created["data"] == {"k": "1"}
    entry = owner(created, "slipway")
    assert (entry["operation"], entry["fieldsV1"]) == ("Apply", {"f:data": {"f:k": {}}})


def test_an_apply_may_come_as_yaml_where_a_date_stays_text(simulated: Cluster) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: s}\ndata: {k: '1', day: 2026-11-23}\n"
    code, body, _ = simulated.raw("PATCH", f"{MAPS}/s?fieldManager=m", text, "application/apply-patch+yaml")
    assert code == 201
    assert json.loads(body)["data"] == {"k": "1", "day": "2026-11-23"}


def test_a_field_that_is_no_longer_applied_goes_away(simulated: Cluster) -> None:
    simulated.apply(config_map("s", {"k": "1", "gone": "1"}))
    assert simulated.apply(config_map("s", {"k": "2"}))["data"] == {"k": "2"}


def test_a_dropped_probe_goes_with_the_defaults_the_server_gave_it(simulated: Cluster) -> None:
    probe = {"httpGet": {"path": "/", "port": 80}}
    first = simulated.apply(workload("Deployment", "d", "x:1", readinessProbe=probe))
    assert container(first)["readinessProbe"]["periodSeconds"] == 10
    assert "readinessProbe" not in container(simulated.apply(workload("Deployment", "d", "x:1")))


def test_a_dropped_container_goes_as_a_whole(simulated: Cluster) -> None:
    manifest = workload("Deployment", "d", "x:1")
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "y:1"})
    simulated.apply(manifest)
    names = [
        c["name"] for c in simulated.apply(workload("Deployment", "d", "x:1"))["spec"]["template"]["spec"]["containers"]
    ]
    assert names == ["app"]


def test_fields_of_others_stay(simulated: Cluster) -> None:
    simulated.apply(config_map("s", {"k": "1"}))
    simulated.apply(config_map("s", {"other": "1"}), manager="someone")
    assert simulated.apply(config_map("s", {"k": "2"}))["data"] == {"k": "2", "other": "1"}


def test_the_same_apply_again_changes_nothing_not_even_the_version(simulated: Cluster) -> None:
    first = simulated.apply(config_map("s", {"k": "1"}))
    assert simulated.apply(config_map("s", {"k": "1"})) == first


def test_a_field_of_another_manager_is_a_conflict_unless_forced(simulated: Cluster) -> None:
    simulated.apply(config_map("s", {"k": "1"}))
    with pytest.raises(ConflictError) as refused:
        simulated.apply(config_map("s", {"k": "3"}), manager="other", force=False)
    status = body_of(refused.value)
    assert status["message"] == 'Apply failed with 1 conflict: conflict with "slipway": .data.k'
    cause = {"reason": "FieldManagerConflict", "message": 'conflict with "slipway"', "field": ".data.k"}
    assert status["details"]["causes"] == [cause]
    forced = simulated.apply(config_map("s", {"k": "3"}), manager="other")
    assert forced["data"] == {"k": "3"}
    assert [m["manager"] for m in forced["metadata"]["managedFields"]] == ["other"]


def test_an_apply_over_a_change_of_kubectl_is_a_conflict_that_names_the_container(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "d", "x:1"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "x:2"}]}}}}
    path = "/apis/apps/v1/namespaces/default/deployments/d?fieldManager=kubectl-set"
    simulated.raw("PATCH", path, body, "application/strategic-merge-patch+json")
    with pytest.raises(ConflictError) as refused:
        simulated.apply(workload("Deployment", "d", "x:3"), force=False)
    message = body_of(refused.value)["message"]
    assert 'conflict with "kubectl-set" using apps/v1: .spec.template.spec.containers[name="app"].image' in message


def test_equal_values_are_owned_together(simulated: Cluster) -> None:
    simulated.apply(config_map("s", {"k": "1"}))
    shared = simulated.apply(config_map("s", {"k": "1"}), manager="other", force=False)
    assert {m["manager"] for m in shared["metadata"]["managedFields"]} == {"slipway", "other"}
    assert simulated.apply(config_map("s", {}))["data"] == {"k": "1"}


def test_an_apply_without_a_manager_is_refused(simulated: Cluster) -> None:
    code, body, _ = simulated.raw("PATCH", f"{MAPS}/s", config_map("s", {}), "application/apply-patch+yaml")
    assert (code, json.loads(body)["reason"]) == (422, "Invalid")


def test_an_unknown_field_in_an_apply_is_a_500_without_a_reason_as_on_a_cluster(simulated: Cluster) -> None:
    manifest = workload("Deployment", "d", "x:1", spec={"replica": 3})
    path = "/apis/apps/v1/namespaces/default/deployments/d?fieldManager=m"
    code, body, _ = simulated.raw("PATCH", path, manifest, "application/apply-patch+yaml")
    status = json.loads(body)
    assert (code, "reason" in status) == (500, False)
    assert status["message"] == (
        "failed to create typed patch object (/d; apps/v1, Kind=Deployment): "
        ".spec.replica: field not declared in schema"
    )


def test_scaling_takes_the_ownership_of_the_replicas_from_the_manager_that_applied_them(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "d", "x:1", spec={"replicas": 2}))
    scale = {"spec": {"replicas": 5}}
    path = "/apis/apps/v1/namespaces/default/deployments/d/scale?fieldManager=hpa"
    simulated.raw("PATCH", path, scale, "application/merge-patch+json")
    with pytest.raises(ConflictError, match=r"spec\.replicas"):
        simulated.apply(workload("Deployment", "d", "x:1", spec={"replicas": 2}), force=False)
    assert simulated.apply(workload("Deployment", "d", "x:1"), force=False)["spec"]["replicas"] == 5
