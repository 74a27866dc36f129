"""A cluster that is started again in the same folder still has its objects; and whom its namespaces let in."""

import json
from pathlib import Path
from typing import Any

import pytest
import urllib3

from local.kubernetes import ConfigError, Kubernetes, KubernetesSettings, Pace, Token
from local.kubernetes.access import LETS_IN
from local.kubernetes.resources import NAMESPACES, PODS

from .support import until

TOKENS = (Token(token="of-the-app", user="slipway", namespaces=()), Token(token="of-the-platform", user="platform"))


def settings(folder: Path, *, simulate: bool = True) -> KubernetesSettings:
    return KubernetesSettings(tokens=TOKENS, simulate=simulate, state_dir=folder, pace=Pace(tick=0.01))


def ask(cluster: Kubernetes, method: str, path: str, token: str, body: Any = None) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}"}
    response = urllib3.request(method, cluster.url + path, json=body, headers=headers, retries=False)
    return response.status, response.json()


def make_namespace(cluster: Kubernetes, *, lets_in: str) -> None:
    body = {"metadata": {"name": "team", "annotations": {LETS_IN: lets_in}}}
    assert ask(cluster, "POST", "/api/v1/namespaces", "of-the-platform", body)[0] == 201


CONFIG_MAPS = "/api/v1/namespaces/team/configmaps"
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}, "data": {"a": "b"}}


def test_a_namespace_lets_in_the_users_in_its_annotation_and_nobody_else(tmp_path: Path) -> None:
    with Kubernetes(settings(tmp_path)) as cluster:
        assert ask(cluster, "POST", CONFIG_MAPS, "of-the-app", CONFIG_MAP)[0] == 403
        make_namespace(cluster, lets_in="somebody slipway")
        assert ask(cluster, "POST", CONFIG_MAPS, "of-the-app", CONFIG_MAP)[0] == 201
        assert ask(cluster, "GET", "/api/v1/namespaces/kube-system/configmaps", "of-the-app")[0] == 403
        review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "team"}}}
        _, reply = ask(cluster, "POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "of-the-app", review)
        assert reply["status"]["allowed"]


def test_a_user_who_is_not_let_in_may_not_change_whom_the_namespace_lets_in(tmp_path: Path) -> None:
    with Kubernetes(settings(tmp_path)) as cluster:
        make_namespace(cluster, lets_in="somebody")
        patch = {"metadata": {"annotations": {LETS_IN: "slipway"}}}
        assert ask(cluster, "PATCH", "/api/v1/namespaces/team", "of-the-app", patch)[0] == 403


def test_objects_are_there_again_after_a_restart_with_their_versions(tmp_path: Path) -> None:
    with Kubernetes(settings(tmp_path)) as cluster:
        make_namespace(cluster, lets_in="slipway")
        _, created = ask(cluster, "POST", CONFIG_MAPS, "of-the-app", CONFIG_MAP)
    with Kubernetes(settings(tmp_path)) as again:
        assert ask(again, "GET", f"{CONFIG_MAPS}/kept", "of-the-app") == (200, created)
        _, changed = ask(again, "PUT", f"{CONFIG_MAPS}/kept", "of-the-app", created | {"data": {"a": "c"}})
    assert int(changed["metadata"]["resourceVersion"]) > int(created["metadata"]["resourceVersion"])


def test_a_change_is_written_to_the_file_while_the_cluster_runs(tmp_path: Path) -> None:
    file = tmp_path / "objects.json"
    with Kubernetes(settings(tmp_path)) as cluster:
        make_namespace(cluster, lets_in="slipway")
        until(lambda: file.exists() and '"team"' in file.read_text(), "the file to name the namespace")
    assert file.stat().st_mode & 0o077 == 0, "Secrets are in it"


def test_a_deployment_is_available_again_after_a_restart(tmp_path: Path) -> None:
    body = {
        "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "image": "127.0.0.1:1/web:1"}]},
            },
        },
    }

    def available(cluster: Kubernetes) -> bool:
        path = "/apis/apps/v1/namespaces/team/deployments/web"
        return bool(ask(cluster, "GET", path, "of-the-app")[1].get("status", {}).get("availableReplicas"))

    with Kubernetes(settings(tmp_path)) as cluster:
        make_namespace(cluster, lets_in="slipway")
        ask(cluster, "POST", "/apis/apps/v1/namespaces/team/deployments", "of-the-app", body)
        until(lambda: available(cluster), "the first start")
        before = {pod["metadata"]["uid"] for pod in cluster.store.find(PODS)}
    with Kubernetes(settings(tmp_path)) as again:
        until(lambda: available(again), "the second start")
        assert {pod["metadata"]["uid"] for pod in again.store.find(PODS)} == before


@pytest.mark.parametrize("text", ["", "[]", '{"format": 0, "version": 1, "objects": []}', '{"format": 1}'])
def test_a_file_that_the_double_did_not_write_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "objects.json").write_text(text)
    with pytest.raises(ConfigError, match=r"objects\.json"):
        Kubernetes(settings(tmp_path))


def test_a_cluster_without_a_folder_of_its_own_keeps_nothing() -> None:
    with Kubernetes(KubernetesSettings(simulate=True)) as cluster:
        folder = cluster.state_dir
        assert cluster.store.get(NAMESPACES, None, "default")
    assert not folder.exists()


def test_the_file_is_plain_json(tmp_path: Path) -> None:
    with Kubernetes(settings(tmp_path)):
        pass
    document = json.loads((tmp_path / "objects.json").read_text())
    assert {entry["metadata"]["name"] for entry in document["objects"] if entry["kind"] == "Namespace"} == {
        "default",
        "kube-system",
    }
