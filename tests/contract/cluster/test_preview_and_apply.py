"""An apply does what its preview said."""

import copy
import uuid
from typing import Any, override

import pytest

from slipway.effects.cluster import (
    AccessDenied,
    AppliedChange,
    Cluster,
    ClusterError,
    Missing,
    ObjectConflict,
    ObjectRefused,
    ProgressState,
    connect_cluster,
)
from slipway.effects.cluster.connection import ApiServerResponse, Connection
from slipway.testing.claims import claim

from . import manifests as m
from .conftest import Place

ALL = [m.deployment(), m.config(greeting="hello"), m.secret(password="hunter2")]


def test_a_preview_of_new_objects_creates_nothing(place: Place) -> None:
    for _ in range(2):
        preview = place.cluster.preview(ALL, place.namespace)
        assert {(o.kind, o.change) for o in preview.objects} == {
            ("Deployment", AppliedChange.CREATED),
            ("ConfigMap", AppliedChange.CREATED),
            ("Secret", AppliedChange.CREATED),
        }
        assert m.changes(preview)


def test_after_an_apply_the_same_manifests_change_nothing(place: Place) -> None:
    applied = place.apply(ALL)
    assert [(o.kind, o.created) for o in applied] == [("ConfigMap", True), ("Secret", True), ("Deployment", True)]
    place.rolled_out(m.deployment())  # controllers write to the objects as well
    preview = place.cluster.preview(ALL, place.namespace)
    assert {(o.change, o.diff) for o in preview.objects} == {(AppliedChange.UNCHANGED, "")}
    assert not m.changes(preview)
    assert [o.created for o in place.apply(ALL, number=2)] == [False, False, False]


def test_two_previews_of_new_objects_are_equal_and_name_no_assigned_address_or_port(place: Place) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"type": "NodePort", "selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    manifests = [service, m.job("migrate")]
    first, second = (place.cluster.preview(manifests, place.namespace).objects for _ in range(2))
    assert [change.diff for change in first] == [change.diff for change in second]
    text = "".join(change.diff for change in first)
    assert "port: 80" in text
    assert not [word for word in ("clusterIP:", "clusterIPs", "nodePort:", "controller-uid") if word in text]


def test_a_port_that_the_manifest_sets_is_shown(place: Place) -> None:
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"clusterIP": "None", "selector": {"app": "web"}, "ports": [{"port": 80}]},
    }
    [change] = place.cluster.preview([service], place.namespace).objects
    assert "clusterIP: None" in change.diff


def test_a_preview_shows_what_changes_and_only_that(place: Place) -> None:
    place.apply([m.config(a="one", b="two")])
    [change] = place.cluster.preview([m.config(a="one", c="three")], place.namespace).objects
    assert change.change is AppliedChange.CHANGED
    assert [line for line in change.diff.splitlines()[2:] if line[0] in "+-"] == ["-  b: two", "+  c: three"]


def test_a_changed_secret_shows_that_it_changed_and_no_value(place: Place) -> None:
    place.apply([m.secret(password="hunter2")])
    [change] = place.cluster.preview([m.secret(password="swordfish")], place.namespace).objects
    assert change.change is AppliedChange.CHANGED
    assert "(new value)" in change.diff
    for value in ("hunter2", "swordfish", "aHVudGVyMg", "c3dvcmRmaXNo"):
        assert value not in change.diff


def test_a_field_that_is_gone_from_the_manifest_is_gone_from_the_object(place: Place) -> None:
    place.apply([m.config(a="one", b="two")])
    place.apply([m.config(a="one")])
    [change] = place.cluster.preview([m.config(a="one")], place.namespace).objects
    assert change.change is AppliedChange.UNCHANGED


def test_a_field_that_someone_else_set_is_taken_over(place: Place) -> None:
    path = f"/api/v1/namespaces/{place.namespace}/configmaps/settings"
    connection = Connection(place.access)
    place.apply([m.config(a="ours")])
    patch, headers = {"data": {"a": "theirs"}}, {"Content-Type": "application/merge-patch+json"}
    connection.send("PATCH", path, what="w", body=patch, headers=headers, query=[("fieldManager", "someone")])
    [change] = place.cluster.preview([m.config(a="ours")], place.namespace).objects
    assert "-  a: theirs" in change.diff
    place.apply([m.config(a="ours")])
    assert connection.send("GET", path, what="w").body["data"] == {"a": "ours"}
    connection.close()


