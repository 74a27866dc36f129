"""The catalogue's namespaces are created in those clusters that are doubles."""

from collections.abc import Iterator

import pytest

from local.kubernetes import Kubernetes, KubernetesSettings, Token
from local.kubernetes.access import LETS_IN
from local.kubernetes.resources import NAMESPACES
from local.stack.places import APP, NamespaceMaker, NamespaceRefused, application_in_force, namespaces_named_by

DOCUMENT = """
application: shop
environments:
  - { name: staging, clusters: [staging], namespace: shop-staging }
  - { name: production, clusters: [production], namespace: shop }
  - { name: elsewhere, clusters: [far], namespace: shop }
"""


@pytest.fixture
def cluster() -> Iterator[Kubernetes]:
    tokens = (Token(token="of-the-platform", user="platform"),)
    with Kubernetes(KubernetesSettings(tokens=tokens, simulate=True, namespaces=("given",))) as running:
        yield running


def places(cluster: Kubernetes, token: str = "of-the-platform") -> NamespaceMaker:
    return NamespaceMaker(clusters={"staging": cluster.url}, token=token)


def test_an_application_names_its_namespaces_by_cluster() -> None:
    document = application_in_force({"files": {"application.yaml": DOCUMENT}}, "shop")
    assert namespaces_named_by(document) == {
        "staging": frozenset({"shop-staging"}),
        "production": frozenset({"shop"}),
        "far": frozenset({"shop"}),
    }


def test_a_namespace_is_made_once_and_lets_the_app_in(cluster: Kubernetes) -> None:
    namespaces = {"staging": frozenset({"one", "two", "given"}), "far": frozenset({"three"})}
    maker = places(cluster)
    assert maker.make(namespaces) == ["given in staging", "one in staging", "two in staging"]
    assert maker.make(namespaces) == []
    namespace = cluster.store.get(NAMESPACES, None, "one")
    assert namespace is not None
    assert namespace["metadata"]["annotations"] == {LETS_IN: APP}
    assert cluster.store.get(NAMESPACES, None, "three") is None


def test_a_namespace_that_the_cluster_refuses_is_reported(cluster: Kubernetes) -> None:
    with pytest.raises(NamespaceRefused, match="namespace one: the cluster staging responded with 401"):
        places(cluster, token="another").make({"staging": frozenset({"one"})})
