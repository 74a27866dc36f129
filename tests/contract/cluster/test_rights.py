"""The role that `infra/` grants is enough for Kubernetes' own kinds, and further rights can be granted."""

import pytest

from slipway.effects.cluster import AccessDenied, Missing, connect_cluster
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place
from .test_scaling import autoscaler

GROUP, CRD = "tests.slipway.dev", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
BOAT = {"apiVersion": f"{GROUP}/v1", "kind": "Boat", "metadata": {"name": "one"}, "spec": {"sails": 2}}
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": f"boats.{GROUP}"},
    "spec": {
        "group": GROUP,
        "scope": "Namespaced",
        "names": {"kind": "Boat", "plural": "boats"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
            }
        ],
    },
}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"}, "rules": []}


def test_the_role_holds_every_right_that_a_rollout_of_usual_kinds_needs(place: Place) -> None:
    usual = [m.deployment(), m.config(a="1"), m.secret(a="1"), m.job("migrate"), autoscaler()]
    assert place.cluster.missing_rights(usual, place.namespace) == ()
    assert place.cluster.other_role(usual, (), place.namespace) == []


def test_a_namespace_has_the_same_id_for_every_reader_and_shares_it_with_no_other_namespace(place: Place) -> None:
    with connect_cluster(place.access) as admin:
        assert admin.namespace_id(place.namespace) == place.cluster.namespace_id(place.namespace)
        assert admin.namespace_id("default") != admin.namespace_id(place.namespace)


def test_rights_that_the_role_does_not_hold_are_named(place: Place) -> None:
    lacking = place.cluster.missing_rights([m.config(a="1"), ROLE], place.namespace)
    assert {str(right) for right in lacking} == {
        f"{verb} roles.rbac.authorization.k8s.io" for verb in ("get", "list", "create", "patch", "delete")
    }


def test_a_refusal_says_whether_the_role_of_azure_would_help(place: Place) -> None:
    with pytest.raises(AccessDenied, match="does not hold it: `slipway doctor --print-rbac` writes the Role that does"):
        place.cluster.preview([ROLE], place.namespace)


def test_the_cluster_names_the_identity_that_slipway_uses(place: Place) -> None:
    who = place.cluster.identity()
    expected = "slipway" if place.access.server else f"system:serviceaccount:{place.namespace}:slipway"
    assert who.name == expected


def test_a_kind_that_the_cluster_does_not_know_gets_no_role(place: Place) -> None:
    with pytest.raises(Missing, match=r"does not know the kind example\.slipway\.dev/Whale"):
        place.cluster.other_role([], ["example.slipway.dev/Whale"], place.namespace)


@pytest.mark.parametrize("access", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)
def test_a_custom_resource_can_be_applied_once_the_printed_role_is(place: Place) -> None:
    admin = Connection(place.access)
    admin.send("POST", CRD, what="define boats", body=DEFINITION)
    try:
        served = place.settle(lambda: documents(place), until=bool)
        with pytest.raises(AccessDenied, match="does not hold it"):
            place.apply([BOAT])
        for document in served:
            path = f"/apis/{document['apiVersion']}/namespaces/{place.namespace}/{document['kind'].lower()}s"
            admin.send("POST", path, what=f"make the {document['kind']}", body=document)
        place.settle(lambda: place.cluster.missing_rights([BOAT], place.namespace), until=lambda lacking: not lacking)
        assert [o.created for o in place.apply([BOAT])] == [True]
        assert not m.changes(place.cluster.preview([BOAT], place.namespace))
    finally:
        admin.send("DELETE", f"{CRD}/boats.{GROUP}", what="clean up")
        admin.close()


def documents(place: Place) -> list[m.Json]:
    """The printed Role and its binding; none as long as the definition is not served."""
    try:
        return place.cluster.other_role([], [f"{GROUP}/Boat"], place.namespace)
    except Missing:
        return []