def test_a_misspelt_field_is_refused_by_name_before_anything_is_applied(place: Place) -> None:
    manifest = m.deployment()
    manifest["spec"]["replica"] = 3
    with pytest.raises(ObjectRefused, match=r"spec\.replica"):
        place.cluster.preview([manifest], place.namespace)


def test_a_value_of_the_wrong_type_is_refused(place: Place) -> None:
    manifest = m.deployment()
    manifest["spec"]["replicas"] = "three"
    with pytest.raises(ObjectRefused, match="replicas"):
        place.cluster.preview([manifest], place.namespace)


def test_a_namespace_that_is_not_there_is_named(place: Place) -> None:
    with (
        connect_cluster(place.access) as platform,
        pytest.raises(Missing, match='namespace "slipway-test-none" is not in the cluster'),
    ):
        platform.preview([m.config(a="1")], "slipway-test-none")


def test_another_namespace_than_the_environments_is_denied(place: Place) -> None:
    with pytest.raises(AccessDenied, match='may not get configmaps in namespace "slipway-test-none"'):
        place.cluster.preview([m.config(a="1")], "slipway-test-none")


def test_a_namespace_among_the_manifests_is_made_before_what_is_in_it(place: Place) -> None:
    name = f"slipway-test-{uuid.uuid4().hex[:10]}"
    manifests = [m.config(a="1"), m.namespace(name)]
    with pytest.raises(AccessDenied, match="may not get namespaces"):
        place.cluster.preview(manifests, name)
    platform = connect_cluster(place.access)
    first, second = platform.preview(manifests, name).objects
    assert (first.kind, first.change, first.checked) == ("Namespace", AppliedChange.CREATED, True)
    assert (second.kind, second.change, second.checked) == ("ConfigMap", AppliedChange.CREATED, False)
    assert "+  a: '1'" in second.diff
    assert [o.created for o in platform.fenced(name, claim).apply(manifests)] == [True, True]
    platform.close()
    connection = Connection(place.access)
    connection.send("DELETE", f"/api/v1/namespaces/{name}", what="clean up")
    connection.close()


def test_a_kind_that_the_cluster_does_not_know_is_named(place: Place) -> None:
    manifest = {"apiVersion": "example.slipway.dev/v1", "kind": "Boat", "metadata": {"name": "b"}}
    with pytest.raises(Missing, match=r"the kind Boat of example\.slipway\.dev/v1"):
        place.cluster.preview([manifest], place.namespace)


@pytest.mark.parametrize(
    ("version", "kind", "instead"),
    [
        ("autoscaling/v2beta2", "HorizontalPodAutoscaler", "autoscaling/v2"),
        ("extensions/v1beta1", "Ingress", "networking.k8s.io/v1"),
    ],
)
def test_a_version_that_the_cluster_no_longer_has_is_reported_with_the_one_that_it_has(
    place: Place, version: str, kind: str, instead: str
) -> None:
    removed = {"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": {}}
    with pytest.raises(Missing, match=f"does not know the kind {kind} of {version}; it has it as {instead}: "):
        place.cluster.preview([removed], place.namespace)


def test_a_finished_job_whose_template_changed_is_replaced(place: Place) -> None:
    former, manifest = m.job("migrate"), m.job("migrate")
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] += "0"
    place.apply([former])
    place.rolled_out(former)
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert change.change is AppliedChange.REPLACED
    assert [line.strip("+- ")[:6] for line in change.diff.splitlines()[2:] if line[0] in "+-"] == ["image:", "image:"]
    [applied] = place.apply([manifest])
    assert applied.replaced
    assert place.cluster.preview([manifest], place.namespace).objects[0].change is AppliedChange.UNCHANGED


