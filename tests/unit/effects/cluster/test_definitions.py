"""A definition and an object of its kind in one release are planned, and applied once the cluster serves the kind."""

import json

import pytest

from slipway.effects.cluster import AppliedChange, Cluster, FencedCluster, ObjectConflict, ObjectRefused
from slipway.effects.cluster.fencing import FencedObjects, FenceLease
from slipway.effects.cluster.objects import Objects
from slipway.testing.claims import claim

from .scripted import Reply, Server
from .test_kinds import a_definition, a_manifest

TEST = a_manifest("Test", "a", "acme.example/v1")
PLACE = "/apis/acme.example/v1/namespaces/shop/tests/a"
NO_SUCH_PATH = Reply(status=404, body=b"404 page not found")
IDENTITY = {"uid": "1", "resourceVersion": "7"}
DEFINED = a_definition()
FOUND = Reply(body=json.dumps({**DEFINED, "metadata": {**DEFINED["metadata"], **IDENTITY}}).encode())
MADE = Reply(status=201, body=json.dumps({**TEST, "metadata": {**TEST["metadata"], **IDENTITY}}).encode())
NONE_YET = Reply(status=404, body=json.dumps({"kind": "Status", "details": {"name": "a"}}).encode())
EMPTY = Reply(body=b'{"items": []}')
SERVED = Reply(body=json.dumps({"resources": [{"name": "tests", "kind": "Test", "namespaced": True}]}).encode())


def test_an_object_of_a_kind_from_the_release_is_in_the_plan_as_not_checked(server: Server, cluster: Cluster) -> None:
    server.first, server.reply, server.at = [NO_SUCH_PATH, FOUND, FOUND], EMPTY, {PLACE: NO_SUCH_PATH}
    definition, test = cluster.preview([TEST, a_definition()], "shop").objects
    assert (definition.kind, definition.checked) == ("CustomResourceDefinition", True)
    assert (test.kind, test.change, test.checked) == ("Test", AppliedChange.CREATED, False)
    assert "comes with this release" in test.warnings[0]


def test_an_object_whose_kind_is_served_and_not_listed_yet_is_compared_with_what_is_live(
    server: Server, cluster: Cluster
) -> None:
    server.first, server.reply, server.at = [NO_SUCH_PATH, FOUND, FOUND], EMPTY, {PLACE: LIVE}
    _, test = cluster.preview([TEST, a_definition()], "shop").objects
    assert (test.change, test.checked) == (AppliedChange.UNCHANGED, True)


def test_an_object_is_applied_again_until_its_kind_is_served(server: Server, cluster: Cluster) -> None:
    server.first = [NO_SUCH_PATH, FOUND, FOUND, NO_SUCH_PATH, NO_SUCH_PATH]
    with pytest.raises(ObjectConflict, match="Test/a: the cluster does not serve its kind yet") as error:
        cluster.fenced("shop", claim).apply([TEST, a_definition()])
    assert error.value.retryable
    server.first = [SERVED, FOUND, FOUND, NONE_YET, MADE]
    assert [applied.kind for applied in cluster.fenced("shop", claim).apply([TEST, a_definition()])] == [
        "CustomResourceDefinition",
        "Test",
    ]


def test_an_object_whose_kind_has_gone_is_not_waited_for(server: Server, cluster: Cluster) -> None:
    server.first = [SERVED, NO_SUCH_PATH, NO_SUCH_PATH]
    with pytest.raises(Exception, match="apply Test/a") as error:
        cluster.fenced("shop", claim).apply([TEST])
    assert not isinstance(error.value, ObjectConflict)


REFUSAL = {
    "kind": "Status",
    "message": "failed to create typed patch object (/a): .spec.color: field not declared in schema",
}
REFUSED = Reply(status=500, body=json.dumps(REFUSAL).encode())
LIVE = Reply(body=json.dumps({**TEST, "metadata": {**TEST["metadata"], **IDENTITY}}).encode())


def with_pauses(cluster: Cluster, pauses: list[float]) -> FencedCluster:
    lease = FenceLease(cluster.connection, "shop", claim, pause=pauses.append)
    return FencedCluster(FencedObjects(Objects(cluster.connection), lease), "shop")


def test_an_object_refused_by_a_server_with_the_old_definition_is_applied_again(
    server: Server, cluster: Cluster
) -> None:
    """A cluster has several servers, and each learns of a changed definition at its own time."""
    pauses = list[float]()
    server.first = [SERVED, FOUND, FOUND, LIVE, REFUSED, LIVE, REFUSED, LIVE, LIVE]
    applied = with_pauses(cluster, pauses).apply([TEST, a_definition()])
    assert [applied_object.kind for applied_object in applied] == ["CustomResourceDefinition", "Test"]
    assert len(pauses) == 1


def test_an_object_that_the_new_definition_keeps_refusing_is_refused_within_a_minute(
    server: Server, cluster: Cluster
) -> None:
    pauses = list[float]()
    server.first = [SERVED, FOUND, FOUND, *(LIVE, REFUSED) * 20]
    with pytest.raises(ObjectRefused, match=r"\.spec\.color: field not declared in schema"):
        with_pauses(cluster, pauses).apply([TEST, a_definition()])
    assert 10 < sum(pauses) < 60
