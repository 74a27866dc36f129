"""Definitions of an operator's size, on a real API server: the double has none."""

import uuid

import pytest

from slipway.effects.cluster import AppliedChange, ObjectConflict
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.diff import MAX_COMPARED

from . import manifests as m
from .conftest import Place


def definition(group: str, kib: int) -> m.Json:
    """Most of it is descriptions, as with the operators' own."""
    field = {"type": "string", "description": "y" * 2000}
    spec = {"type": "object", "properties": {f"field{number}": field for number in range(kib // 2)}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"tests.{group}", "labels": dict(m.OWNED)},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Test", "plural": "tests", "singular": "test"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.mark.cluster
@pytest.mark.parametrize("kib", [300, 1000])
def test_a_large_definition_is_planned_and_applied_and_then_unchanged(real_place: Place, kib: int) -> None:
    """`kubectl apply` refuses it from 256 KiB on, as it copies the object into an annotation."""
    group = f"{uuid.uuid4().hex[:8]}.example.com"
    wanted = definition(group, kib)
    cluster, namespace = real_place.cluster, real_place.namespace
    [planned] = cluster.preview([wanted], namespace).objects
    assert (planned.change, planned.truncated) == (AppliedChange.CREATED, True)
    assert len(planned.diff) < MAX_COMPARED
    assert [applied.created for applied in real_place.apply([wanted])] == [True]
    try:
        [again] = cluster.preview([wanted], namespace).objects
        assert (again.change, again.notes, again.warnings) == (AppliedChange.UNCHANGED, (), ())
    finally:
        connection = Connection(real_place.access)
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tests.{group}"
        connection.send("DELETE", path, what="clean up")
        connection.close()


@pytest.mark.cluster
def test_a_definition_and_an_object_of_its_kind_are_planned_and_applied_together(real_place: Place) -> None:
    group = f"{uuid.uuid4().hex[:8]}.example.com"
    custom = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "first"}, "spec": {"field0": "a"}}
    wanted = [custom, definition(group, 4)]
    cluster, namespace = real_place.cluster, real_place.namespace
    planned = {each.kind: each.change for each in cluster.preview(wanted, namespace).objects}
    assert planned == dict.fromkeys(("CustomResourceDefinition", "Test"), AppliedChange.CREATED)
    connection = Connection(real_place.access)
    try:
        assert real_place.settled(lambda: applied(real_place, wanted), until=bool)
        assert cluster.preview(wanted, namespace).changes_anything is False
    finally:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tests.{group}"
        connection.send("DELETE", path, what="clean up")
        connection.close()


def applied(place: Place, wanted: list[m.Json]) -> bool:
    """Whether all of it is there; the step tries again while the kind is not served yet."""
    try:
        return bool(place.apply(wanted))
    except ObjectConflict:
        return False
