"""Definitions: of an operator's size, together with their objects, and how a rollout pins what these name."""

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, override

import pytest

from slipway.catalogue import BUILT_INS, check_path, render_objects
from slipway.effects.cluster import (
    AppliedChange,
    AppliedManifests,
    ClusterError,
    FencedCluster,
    Missing,
    ObjectConflict,
    ObjectRefused,
)
from slipway.effects.cluster.connection import ApiServerResponse, Connection
from slipway.effects.cluster.diff import MAX_COMPARED
from slipway.effects.cluster.fencing import FencedObjects, FenceLease
from slipway.effects.cluster.objects import Objects
from slipway.testing import write_application
from slipway.testing.claims import claim

from . import manifests as m
from .conftest import Place


def definition(group: str, kib: int = 0, **properties: m.Json) -> m.Json:
    """Most of its size is descriptions, as in the definitions of real operators."""
    field = {"type": "string", "description": "y" * 2000}
    fields = properties | {f"field{number}": field for number in range(kib // 2)}
    spec = {"type": "object", "properties": fields}
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


@pytest.fixture
def group(admin_place: Place) -> Iterator[str]:
    """An API group for this test alone, since definitions have no namespace; the definition is removed afterwards."""
    name = f"{uuid.uuid4().hex[:8]}.example.com"
    yield name
    with closing(Connection(admin_place.access)) as connection:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tests.{name}"
        connection.send("DELETE", path, what="clean up")


@pytest.mark.sweep(keep=1)
@pytest.mark.parametrize("kib", [300, 1000])
def test_a_large_definition_is_planned_and_applied_and_then_unchanged(admin_place: Place, group: str, kib: int) -> None:
    """`kubectl apply` refuses it from 256 KiB on, as it copies the object into an annotation."""
    manifests = definition(group, kib)
    cluster, namespace = admin_place.cluster, admin_place.namespace
    [planned] = cluster.preview([manifests], namespace).objects
    assert planned.change is AppliedChange.CREATED
    assert "left out" in planned.diff or "too large" in planned.diff
    assert len(planned.diff) < MAX_COMPARED
    assert [applied.created for applied in admin_place.apply([manifests])] == [True]
    # The server adds its finalizer before it serves the kind.
    custom_object = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}}
    admin_place.settle(lambda: cluster.preview([manifests, custom_object], namespace).objects[1].checked, until=bool)
    [again] = cluster.preview([manifests], namespace).objects
    assert (again.change, again.notes, again.warnings) == (AppliedChange.UNCHANGED, (), ())


IMAGE = {"type": "string"}
CONTAINERS = {
    "type": "array",
    "items": {"type": "object", "properties": {"name": IMAGE, "image": IMAGE}},
}


def deliver(place: Place, *manifests: m.Json) -> None:
    """Apply as a rollout does: again until the kind is served."""

    def applied() -> bool:
        try:
            place.apply(manifests)
        except ObjectConflict:  # its kind is not served yet
            return False
        return True

    place.settle(applied, until=bool)


def test_a_definition_and_an_object_of_its_kind_are_planned_and_applied_together(
    admin_place: Place, group: str
) -> None:
    place = admin_place
    test = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a", "labels": dict(m.OWNED)}}
    manifests = [{**test, "spec": {"image": f"{m.PAUSE}@{m.ONE}"}}, definition(group, image=IMAGE)]
    planned = place.cluster.preview(manifests, place.namespace).objects
    assert [(change.kind, change.change, change.checked) for change in planned] == [
        ("CustomResourceDefinition", AppliedChange.CREATED, True),
        ("Test", AppliedChange.CREATED, False),
    ]
    deliver(place, *manifests)
    again = place.cluster.preview(manifests, place.namespace).objects
    assert [change.change for change in again] == [AppliedChange.UNCHANGED, AppliedChange.UNCHANGED]


def test_a_definition_that_was_taken_away_is_brought_again_with_its_objects(admin_place: Place, group: str) -> None:
    place = admin_place
    manifests = [definition(group), {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}}]
    deliver(place, *manifests)
    with closing(Connection(place.access)) as connection:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tests.{group}"
        connection.send("DELETE", path, what="take the definition away")

        def is_gone() -> bool:
            try:
                connection.send("GET", path, what="look for the definition")
            except Missing:
                return True
            return False

        place.settle(is_gone, until=bool)

    planned = place.cluster.preview(manifests, place.namespace).objects
    assert [change.change for change in planned] == [AppliedChange.CREATED, AppliedChange.CREATED]
    deliver(place, *manifests)


class BehindTheOthers(Connection):
    """One of several API servers: it serves a kind a moment after another one lists it."""

    def __init__(self, place: Place, kind: str) -> None:
        super().__init__(place.access)
        self.late = f"/{kind}/"

    @override
    def send(self, method: str, path: str, **options: Any) -> ApiServerResponse:
        if self.late in path:
            raise Missing("the server could not find the requested resource")
        return super().send(method, path, **options)


