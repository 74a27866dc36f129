"""What a client learns of the cluster, and what a token may do there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes.client import AuthorizationV1Api, V1SelfSubjectAccessReview
from kubernetes.dynamic.exceptions import ForbiddenError, UnauthorizedError

from local.kubernetes import Kubernetes, KubernetesSettings, Token
from tests.contract.kubernetes_double.support import Cluster, body_of, config_map


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[Cluster, Cluster]]:
    """(someone who may do everything, someone who may read and apply in one namespace)"""
    tokens = (
        Token(token="all", user="root"),
        Token(token="few", user="slipway", namespaces=("shop",), verbs=("get", "list", "watch", "patch", "create")),
    )
    settings = KubernetesSettings(simulate=True, namespaces=("shop", "prod"), tokens=tokens)
    with Kubernetes(settings) as running:
        yield Cluster(running.url, tmp_path, "all"), Cluster(running.url, tmp_path, "few")


def test_version_and_groups_are_reported(simulated: Cluster) -> None:
    assert json.loads(simulated.raw("GET", "/version")[1])["gitVersion"].startswith("v1.")
    assert json.loads(simulated.raw("GET", "/api")[1])["versions"] == ["v1"]
    groups = {g["name"]: g for g in json.loads(simulated.raw("GET", "/apis")[1])["groups"]}
    assert groups["autoscaling"]["preferredVersion"]["version"] == "v2"
    assert {"apps", "batch", "authorization.k8s.io"} <= set(groups)
    core = json.loads(simulated.raw("GET", "/api/v1")[1])
    assert core["groupVersion"] == "v1"
    assert {"pods/log", "services/proxy", "namespaces"} <= {r["name"] for r in core["resources"]}


def test_the_dynamic_client_finds_kinds_and_subresources(simulated: Cluster) -> None:
    resource = simulated.kind("apps/v1", "Deployment")
    assert (resource.name, resource.namespaced, sorted(resource.subresources)) == (
        "deployments",
        True,
        ["scale", "status"],
    )


@pytest.mark.parametrize("path", ["/apis/none/v1", "/api/v2", "/apis/apps/v1/namespaces/default/toasters", "/x"])
def test_unknown_paths_are_not_found(simulated: Cluster, path: str) -> None:
    assert simulated.raw("GET", path)[0] == 404


def test_namespaces_of_the_configuration_exist_at_the_start(guarded: tuple[Cluster, Cluster]) -> None:
    admin, _ = guarded
    names = [n["metadata"]["name"] for n in admin.kind("v1", "Namespace").get().to_dict()["items"]]
    assert names == ["default", "kube-system", "prod", "shop"]


def test_without_a_token_nothing_is_shown(guarded: tuple[Cluster, Cluster]) -> None:
    code, body, _ = guarded[0].raw("GET", "/api/v1/namespaces", anonymous=True)
    status = json.loads(body)
    assert (code, status["kind"], status["reason"]) == (401, "Status", "Unauthorized")


def test_an_unknown_token_is_refused(guarded: tuple[Cluster, Cluster], tmp_path: Path) -> None:
    stranger = Cluster(guarded[0].url, tmp_path, "guess")
    with pytest.raises(UnauthorizedError):
        stranger.dynamic  # noqa: B018 - discovery is refused


def test_a_token_works_in_its_own_namespace_only(guarded: tuple[Cluster, Cluster]) -> None:
    _, few = guarded
    few.apply(config_map("a", {"k": "1"}, "shop"))
    with pytest.raises(ForbiddenError) as refused:
        few.apply(config_map("a", {"k": "1"}, "prod"))
    status = body_of(refused.value)
    assert (status["code"], status["reason"], status["details"]["name"]) == (403, "Forbidden", "a")
    assert status["message"] == (
        'configmaps "a" is forbidden: User "slipway" cannot patch resource "configmaps" in API group "" '
        'in the namespace "prod"'
    )


def test_a_token_is_held_to_its_verbs(guarded: tuple[Cluster, Cluster]) -> None:
    _, few = guarded
    few.apply(config_map("a", {"k": "1"}, "shop"))
    with pytest.raises(ForbiddenError, match="cannot delete resource"):
        few.kind("v1", "ConfigMap").delete(name="a", namespace="shop")


def test_a_namespaced_token_reads_its_namespace_and_not_the_list(guarded: tuple[Cluster, Cluster]) -> None:
    _, few = guarded
    assert few.kind("v1", "Namespace").get(name="shop").metadata.name == "shop"
    with pytest.raises(ForbiddenError, match="at the cluster scope"):
        few.kind("v1", "Namespace").get()


def test_an_apply_that_creates_needs_the_verb_create(tmp_path: Path) -> None:
    tokens = (Token(token="t", verbs=("get", "patch")),)
    with Kubernetes(KubernetesSettings(simulate=True, tokens=tokens)) as running:
        cluster = Cluster(running.url, tmp_path, "t")
        with pytest.raises(ForbiddenError, match="cannot create resource"):
            cluster.apply(config_map("a", {}))


@pytest.mark.parametrize(
    ("namespace", "verb", "expected"), [("shop", "patch", True), ("shop", "delete", False), ("prod", "get", False)]
)
def test_an_access_review_answers_what_the_token_may_do(
    guarded: tuple[Cluster, Cluster], namespace: str, verb: str, expected: bool
) -> None:
    attributes = {"namespace": namespace, "verb": verb, "group": "apps", "resource": "deployments"}
    request = V1SelfSubjectAccessReview.model_validate({"spec": {"resourceAttributes": attributes}})
    review = AuthorizationV1Api(guarded[1].api).create_self_subject_access_review(request)
    assert review.status is not None
    assert review.status.allowed is expected
