"""The errors of an identity with few rights. On the double only: its tokens say what they allow."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kubernetes import Kubernetes, KubernetesSettings, Token, kubeconfig, write_kubeconfig
from slipway.domain.pruning import Ending
from slipway.effects.cluster import AccessDenied, ClusterAccess, connect_cluster
from slipway.testing.claims import claim

from . import manifests as m

ALL = Token(token="token-for-all", user="admin")
READER = Token(token="token-of-a-reader", user="reader", namespaces=("shop",), verbs=("get", "list"))
OF_NAMESPACE = Token(token="token-of-the-namespace", user="owner", namespaces=("shop",))
NARROW = Token(token="token-without-list", user="narrow", namespaces=("shop",), verbs=("get", "create", "patch"))
UNDELETING = Token(
    token="token-without-delete", user="undeleting", namespaces=("shop",), verbs=("get", "list", "create", "patch")
)


@pytest.fixture(scope="module")
def double() -> Iterator[Kubernetes]:
    settings = KubernetesSettings(
        namespaces=("shop",), tokens=(ALL, READER, OF_NAMESPACE, NARROW, UNDELETING), simulate=True
    )
    with Kubernetes(settings) as running:
        yield running


def access(double: Kubernetes, token: Token) -> ClusterAccess:
    return ClusterAccess(server=double.url, token=lambda: token.token)


def test_a_missing_permission_is_named_with_what_to_grant(double: Kubernetes) -> None:
    with connect_cluster(access(double, READER)) as cluster, pytest.raises(AccessDenied) as raised:
        cluster.fenced("shop", claim).apply([m.deployment()])
    assert "take order 0.1 in Lease slipway-shop-staging: " in str(raised.value)
    assert 'Slipway\'s identity may not create leases.coordination.k8s.io in namespace "shop"' in str(raised.value)
    assert "RBAC Writer" in str(raised.value)
    assert READER.token not in str(raised.value)


def test_another_namespace_is_denied(double: Kubernetes) -> None:
    with (
        connect_cluster(access(double, READER)) as cluster,
        pytest.raises(AccessDenied, match='in namespace "default"'),
    ):
        cluster.rollout([m.deployment()], "default")


def test_kinds_that_may_not_be_listed_are_named_as_not_searched(double: Kubernetes) -> None:
    with connect_cluster(access(double, NARROW)) as cluster:
        departed = cluster.departed([m.config(a="1")], "shop", m.OWNER)
    assert departed.deletions == ()
    reasons = {unsearched.kind: unsearched.why for unsearched in departed.unsearched}
    assert {"ConfigMap", "Secret", "Deployment.apps", "Job.batch"} <= set(reasons)
    assert set(reasons.values()) == {"Slipway's identity may not list it"}


def test_an_object_that_slipway_may_not_delete_is_known_before_anybody_votes(double: Kubernetes) -> None:
    with connect_cluster(access(double, ALL)) as cluster:
        cluster.fenced("shop", claim).apply([m.config("kept", a="1"), m.config("left", a="1")])
        (deletion,) = cluster.departed([m.config("kept", a="1")], "shop", m.OWNER).deletions
    with connect_cluster(access(double, UNDELETING)) as cluster:
        departed = cluster.departed([m.config("kept", a="1")], "shop", m.OWNER)
        (deletion_result,) = cluster.fenced("shop", claim).prune([deletion], m.OWNER)
    assert departed.deletions == ()
    (staying,) = departed.staying
    assert (staying.kind, staying.name) == ("ConfigMap", "left")
    assert "may not delete configmaps" in staying.why
    assert (deletion_result.object, deletion_result.ending) == ("ConfigMap/left", Ending.LEFT)
    assert "may not delete configmaps" in deletion_result.why


def test_a_node_is_named_where_nodes_may_not_be_read(double: Kubernetes) -> None:
    agent = m.workload("DaemonSet", f"{m.PAUSE}@{m.ONE}", name="agent")
    agent["spec"]["template"]["metadata"]["annotations"] = {"local.slipway/outcome": "fail"}
    agent["spec"]["template"]["spec"]["nodeName"] = "laptop"  # the simulated kubelet has no scheduler
    with connect_cluster(access(double, ALL)) as cluster:
        cluster.fenced("shop", claim).apply([agent])
    with connect_cluster(access(double, OF_NAMESPACE)) as cluster:
        end = time.monotonic() + 10
        while "no pod is ready on node laptop" not in (reason := cluster.rollout([agent], "shop").reason):
            assert time.monotonic() < end, reason
            time.sleep(0.05)


def test_a_token_that_nobody_knows_is_denied_without_being_shown(double: Kubernetes) -> None:
    stranger = ClusterAccess(server=double.url, token=lambda: "some-secret-token")
    with (
        connect_cluster(stranger) as cluster,
        pytest.raises(AccessDenied, match="did not accept the credentials") as raised,
    ):
        cluster.rollout([m.job("t")], "shop")
    assert "some-secret-token" not in str(raised.value)


def test_a_cluster_can_be_reached_by_a_kubeconfig(double: Kubernetes, tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, kubeconfig(double.url, ALL))
    with connect_cluster(ClusterAccess(kubeconfig=path)) as cluster:
        assert m.changes(cluster.preview([m.config(a="1")], "shop"))