def test_a_job_that_failed_before_the_rollout_began_runs_again(place: Place) -> None:
    manifest = m.job("migrate", fails=True)
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.FAILED
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert (change.change, change.diff) == (AppliedChange.REPLACED, "")
    [repeated] = place.apply([manifest])
    [brought_back] = place.fenced(2).roll_back([manifest]).applied
    assert not repeated.replaced
    assert not brought_back.replaced
    assert [place.apply([manifest], number=3)[0].replaced for _ in range(2)] == [True, False]
    assert place.rolled_out(manifest) is ProgressState.FAILED
    assert not place.apply([manifest], number=3)[0].replaced


def test_only_objects_that_the_rollout_created_count_as_created_however_often_it_is_tried(place: Place) -> None:
    """This holds whatever the clocks of cluster, worker and people show; a rollback deletes the objects that count as
    made."""
    foreign, own = m.config("a-persons", a="1"), m.config("ours", a="1")
    m.applied_by(Connection(place.access), place.namespace, foreign, "somebody")
    for number, created in ((1, [False, True]), (1, [False, True]), (2, [False, False])):
        assert [applied.created for applied in place.apply([foreign, own], number=number)] == created
    assert not m.changes(place.cluster.preview([foreign, own], place.namespace))


def test_a_job_that_ended_well_is_left_as_it_is(place: Place) -> None:
    manifest = m.job("migrate")
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    assert place.cluster.preview([manifest], place.namespace).objects[0].change is AppliedChange.UNCHANGED
    [applied] = place.apply([manifest], number=2)
    assert not applied.replaced


def test_a_failed_job_that_someone_else_made_is_never_deleted(place: Place) -> None:
    foreign = m.job("theirs", fails=True)
    del foreign["metadata"]["labels"]
    place.apply([foreign])
    assert place.rolled_out(foreign) is ProgressState.FAILED
    [applied] = place.apply([foreign], number=2)
    assert not applied.replaced


def has_started(place: Place) -> bool:
    """Whether a program of the namespace's pods runs."""
    connection = Connection(place.access)
    pods = connection.send("GET", f"/api/v1/namespaces/{place.namespace}/pods", what="look").body["items"]
    connection.close()
    states = [status.get("state") or {} for pod in pods for status in pod["status"].get("containerStatuses") or ()]
    return any("running" in state for state in states)


def test_a_job_that_still_runs_is_not_cut_off(place: Place) -> None:
    former, manifest = m.job("migrate", seconds=600), m.job("migrate", seconds=601)
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] += "0"
    place.apply([former])
    place.settle(lambda: has_started(place), until=bool)
    with pytest.raises(ObjectConflict, match="still runs with its former template") as raised:
        place.apply([manifest])
    assert raised.value.retryable
    assert place.cluster.rollout([former], place.namespace).state == "waiting"


def test_a_job_that_someone_else_made_is_never_deleted(place: Place) -> None:
    former, manifest = m.job("theirs"), m.job("theirs")
    del former["metadata"]["labels"]
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] += "0"
    place.apply([former])
    place.rolled_out(former)
    with pytest.raises(ObjectRefused, match="immutable") as raised:
        place.apply([manifest])
    assert len(str(raised.value)) < 300, "without the whole template, which the server quotes"
    assert place.rolled_out(former) == "done"


def test_a_namespace_that_is_going_away_is_waited_for(place: Place) -> None:
    path = f"/api/v1/namespaces/{place.namespace}"
    keep = m.config("keep", a="1")
    keep["metadata"]["finalizers"] = ["slipway.example.com/keep"]
    admin = Connection(place.access)
    admin.send("POST", f"{path}/configmaps", what="make", body=keep)
    admin.send("DELETE", path, what="delete")
    with pytest.raises(ClusterError, match="because it is being terminated") as raised:
        place.apply([m.config("late", a="1")])
    assert raised.value.retryable
    assert str(raised.value).startswith("take order 0.1 in Lease slipway-shop-staging: ")
    headers = {"Content-Type": "application/merge-patch+json"}
    free = {"metadata": {"finalizers": None}}
    admin.send("PATCH", f"{path}/configmaps/keep", what="let it go", headers=headers, body=free)
    admin.close()


