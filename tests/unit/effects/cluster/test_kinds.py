"""The API paths of objects, and the order in which objects are applied."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slipway.effects.cluster.errors import Missing, ObjectRefused
from slipway.effects.cluster.kinds import BUILT_IN, KindLookup, rank
from slipway.manifests.objects import MOST_OBJECTS


class Discovery:
    """A cluster's discovery that records each look-up."""

    def __init__(self, resources: Mapping[str, list[dict[str, Any]]] | None = None) -> None:
        self.resources = resources or {}
        self.lookups: list[str] = []

    def __call__(self, api_version: str) -> Iterable[Mapping[str, Any]]:
        self.lookups.append(api_version)
        return self.resources.get(api_version, [])


def a_manifest(kind: str = "ConfigMap", name: str = "a", api_version: str = "v1", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


def test_built_in_kinds_need_no_discovery() -> None:
    discovery = Discovery()
    [target] = KindLookup(discovery).targets([a_manifest("Deployment", "web", "apps/v1")], "shop")
    assert target.path == "/apis/apps/v1/namespaces/shop/deployments/web"
    assert discovery.lookups == []


def test_a_cluster_wide_object_has_no_namespace_in_its_path() -> None:
    [target] = KindLookup(Discovery()).targets([a_manifest("Namespace", "shop")], "shop")
    assert target.path == "/api/v1/namespaces/shop"


def test_other_kinds_are_looked_up_once_for_their_group_and_version() -> None:
    listed = [
        {"name": "certificates", "kind": "Certificate", "namespaced": True},
        {"name": "certificates/status", "kind": "Certificate", "namespaced": True},
        {"name": "issuers", "kind": "Issuer", "namespaced": True},
    ]
    discovery = Discovery({"cert-manager.io/v1": listed})
    kinds = KindLookup(discovery)
    assert kinds.find("cert-manager.io/v1", "Certificate").plural == "certificates"
    assert kinds.find("cert-manager.io/v1", "Issuer").plural == "issuers"
    assert discovery.lookups == ["cert-manager.io/v1"]


def test_a_kind_that_the_cluster_does_not_know_is_named() -> None:
    with pytest.raises(Missing, match=r"does not know the kind Foo of x\.io/v1"):
        KindLookup(Discovery()).find("x.io/v1", "Foo")


def test_a_custom_kind_in_another_version_is_reported_with_the_one_that_the_cluster_has() -> None:
    webhooks, route = ({"name": f"{kind.lower()}s", "kind": kind, "namespaced": True} for kind in ("Gateway", "Route"))
    discovery = Discovery({"x.io/v1": [webhooks], "x.io/v1alpha1": [route]})
    kinds = KindLookup(discovery, lambda group: [f"{group}/v1", f"{group}/v1beta1", f"{group}/v1alpha1"])
    with pytest.raises(Missing, match=r"Gateway of x\.io/v1beta1; it has it as x\.io/v1: "):
        kinds.find("x.io/v1beta1", "Gateway")
    with pytest.raises(Missing, match=r"Pool of x\.io/v1beta1; is its definition installed\?"):
        kinds.find("x.io/v1beta1", "Pool")


def test_a_changed_kind_is_noticed_when_the_cluster_is_asked_again() -> None:
    discovery = Discovery({"x.io/v1": [{"name": "foos", "kind": "Foo", "namespaced": True}]})
    kinds, manifests = KindLookup(discovery), [a_manifest("Foo", "a", "x.io/v1")]
    assert kinds.targets(manifests, "shop")[0].path == "/apis/x.io/v1/namespaces/shop/foos/a"
    discovery.resources = {"x.io/v1": [{"name": "foos", "kind": "Foo", "namespaced": False}]}
    assert kinds.targets(manifests, "shop")[0].path == "/apis/x.io/v1/namespaces/shop/foos/a"
    assert kinds.targets(manifests, "shop", look_again=True)[0].path == "/apis/x.io/v1/foos/a"
    discovery.resources = {}
    with pytest.raises(Missing):
        kinds.targets(manifests, "shop", look_again=True)


def test_objects_that_others_depend_on_are_applied_first() -> None:
    kinds = KindLookup(Discovery({"x.io/v1": [{"name": "foos", "kind": "Foo", "namespaced": True}]}))
    manifests = [
        a_manifest("Ingress", api_version="networking.k8s.io/v1"),
        a_manifest("Deployment", api_version="apps/v1"),
        a_manifest("Foo", api_version="x.io/v1"),
        a_manifest("Service"),
        a_manifest("ConfigMap"),
        a_manifest("ServiceAccount"),
        a_manifest("HorizontalPodAutoscaler", api_version="autoscaling/v2"),
        a_manifest("Namespace", "shop"),
    ]
    assert [t.kind.kind for t in kinds.targets(manifests, "shop")] == [
        *("Namespace", "ServiceAccount", "ConfigMap", "Service", "Foo", "Deployment", "Ingress"),
        "HorizontalPodAutoscaler",
    ]


@given(st.lists(st.sampled_from(sorted(BUILT_IN)), max_size=30))
def test_ordering_loses_nothing_and_keeps_the_order_within_a_kind(kinds: list[tuple[str, str]]) -> None:
    manifests = [a_manifest(kind, f"n{number}", api_version) for number, (api_version, kind) in enumerate(kinds)]
    targets = KindLookup(Discovery()).targets(manifests, "shop")
    assert sorted(target.name for target in targets) == sorted(manifest["metadata"]["name"] for manifest in manifests)
    for kind in {target.kind.kind for target in targets}:
        names = [target.name for target in targets if target.kind.kind == kind]
        assert names == [manifest["metadata"]["name"] for manifest in manifests if manifest["kind"] == kind]
    assert [target.manifest for target in targets] == [
        target.manifest for target in KindLookup(Discovery()).targets([target.manifest for target in targets], "shop")
    ]


@pytest.mark.parametrize("field", ["apiVersion", "kind", "metadata.name"])
def test_a_manifest_without_what_identifies_it_is_refused_by_number_and_field(field: str) -> None:
    incomplete = a_manifest()
    if field == "metadata.name":
        del incomplete["metadata"]["name"]
    else:
        del incomplete[field]
    with pytest.raises(ObjectRefused, match=f"manifest 2: {field}: expected a name, got None"):
        KindLookup(Discovery()).targets([a_manifest("Secret"), incomplete], "shop")


def test_a_manifest_for_another_namespace_is_refused() -> None:
    with pytest.raises(ObjectRefused, match=r'ConfigMap/a: metadata.namespace: expected "shop".*, got "other"'):
        KindLookup(Discovery()).targets([a_manifest(namespace="other")], "shop")


def test_the_same_object_twice_is_refused() -> None:
    with pytest.raises(ObjectRefused, match="ConfigMap/a: the manifests contain it twice"):
        KindLookup(Discovery()).targets([a_manifest(), a_manifest()], "shop")


def test_too_many_objects_are_refused() -> None:
    with pytest.raises(ObjectRefused, match="expected at most 500 objects, got 501"):
        KindLookup(Discovery()).targets([a_manifest(name=f"n{n}") for n in range(MOST_OBJECTS + 1)], "shop")


def test_names_cannot_climb_out_of_their_path() -> None:
    [target] = KindLookup(Discovery()).targets([a_manifest(name="../../secrets")], "shop")
    assert target.path == "/api/v1/namespaces/shop/configmaps/..%2F..%2Fsecrets"


def a_definition(**changes: Any) -> dict[str, Any]:
    versions = [{"name": "v1", "served": True}, {"name": "v1beta1", "served": False}]
    names = {"kind": "Test", "plural": "tests"}
    spec = {"group": "acme.example", "scope": "Namespaced", "names": names, "versions": versions} | changes
    return a_manifest("CustomResourceDefinition", "tests.acme.example", "apiextensions.k8s.io/v1") | {"spec": spec}


@pytest.mark.parametrize("in_order", [True, False], ids=["in order", "object first"])
def test_an_object_whose_definition_is_in_the_same_release_is_applied_after_it(in_order: bool) -> None:
    manifests = [a_definition(), a_manifest("Test", "a", "acme.example/v1")]
    definition, test = KindLookup(Discovery()).targets(manifests if in_order else manifests[::-1], "shop")
    assert definition.kind.kind == "CustomResourceDefinition"
    assert test.path == "/apis/acme.example/v1/namespaces/shop/tests/a"
    assert test.kind.defined_by_release


SERVED = {"acme.example/v1": [{"name": "tests", "kind": "Test", "namespaced": False}]}
"""The kind as the cluster serves it, which differs from the definition above."""


def test_a_kind_from_the_release_takes_the_clusters_scope_once_it_is_served() -> None:
    discovery = Discovery()
    lookup = KindLookup(discovery)
    manifests = [a_definition(), a_manifest("Test", "a", "acme.example/v1")]
    assert lookup.targets(manifests, "shop")[1].kind.namespaced
    discovery.resources = SERVED
    test = lookup.targets(manifests, "shop")[1].kind
    assert (test.namespaced, test.defined_by_release) == (False, True)


def test_a_kind_whose_definition_was_taken_away_comes_with_the_release_that_brings_it_again() -> None:
    discovery = Discovery(SERVED)
    lookup, manifests = (
        KindLookup(discovery),
        [a_definition(), *(a_manifest("Test", n, "acme.example/v1") for n in "ab")],
    )
    assert not lookup.targets(manifests, "shop")[1].kind.namespaced
    discovery.resources = {}
    _, first, second = lookup.targets(manifests, "shop")
    assert (first.kind.namespaced, second.kind.namespaced) == (True, True)
    assert discovery.lookups == ["acme.example/v1"] * 2


@pytest.mark.parametrize(
    "definition",
    [
        a_definition(group="other.example"),
        a_definition(versions=[{"name": "v1", "served": False}]),
        a_definition(names={}),
        a_definition(names=None, versions="v1"),
    ],
    ids=["of another group", "of a version that is not served", "without names", "that is none"],
)
def test_a_definition_of_something_else_does_not_make_a_kind_known(definition: dict[str, Any]) -> None:
    with pytest.raises(Missing):
        KindLookup(Discovery()).targets([definition, a_manifest("Test", "a", "acme.example/v1")], "shop")


def test_webhooks_and_api_services_are_applied_after_the_workloads() -> None:
    webhook, api_service = "ValidatingWebhookConfiguration", "APIService"
    in_order = sorted(["CronJob", webhook, "Deployment", api_service, "ConfigMap", "Certificate", "Service"], key=rank)
    assert in_order == ["ConfigMap", "Service", "Certificate", "Deployment", "CronJob", api_service, webhook]
