"""Objects that left the manifests are found and deleted once, and never more of them than the plan names."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, override

import pytest

from slipway.domain.pruning import Deletion, Ending
from slipway.effects.cluster import AppliedManifests, Cluster, ObjectConflict, objects
from slipway.effects.cluster.connection import ApiServerResponse, Connection
from slipway.testing.claims import claim

from . import manifests as m
from .conftest import Place

KEPT = m.config("kept", a="1")


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    connection = Connection(place.access)
    yield connection
    connection.close()


def leave_out(place: Place, *removed: m.Json) -> tuple[Deletion, ...]:
    """Apply these objects and one more, and return the deletions of a plan without them."""
    place.apply([KEPT, *removed])
    return place.cluster.departed([KEPT], place.namespace, m.OWNER).deletions


def live(place: Place, path: str) -> Mapping[str, Any] | None:
    with connected(place) as connection, connection.stream("GET", path, what="look") as response:
        return None if response.status == 404 else {"status": response.status}


def config_path(place: Place, name: str) -> str:
    return f"/api/v1/namespaces/{place.namespace}/configmaps/{name}"


def change(place: Place, name: str, patch: m.Json, manager: str = "somebody") -> None:
    with connected(place) as connection:
        connection.send(
            "PATCH",
            config_path(place, name),
            what="change",
            body=patch,
            headers={"Content-Type": "application/merge-patch+json"},
            query=[("fieldManager", manager)],
        )


def staying(place: Place) -> dict[str, str]:
    departed = place.cluster.departed([KEPT], place.namespace, m.OWNER)
    assert departed.deletions == ()
    return {item.name: item.why for item in departed.staying}


def test_an_object_that_left_the_manifests_is_found_and_not_yet_deleted(place: Place) -> None:
    place.apply([KEPT, m.config("left", a="1")])
    place.start_job(m.job("attempt-1"))
    for _ in range(2):
        departed = place.cluster.departed([KEPT], place.namespace, m.OWNER)
        assert [deletion.label for deletion in departed.deletions] == ["ConfigMap/left"]
        assert departed.staying == ()
        # The worker's role holds nothing of RBAC, nor of resource claims if a cluster has those.
        unsearched = {item.kind.partition(".")[0]: item.why for item in departed.unsearched}
        assert set(unsearched) - {"ResourceClaimTemplate"} == {"Role", "RoleBinding"}
        assert set(unsearched.values()) == {"Slipway's identity may not list it"}


def test_a_deployment_that_left_is_deleted_with_its_pods_and_a_repetition_finds_it_gone(place: Place) -> None:
    worker = m.deployment(name="worker", replicas=1)
    deletions = leave_out(place, worker, m.secret(password="x"))
    assert {deletion.label for deletion in deletions} == {"Deployment/worker", "Secret/login"}
    first = place.fenced().prune(deletions, m.OWNER)
    # The workload before the Secret that it may use.
    assert [str(item) for item in first] == ["Deployment/worker: deleted", "Secret/login: deleted"]

    def pods() -> list[Any]:
        with connected(place) as connection:
            return list(connection.send("GET", f"/api/v1/namespaces/{place.namespace}/pods", what="l").body["items"])

    place.settle(pods, until=lambda items: not items)
    path = f"/apis/apps/v1/namespaces/{place.namespace}/deployments/worker"
    place.settle(lambda: live(place, path), until=lambda response: response is None)
    again = place.fenced().prune(deletions, m.OWNER)
    assert {item.ending for item in again} == {Ending.GONE}
    assert live(place, config_path(place, "kept")) is not None


def test_more_objects_than_a_page_of_a_list_has_are_all_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = [m.config(name, a="1") for name in ("a", "b", "c")]
    place.apply([KEPT, *manifests])
    monkeypatch.setattr(objects, "_PAGE", 1)
    departed = place.cluster.departed([KEPT], place.namespace, m.OWNER)
    assert [deletion.name for deletion in departed.deletions] == ["a", "b", "c"]
    assert "ConfigMap" not in {item.kind for item in departed.unsearched}
    applied = AppliedManifests(owner=m.OWNER, manifests=(KEPT, *manifests), live_for=timedelta(0))
    assert place.cluster.drift([applied], place.namespace) == [()]


def test_a_deleted_object_that_finalizers_hold_is_named_with_them(place: Place) -> None:
    blocked = m.config("left", a="1")
    blocked["metadata"]["finalizers"] = ["example.com/backup"]
    deletions = leave_out(place, blocked)
    for _ in range(2):
        [result] = place.fenced().prune(deletions, m.OWNER)
        why = "it goes once these finalizers have been taken away: example.com/backup"
        assert (result.ending, result.why) == (Ending.DELETED, why)
    change(place, "left", {"metadata": {"finalizers": None}})
    assert [result.ending for result in place.fenced().prune(deletions, m.OWNER)] == [Ending.GONE]


def test_an_object_that_changed_after_the_plan_is_read_again_and_deleted(place: Place) -> None:
    deletions = leave_out(place, m.config("left", a="1"))
    change(place, "left", {"data": {"a": "2"}})
    (result,) = place.fenced().prune(deletions, m.OWNER)
    assert result.ending is Ending.DELETED
    assert live(place, config_path(place, "left")) is None


class Interfering(Connection):
    """Somebody changes the ConfigMap `left` just before each of the first requests to delete it."""

    def __init__(self, place: Place, *, times: int) -> None:
        super().__init__(place.worker)
        self._place, self._times = place, times

    @override
    def send(self, method: str, path: str, **request: Any) -> ApiServerResponse:
        if method == "DELETE" and self._times:
            self._times -= 1
            change(self._place, "left", {"data": {"a": f"changed {self._times}"}})
        return super().send(method, path, **request)


@pytest.mark.parametrize(("times", "ending"), [(2, Ending.DELETED), (3, Ending.LEFT)])
def test_an_object_that_changes_during_its_deletion_is_read_again_a_few_times_and_then_left(
    place: Place, times: int, ending: Ending
) -> None:
    deletions = leave_out(place, m.config("left", a="1"))
    with Cluster(Interfering(place, times=times)) as cluster:
        (result,) = cluster.fenced(place.namespace, lambda: claim(1)).prune(deletions, m.OWNER)
    assert result.ending is ending
    assert (live(place, config_path(place, "left")) is None) is (ending is Ending.DELETED)


def test_an_object_that_was_recreated_after_the_plan_stays(place: Place) -> None:
    deletions = leave_out(place, m.config("left", a="1"))
    with connected(place) as connection:
        connection.send("DELETE", config_path(place, "left"), what="delete")
    place.apply([m.config("left", a="1")])
    (result,) = place.fenced().prune(deletions, m.OWNER)
    assert (result.ending, result.why) == (Ending.LEFT, "somebody recreated it after the plan was made")
    assert live(place, config_path(place, "left")) is not None


EDITS: dict[str, m.Json] = {
    "application": {"metadata": {"labels": {"slipway.dev/application": "other"}}},
    "environment": {"metadata": {"labels": {"slipway.dev/environment": "other"}}},
    "labels": {"metadata": {"labels": None}},
    "annotation": {"metadata": {"annotations": {"slipway.dev/prune": "never"}}},
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_object_that_was_relabelled_or_marked_to_be_kept_after_the_plan_stays(place: Place, edit: str) -> None:
    deletions = leave_out(place, m.config("left", a="1"))
    change(place, "left", EDITS[edit])
    (result,) = place.fenced().prune(deletions, m.OWNER)
    assert result.ending is Ending.LEFT
    assert result.why
    assert live(place, config_path(place, "left")) is not None


@pytest.mark.parametrize("annotation", [{"slipway.dev/prune": "never"}, {"helm.sh/resource-policy": "keep"}])
def test_an_annotation_keeps_an_object(place: Place, annotation: dict[str, str]) -> None:
    annotated = m.config("treasure", a="1")
    annotated["metadata"]["annotations"] = annotation
    place.apply([KEPT, annotated])
    assert staying(place) == {"treasure": "an annotation on it asks to keep it"}


def test_a_volume_claim_stays_and_the_plan_says_why(place: Place) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "labels": dict(m.OWNED)},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}},
    }
    place.apply([KEPT, claim])
    assert "data goes with it" in staying(place)["data"]


def stateful(when_deleted: str) -> m.Json:
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": STORAGE}}]
    policy = {"whenDeleted": when_deleted, "whenScaled": "Retain"}
    spec = {"serviceName": "db", "replicas": 0, "volumeClaimTemplates": claims}
    image = f"{m.PAUSE}@{m.ONE}"
    return m.workload("StatefulSet", image, name="db", **spec, persistentVolumeClaimRetentionPolicy=policy)


STORAGE = {"requests": {"storage": "1Mi"}}


def test_a_stateful_set_that_would_take_its_volume_claims_along_stays(place: Place) -> None:
    place.apply([KEPT, stateful("Retain")])
    departed = place.cluster.departed([KEPT], place.namespace, m.OWNER)
    assert [deletion.label for deletion in departed.deletions] == ["StatefulSet/db"]
    place.apply([stateful("Delete")])
    assert "volume claims would go with it" in staying(place)["db"]
    (result,) = place.fenced().prune(departed.deletions, m.OWNER)
    assert result.ending is Ending.LEFT


@pytest.mark.parametrize(
    ("tool", "media"),
    [
        ("kustomize-controller", "application/apply-patch+yaml"),
        ("argocd-controller", "application/strategic-merge-patch+json"),
    ],
)
def test_an_object_that_another_tool_applies_as_well_stays(place: Place, tool: str, media: str) -> None:
    shared = m.config("shared", a="1")
    place.apply([KEPT, shared])
    with connected(place) as connection:
        connection.send(
            "PATCH",
            config_path(place, "shared"),
            what="apply",
            body={"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shared"}, "data": {"b": "2"}},
            headers={"Content-Type": media},
            query=[("fieldManager", tool)],
        )
    assert staying(place) == {"shared": f"{tool} applies it as well"}


def test_an_object_that_only_has_the_labels_stays(place: Place) -> None:
    place.apply([KEPT])
    with connected(place) as connection:
        connection.send(
            "POST",
            f"/api/v1/namespaces/{place.namespace}/configmaps",
            what="create",
            body=m.config("copied", a="1"),
            query=[("fieldManager", "kubectl-create")],
        )
    assert staying(place) == {"copied": "it has Slipway's labels, but Slipway did not apply it"}


def test_objects_of_another_application_or_environment_are_not_deleted(place: Place) -> None:
    for label in ("slipway.dev/application", "slipway.dev/environment"):
        foreign = m.config(f"theirs-{label[12:]}", a="1")
        foreign["metadata"]["labels"][label] = "other"
        place.apply([foreign])
    departed = place.cluster.departed([KEPT], place.namespace, m.OWNER)
    assert (departed.deletions, departed.staying) == ((), ())


def definition(group: str) -> m.Json:
    """The definition of a kind `Boat`, whose objects may hold anything."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"boats.{group}", "labels": dict(m.OWNED)},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": "Boat", "plural": "boats", "singular": "boat"},
            "versions": [version],
        },
    }


def test_a_custom_resource_that_left_is_found_without_any_manifest_of_its_kind_and_its_definition_stays(
    admin_place: Place,
) -> None:
    place, group = admin_place, f"{uuid.uuid4().hex[:8]}.example.com"
    boat = {"apiVersion": f"{group}/v1", "kind": "Boat", "metadata": {"name": "ada", "labels": dict(m.OWNED)}}

    def applied() -> bool:
        try:
            place.apply([KEPT, definition(group), boat])
        except ObjectConflict:  # it is not served yet
            return False
        return True

    place.settle(applied, until=bool)
    departed = place.settle(
        lambda: place.cluster.departed([KEPT], place.namespace, m.OWNER),
        until=lambda departed: bool(departed.deletions),
    )
    assert [(deletion.api_version, deletion.label) for deletion in departed.deletions] == [(f"{group}/v1", "Boat/ada")]
    (result,) = place.fenced().prune(departed.deletions, m.OWNER)
    assert result.ending is Ending.DELETED
    assert live(place, f"/apis/{group}/v1/namespaces/{place.namespace}/boats/ada") is None
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boats.{group}"
    assert live(place, path) is not None
    with connected(place) as connection:
        connection.send("DELETE", path, what="clean up")