def test_an_object_that_is_being_deleted_is_waited_for_and_then_made_again(place: Place) -> None:
    """A change that is applied to such an object would be deleted with it, and a release would count as live without
    the object."""
    blocked = m.config(a="1")
    blocked["metadata"]["finalizers"] = ["slipway.example.com/keep"]
    place.apply([blocked])
    admin, path = Connection(place.access), f"/api/v1/namespaces/{place.namespace}/configmaps/settings"
    admin.send("DELETE", path, what="delete it")
    [change] = place.cluster.preview([m.config(a="2")], place.namespace).objects
    assert "the live object is being deleted" in str(change.warnings)
    with pytest.raises(ObjectConflict, match=r"ConfigMap/settings is being deleted .*finalizer") as raised:
        place.apply([m.config(a="2")])
    assert raised.value.retryable
    [unapplied] = place.fenced().roll_back([m.config(a="2")]).unapplied
    assert (unapplied.label, unapplied.passing) == ("ConfigMap/settings", True)
    free = {"metadata": {"finalizers": None}}
    headers = {"Content-Type": "application/merge-patch+json"}
    admin.send("PATCH", path, what="let it go", body=free, headers=headers)
    admin.close()
    assert [applied.created for applied in place.apply([m.config(a="2")])] == [True]


def test_an_apply_that_broke_off_can_be_repeated(place: Place) -> None:
    broken = copy.deepcopy(ALL)
    broken[0]["spec"]["selector"] = {"matchLabels": {"app": "another"}}  # does not select its own template
    with pytest.raises(ObjectRefused, match="selector") as raised:
        place.apply(broken)
    assert raised.value.__notes__ == ["applied before it: ConfigMap/settings, Secret/login"]
    assert [o.created for o in place.apply(ALL)] == [True, True, True]


def test_a_key_that_is_gone_from_string_data_is_gone_from_the_secret(place: Place) -> None:
    place.apply([m.secret(kept="1", revoked="2")])
    [change] = place.cluster.preview([m.secret(kept="1")], place.namespace).objects
    assert change.change is AppliedChange.CHANGED
    assert "revoked" in change.diff
    place.apply([m.secret(kept="1")])
    assert live(place, "/api/v1/namespaces/{}/secrets/login")["data"] == {"kept": "MQ=="}
    assert place.cluster.preview([m.secret(kept="1")], place.namespace).objects[0].change is AppliedChange.UNCHANGED


def test_a_secret_that_is_not_base64_is_refused_without_its_value(place: Place) -> None:
    manifest = m.secret()
    manifest["data"] = {"password": "%hunter2%"}
    with pytest.raises(ObjectRefused, match="a value under data is not base64") as raised:
        place.cluster.preview([manifest], place.namespace)
    assert "hunter2" not in str(raised.value)


def test_a_duplicate_list_item_is_refused_by_name(place: Place) -> None:
    manifest = m.deployment()
    twice = [{"name": "MODE", "value": "a"}, {"name": "MODE", "value": "b"}]
    manifest["spec"]["template"]["spec"]["containers"][0]["env"] = twice
    with pytest.raises(ObjectRefused, match=r'duplicate entries for key \[name="MODE"\]'):
        place.cluster.preview([manifest], place.namespace)


def test_a_deployment_goes_to_recreate_and_back(place: Place) -> None:
    rolling, recreated = m.deployment(), m.deployment(f"{m.PAUSE}@{m.TWO}", strategy={"type": "Recreate"})
    path = "/apis/apps/v1/namespaces/{}/deployments/web"
    place.apply([rolling])
    [change] = place.cluster.preview([recreated], place.namespace).objects
    lines = [line.strip("+- ") for line in change.diff.splitlines()[2:] if line[0] in "+-"]
    assert "type: Recreate" in lines
    assert "rollingUpdate:" in lines
    assert any(m.TWO in line for line in lines)
    place.apply([recreated])
    after = live(place, path)
    assert after["spec"]["strategy"] == {"type": "Recreate"}
    appliers = {entry["manager"] for entry in after["metadata"]["managedFields"] if entry["operation"] == "Apply"}
    assert appliers == {"slipway"}
    assert place.cluster.preview([recreated], place.namespace).objects[0].change is AppliedChange.UNCHANGED
    place.apply([rolling])
    assert live(place, path)["spec"]["strategy"]["type"] == "RollingUpdate"