def test_a_kind_that_one_server_lists_and_another_does_not_serve_yet_is_waited_for(
    admin_place: Place, group: str
) -> None:
    place = admin_place
    manifests = [definition(group), {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}}]
    place.apply(manifests[:1])
    place.settle(lambda: place.cluster.preview(manifests, place.namespace).objects[1].checked, until=bool)
    with closing(BehindTheOthers(place, "tests")) as connection:
        lease = FenceLease(connection, place.namespace, lambda: claim(1))
        worker = FencedCluster(FencedObjects(Objects(connection), lease), place.namespace)
        with pytest.raises(ObjectConflict, match="does not serve its kind yet"):
            worker.apply(manifests)
    deliver(place, *manifests)


def test_a_field_that_a_definition_does_not_have_is_refused_before_anybody_votes(
    admin_place: Place, group: str
) -> None:
    place = admin_place
    test = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}, "spec": {"image": "x"}}
    deliver(place, definition(group, image=IMAGE), test)

    def refusal() -> str:
        try:
            place.cluster.preview([{**test, "spec": {"engine": "x"}}], place.namespace)
        except ObjectRefused as refused:
            return str(refused)
        except Missing:  # a real server lists a new kind a moment after it serves it
            return ""
        return "nothing was refused"

    assert ".spec.engine: field not declared in schema" in place.settle(refusal, until=bool)


def test_a_plan_may_use_a_field_that_its_definition_gains_in_the_same_release(admin_place: Place, group: str) -> None:
    place = admin_place
    test = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}, "spec": {"image": "x"}}
    deliver(place, definition(group, image=IMAGE), test)
    following = [definition(group, image=IMAGE, engine=IMAGE), {**test, "spec": {"image": "x", "engine": "y"}}]

    def planned() -> list[tuple[AppliedChange, bool, str]]:
        try:
            objects = place.cluster.preview(following, place.namespace).objects
        except Missing:  # a real server lists a new kind a moment after it serves it
            return []
        return [(change.change, change.checked, " ".join(change.warnings)) for change in objects]

    [(changed, checked, _), (of_object, was_checked, warning)] = place.settle(planned, until=bool)
    assert (changed, checked) == (AppliedChange.CHANGED, True)
    assert (of_object, was_checked) == (AppliedChange.CHANGED, False)
    assert "its definition changes with this release" in warning
    assert ".spec.engine" in warning
    place.settle(lambda: applied(place, following), until=bool)
    again = place.cluster.preview(following, place.namespace).objects
    assert [change.change for change in again] == [AppliedChange.UNCHANGED, AppliedChange.UNCHANGED]


def applied(place: Place, manifests: list[m.Json]) -> bool:
    """Whether the manifests were applied; the server uses a changed definition only a moment later."""
    try:
        place.apply(manifests)
    except ObjectRefused:
        return False
    return True


def test_an_object_that_was_deleted_with_its_definition_is_missing(admin_place: Place, group: str) -> None:
    place = admin_place
    test = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}, "spec": {"image": "x"}}
    settings = m.config(a="1")
    deliver(place, definition(group, image=IMAGE), test, settings)
    applied = AppliedManifests(owner=m.OWNER, manifests=(test, settings), live_for=timedelta(0))
    with closing(Connection(place.access)) as admin:
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/tests.{group}"
        admin.send("DELETE", path, what="take the definition away")

    def missing() -> list[str]:
        [drift] = place.cluster.drift([applied], place.namespace)
        return [] if isinstance(drift, ClusterError) else [difference.drifted.text for difference in drift]

    assert place.settle(missing, until=bool) == ["Test/a is missing"]
    deliver(place, definition(group, image=IMAGE))  # the fixture deletes it


def test_images_at_the_projects_image_paths_of_a_custom_resource_reach_the_cluster_by_digest(
    admin_place: Place, group: str, tmp_path: Path
) -> None:
    """From a team's manifest with a tag, by the project's rules, to the live object."""
    place = admin_place
    spec = {"image": "team/shop:1", "containers": [{"name": "a", "image": f"team/tool@{m.TWO}"}]}
    manifest = {"apiVersion": f"{group}/v1", "kind": "Test", "metadata": {"name": "a"}, "spec": spec}
    host, _, _ = m.PAUSE.partition("/")
    write_application(tmp_path)
    (tmp_path / "shop/manifests/deployment.yaml").write_text(json.dumps(manifest))
    rules = f'image_paths: {{ {group}/Test: ["spec.image"] }}\nkinds: {{ also: [{group}/Test] }}\n'
    (tmp_path / "project.yaml").write_text((tmp_path / "project.yaml").read_text() + rules)
    shop = check_path(tmp_path).definitions["shop"]
    values = dict.fromkeys(BUILT_INS, "a")
    image = f"{host}/team/shop@{m.ONE}"
    hosts = frozenset({host})
    rendered = render_objects(shop, shop.application.environments[0], image=image, values=values, hosts=hosts)
    [test] = [object for object in rendered if object["kind"] == "Test"]
    test["metadata"].pop("namespace")
    deliver(place, definition(group, image=IMAGE, containers=CONTAINERS), test)
    with closing(Connection(place.access)) as reader:
        path = f"/apis/{group}/v1/namespaces/{place.namespace}/tests/a"
        live = reader.send("GET", path, what="read it").body["spec"]
    assert live == {"image": image, "containers": [{"name": "a", "image": f"{host}/team/tool@{m.TWO}"}]}
