"""Create, read, list, replace, patch and delete, as the unmodified client sees them."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from kubernetes.client import AppsV1Api, CoreV1Api, V1ConfigMap, V1Deployment, V1Namespace, V1ObjectMeta, V1Secret
from kubernetes.client.exceptions import ApiException

from tests.contract.kubernetes_double.support import (
    Cluster,
    body_of,
    config_map,
    job,
    metadata_of,
    service,
    until,
    workload,
)

MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


type Change = Callable[[dict[str, Any]], None]


def typed_map(name: str, data: dict[str, str], namespace: str = "default", **metadata: Any) -> V1ConfigMap:
    return V1ConfigMap.model_validate(config_map(name, data, namespace, **metadata))


@pytest.fixture
def core(simulated: Cluster) -> CoreV1Api:
    return CoreV1Api(simulated.api)


def reason(error: ApiException) -> tuple[int, str]:
    return error.status, body_of(error)["reason"]


def test_typed_namespaces_are_created_read_and_listed(core: CoreV1Api) -> None:
    core.create_namespace(V1Namespace(metadata=V1ObjectMeta(name="ns1")))
    status = core.read_namespace("ns1").status
    assert status is not None
    assert status.phase == "Active"
    assert "ns1" in [metadata_of(namespace).name for namespace in core.list_namespace().items]


def test_the_server_gives_identity_and_version(core: CoreV1Api) -> None:
    metadata = metadata_of(core.create_namespaced_config_map("default", typed_map("c", {"k": "1"})))
    assert metadata.uid
    assert metadata.creation_timestamp
    assert str(metadata.resource_version).isdigit()


def test_creating_twice_and_reading_what_is_missing_have_their_own_errors(core: CoreV1Api) -> None:
    core.create_namespaced_config_map("default", typed_map("c", {}))
    with pytest.raises(ApiException) as twice:
        core.create_namespaced_config_map("default", typed_map("c", {}))
    assert reason(twice.value) == (409, "AlreadyExists")
    with pytest.raises(ApiException) as missing:
        core.read_namespaced_config_map("nope", "default")
    assert reason(missing.value) == (404, "NotFound")
    with pytest.raises(ApiException) as homeless:
        core.create_namespaced_config_map("nowhere", typed_map("c", {}, "nowhere"))
    assert reason(homeless.value) == (404, "NotFound")


def test_generate_name_makes_a_new_name_each_time(simulated: Cluster) -> None:
    body = config_map("", {})
    body["metadata"] = {"generateName": "run-"}
    names = {json.loads(simulated.raw("POST", MAPS, body)[1])["metadata"]["name"] for _ in range(3)}
    assert len(names) == 3
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_lists_honour_label_and_field_selectors(simulated: Cluster, core: CoreV1Api) -> None:
    for name, labels in (("a", {"app": "web", "tier": "front"}), ("b", {"app": "web"}), ("c", {"app": "db"})):
        core.create_namespaced_config_map("default", typed_map(name, {}, labels=labels))

    def names(**selectors: Any) -> list[str | None]:
        return [metadata_of(entry).name for entry in core.list_namespaced_config_map("default", **selectors).items]

    assert names(label_selector="app=web") == ["a", "b"]
    assert names(label_selector="app==web,tier") == ["a"]
    assert names(label_selector="app in (web, db),!tier") == ["b", "c"]
    assert names(label_selector="app notin (web)") == ["c"]
    assert names(label_selector="app!=web") == ["c"]
    assert names(field_selector="metadata.name=b") == ["b"]
    listing = simulated.kind("v1", "ConfigMap").get(namespace="default")
    assert listing.kind == "ConfigMapList"
    assert listing.metadata.resourceVersion.isdigit()
    assert simulated.raw("GET", MAPS + "?labelSelector=%3D%3D")[0] == 400


def test_a_stale_replace_is_a_conflict_and_a_fresh_one_drops_what_it_does_not_name(core: CoreV1Api) -> None:
    core.create_namespaced_config_map("default", typed_map("c", {"k": "1"}))
    with pytest.raises(ApiException) as stale:
        core.replace_namespaced_config_map("c", "default", typed_map("c", {}, resourceVersion="1"))
    assert reason(stale.value) == (409, "Conflict")
    core.replace_namespaced_config_map("c", "default", typed_map("c", {"only": "1"}))
    assert core.read_namespaced_config_map("c", "default").data == {"only": "1"}


def test_merge_and_json_patches_change_what_they_name(simulated: Cluster) -> None:
    simulated.apply(config_map("c", {"k": "1"}))
    before = simulated.get("v1", "ConfigMap", "c")["metadata"]["resourceVersion"]
    merged = simulated.raw("PATCH", f"{MAPS}/c", {"data": {"k": "2", "n": "3"}}, "application/merge-patch+json")
    assert json.loads(merged[1])["data"] == {"k": "2", "n": "3"}
    operations = [
        {"op": "test", "path": "/data/k", "value": "2"},
        {"op": "remove", "path": "/data/n"},
        {"op": "copy", "from": "/data/k", "path": "/data/a.b"},
        {"op": "add", "path": "/metadata/annotations", "value": {"a/b": "1"}},
        {"op": "replace", "path": "/metadata/annotations/a~1b", "value": "2"},
        {"op": "replace", "path": "/data/k", "value": "4"},
    ]
    patched = simulated.raw("PATCH", f"{MAPS}/c", operations, "application/json-patch+json")
    assert json.loads(patched[1])["data"] == {"k": "4", "a.b": "2"}
    assert json.loads(patched[1])["metadata"]["annotations"] == {"a/b": "2"}
    after = simulated.get("v1", "ConfigMap", "c")["metadata"]["resourceVersion"]
    assert int(after) > int(before)
    failing = [{"op": "test", "path": "/data/k", "value": "9"}]
    assert simulated.raw("PATCH", f"{MAPS}/c", failing, "application/json-patch+json")[0] == 422
    assert simulated.raw("PATCH", f"{MAPS}/c", "k: 1", "text/plain")[0] == 415


def test_a_strategic_merge_finds_containers_by_name(simulated: Cluster) -> None:
    manifest = workload("Deployment", "d", "x:1")
    manifest["spec"]["template"]["spec"]["containers"].append({"name": "side", "image": "y:1"})
    simulated.apply(manifest)

    def containers(patch: object) -> list[tuple[str, str]]:
        body = {"spec": {"template": {"spec": {"containers": patch}}}}
        reply = simulated.raw("PATCH", f"{DEPLOYMENTS}/d", body, "application/strategic-merge-patch+json")
        return [(c["name"], c["image"]) for c in json.loads(reply[1])["spec"]["template"]["spec"]["containers"]]

    assert containers([{"name": "app", "image": "x:2"}]) == [("app", "x:2"), ("side", "y:1")]
    assert containers([{"name": "side", "$patch": "delete"}]) == [("app", "x:2")]


def test_the_generation_of_a_deployment_counts_changes_of_its_spec_and_annotations(simulated: Cluster) -> None:
    apps = AppsV1Api(simulated.api)
    first = V1Deployment.model_validate(workload("Deployment", "d", "x:1"))
    assert metadata_of(apps.create_namespaced_deployment("default", first)).generation == 1
    apps.patch_namespaced_deployment("d", "default", {"metadata": {"labels": {"q": "1"}}})
    assert metadata_of(apps.read_namespaced_deployment("d", "default")).generation == 1
    apps.patch_namespaced_deployment("d", "default", {"metadata": {"annotations": {"q": "1"}}})
    assert metadata_of(apps.read_namespaced_deployment("d", "default")).generation == 2
    apps.patch_namespaced_deployment("d", "default", {"spec": {"replicas": 3}})
    assert metadata_of(apps.read_namespaced_deployment("d", "default")).generation == 3


def test_status_is_written_through_its_subresource_only(simulated: Cluster) -> None:
    """On an Ingress: no controller writes there."""
    path = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
    rules = [{"host": "shop.example"}]
    body = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "i"},
        "spec": {"rules": rules},
    }
    simulated.raw("POST", path, body | {"status": {"loadBalancer": {"ingress": [{"ip": "1.1.1.1"}]}}})
    assert "status" not in simulated.get("networking.k8s.io/v1", "Ingress", "i")
    patch = {"spec": {"rules": []}, "status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}]}}}
    code, reply, _ = simulated.raw("PATCH", f"{path}/i/status", patch, "application/merge-patch+json")
    ingress = json.loads(reply)
    assert code == 200
    assert ingress["spec"]["rules"] == rules
    assert ingress["status"]["loadBalancer"]["ingress"] == [{"ip": "2.2.2.2"}]
    simulated.raw("PATCH", f"{path}/i", {"status": {"loadBalancer": {}}}, "application/merge-patch+json")
    assert simulated.get("networking.k8s.io/v1", "Ingress", "i")["status"] == ingress["status"]


def test_scale_is_a_document_of_its_own(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "d", "x:1", spec={"replicas": 2}))
    scale = json.loads(simulated.raw("GET", f"{DEPLOYMENTS}/d/scale")[1])
    assert (scale["kind"], scale["spec"]["replicas"], scale["status"]["selector"]) == ("Scale", 2, "app=d")
    code, body, _ = simulated.raw(
        "PATCH", f"{DEPLOYMENTS}/d/scale", {"spec": {"replicas": 0}}, "application/merge-patch+json"
    )
    assert (code, json.loads(body)["spec"]) == (200, {})  # none is not a number in Go, and left out
    assert simulated.get("apps/v1", "Deployment", "d")["spec"]["replicas"] == 0


def test_a_dry_run_answers_and_stores_nothing(simulated: Cluster, core: CoreV1Api) -> None:
    created = core.create_namespaced_config_map("default", typed_map("dry", {"k": "1"}), dry_run="All")
    assert created.data == {"k": "1"}
    simulated.apply(config_map("kept", {"k": "1"}))
    assert simulated.apply(config_map("kept", {"k": "2"}), dry_run="All")["data"] == {"k": "2"}
    simulated.kind("v1", "ConfigMap").delete(name="kept", namespace="default", body={"dryRun": ["All"]})
    simulated.raw("DELETE", f"{MAPS}/kept?dryRun=All")
    assert [(m["metadata"]["name"], m["data"]) for m in simulated.items("v1", "ConfigMap")] == [("kept", {"k": "1"})]


def test_deleting_answers_and_is_final(simulated: Cluster, core: CoreV1Api) -> None:
    for name in ("a", "b", "c"):
        core.create_namespaced_config_map("default", typed_map(name, {}, labels={"x": name}))
    assert json.loads(simulated.raw("DELETE", f"{MAPS}/a")[1])["status"] == "Success"
    with pytest.raises(ApiException) as missing:
        core.delete_namespaced_config_map("a", "default")
    assert missing.value.status == 404
    core.delete_collection_namespaced_config_map("default", label_selector="x=b")
    assert [m["metadata"]["name"] for m in simulated.items("v1", "ConfigMap")] == ["c"]


def test_a_delete_with_another_uid_is_a_conflict(simulated: Cluster) -> None:
    simulated.apply(config_map("a", {}))
    assert simulated.raw("DELETE", f"{MAPS}/a", {"preconditions": {"uid": "another"}})[0] == 409


def test_finalizers_hold_an_object_until_they_are_gone(simulated: Cluster) -> None:
    simulated.apply(config_map("held", {}, finalizers=["example.com/hold"]))
    simulated.raw("DELETE", f"{MAPS}/held")
    assert simulated.get("v1", "ConfigMap", "held")["metadata"]["deletionTimestamp"]
    simulated.raw("PATCH", f"{MAPS}/held", {"metadata": {"finalizers": None}}, "application/merge-patch+json")
    assert simulated.raw("GET", f"{MAPS}/held")[0] == 404


def test_a_deleted_namespace_takes_its_content_with_it(simulated: Cluster) -> None:
    simulated.raw("POST", "/api/v1/namespaces", {"metadata": {"name": "gone"}})
    manifest = workload("Deployment", "d", "x:1")
    manifest["metadata"]["namespace"] = "gone"
    simulated.apply(manifest)
    until(lambda: simulated.pods(namespace="gone"), "a pod")
    simulated.raw("DELETE", "/api/v1/namespaces/gone")
    until(lambda: simulated.raw("GET", "/api/v1/namespaces/gone")[0] == 404, "the end of the namespace")
    assert simulated.pods(namespace="gone") == []


def test_a_deleted_job_leaves_its_pods_unless_the_request_asks_to_propagate(simulated: Cluster) -> None:
    """The trap of batch/v1: over the bare API the default is to orphan."""
    for name, query in (("left", ""), ("taken", "?propagationPolicy=Background")):
        simulated.apply(job(name, "x:1"))
        until(partial(simulated.pods, f"job-name={name}"), "the pod")
        simulated.raw("DELETE", f"/apis/batch/v1/namespaces/default/jobs/{name}{query}")
    until(lambda: not simulated.pods("job-name=taken"), "the end of the pod")
    assert len(simulated.pods("job-name=left")) == 1
    assert "ownerReferences" not in simulated.pods("job-name=left")[0]["metadata"]


def test_fields_that_may_not_change_are_refused(simulated: Cluster) -> None:
    simulated.apply(job("j", "x:1"))
    body = {"spec": {"template": {"spec": {"containers": [{"name": "test", "image": "x:2"}]}}}}
    path = "/apis/batch/v1/namespaces/default/jobs/j"
    code, reply, _ = simulated.raw("PATCH", path, body, "application/strategic-merge-patch+json")
    status = json.loads(reply)
    assert (code, status["reason"]) == (422, "Invalid")
    assert status["message"].startswith('Job.batch "j" is invalid: spec.template: Invalid value: {')
    assert status["message"].endswith(": field is immutable")
    assert status["details"]["causes"][0]["field"] == "spec.template"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda d: d["spec"]["template"]["spec"].update(containers=[]), "spec.template.spec.containers"),
        (lambda d: d["spec"]["template"]["metadata"].update(labels={"app": "x"}), "spec.template.metadata.labels"),
        (lambda d: d["spec"].update(replicas=-1), "spec.replicas"),
        (lambda d: d["spec"]["template"]["spec"].update(restartPolicy="Never"), "spec.template.spec.restartPolicy"),
        (lambda d: d["metadata"].update(name="Not_A_Name"), "metadata.name"),
    ],
)
def test_a_wrong_deployment_is_refused_by_field(simulated: Cluster, change: Change, field: str) -> None:
    manifest = workload("Deployment", "d", "x:1")
    change(manifest)
    code, reply, _ = simulated.raw("POST", DEPLOYMENTS, manifest)
    assert code == 422
    assert json.loads(reply)["details"]["causes"][0]["field"] == field


def test_strict_validation_refuses_unknown_fields_at_any_depth(simulated: Cluster) -> None:
    manifest = workload("Deployment", "d", "x:1", spec={"replica": 3}, imagee="x")
    code, reply, _ = simulated.raw("POST", DEPLOYMENTS + "?fieldValidation=Strict", manifest)
    assert code == 400
    assert json.loads(reply)["message"] == (
        'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: '
        'unknown field "spec.replica", unknown field "spec.template.spec.containers[0].imagee"'
    )


def test_unknown_fields_are_warned_of_and_dropped_by_default(simulated: Cluster) -> None:
    manifest = workload("Deployment", "d", "x:1", spec={"replica": 3})
    code, reply, headers = simulated.raw("POST", DEPLOYMENTS, manifest)
    assert code == 201
    assert headers["Warning"] == '299 - "unknown field \\"spec.replica\\""'
    assert "replica" not in json.loads(reply)["spec"]


def test_wrong_types_are_refused(simulated: Cluster) -> None:
    code, reply, _ = simulated.raw("POST", DEPLOYMENTS, workload("Deployment", "d", "x:1", spec={"replicas": "3"}))
    assert code == 400
    assert "cannot unmarshal string into field .spec.replicas of type int32" in json.loads(reply)["message"]


def test_a_body_that_is_too_large_is_refused(simulated: Cluster) -> None:
    code, reply, _ = simulated.raw("POST", MAPS, config_map("c", {"k": "x" * (4 * 1024 * 1024)}))
    assert (code, json.loads(reply)["reason"]) == (413, "RequestEntityTooLarge")


def test_secrets_take_plain_text_and_give_base64(simulated: Cluster, core: CoreV1Api) -> None:
    core.create_namespaced_secret("default", V1Secret(metadata=V1ObjectMeta(name="s"), string_data={"k": "v"}))
    secret = simulated.get("v1", "Secret", "s")
    assert (secret["data"], secret["type"], "stringData" in secret) == ({"k": "dg=="}, "Opaque", False)


def test_a_service_gets_its_defaults(simulated: Cluster) -> None:
    spec = simulated.apply(service("web", 8080))["spec"]
    assert spec["type"] == "ClusterIP"
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["ports"] == [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