def test_a_rolling_update_of_the_manifest_itself_beside_recreate_is_refused(place: Place) -> None:
    place.apply([m.deployment()])
    manifest = m.deployment(strategy={"type": "Recreate", "rollingUpdate": {"maxSurge": 1}})
    with pytest.raises(ObjectRefused, match="may not be specified when strategy"):
        place.cluster.preview([manifest], place.namespace)


def live(place: Place, path: str) -> m.Json:
    connection = Connection(place.access)
    try:
        return dict(connection.send("GET", path.format(place.namespace), what="read it").body)
    finally:
        connection.close()


def made_by_kubectl(place: Place, manifest: m.Json) -> None:
    """Create it as `kubectl apply` does."""
    path = f"/apis/apps/v1/namespaces/{place.namespace}/deployments"
    query = (("fieldManager", "kubectl-client-side-apply"),)
    Connection(place.access).send("POST", path, what="create it", query=query, body=manifest)


@pytest.mark.parametrize("manager", ["kubectl-client-side-apply", "kubectl", "helm"])
def test_a_field_that_kubectl_set_and_the_manifest_lacks_is_shown_and_removed(place: Place, manager: str) -> None:
    """The last two set it as `kubectl apply --server-side` and Helm 4 do."""
    manifest = m.deployment()
    before = copy.deepcopy(manifest)
    before["spec"]["template"]["spec"]["nodeSelector"] = {"old": "pool"}
    before["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "OLD", "value": "1"}]
    if manager == "kubectl-client-side-apply":
        made_by_kubectl(place, before)
    else:
        m.applied_by(Connection(place.access), place.namespace, before, manager)
    [change] = place.cluster.preview([manifest], place.namespace).objects
    lines = change.diff.splitlines()
    assert change.change is AppliedChange.CHANGED
    assert [line for line in lines if line.startswith("-") and "OLD" in line]
    assert [line for line in lines if line.startswith("-") and "pool" in line]
    place.apply([manifest])
    [again] = place.cluster.preview([manifest], place.namespace).objects
    assert (again.change, again.warnings) == (AppliedChange.UNCHANGED, ())


class Busy(Connection):
    """Somebody writes the object right before each of the first requests that remove what is left over."""

    def __init__(self, place: Place, *, times: int) -> None:
        super().__init__(place.worker)
        self._place, self._times = place, times

    @override
    def send(self, method: str, path: str, **request: Any) -> ApiServerResponse:
        is_removal = isinstance(request.get("body"), list) and ("dryRun", "All") not in request.get("query", ())
        if method == "PATCH" and is_removal and self._times:
            self._times -= 1
            note = {"metadata": {"annotations": {"note": str(self._times)}}}
            headers = {"Content-Type": "application/merge-patch+json"}
            writer = Connection(self._place.access)
            writer.send("PATCH", path, what="write it", headers=headers, body=note)
            writer.close()
        return super().send(method, path, **request)


@pytest.mark.parametrize("times", [1, 3])
def test_a_field_that_kubectl_left_is_removed_although_another_client_writes_the_object(
    place: Place, times: int
) -> None:
    manifest = m.deployment()
    before = copy.deepcopy(manifest)
    before["spec"]["template"]["spec"]["nodeSelector"] = {"old": "pool"}
    made_by_kubectl(place, before)
    busy = Busy(place, times=times)
    with Cluster(busy) as cluster:
        cluster.fenced(place.namespace, lambda: claim(1)).apply([manifest])
    now = live(place, "/apis/apps/v1/namespaces/{}/deployments/web")
    assert "nodeSelector" not in now["spec"]["template"]["spec"]
    assert now["metadata"]["annotations"]["note"] == "0", "what somebody wrote meanwhile is there"


def test_a_server_default_of_an_object_that_kubectl_made_is_not_a_change(place: Place) -> None:
    manifest = m.deployment()
    made_by_kubectl(place, manifest)
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert not [line for line in change.diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    first, second = (place.apply([manifest])[0].generation for _ in range(2))
    assert first == second
