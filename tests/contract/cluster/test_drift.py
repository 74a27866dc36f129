"""Drift: Slipway finds what others changed in the objects that it applied, reads metadata first, and reports nothing
else as drift."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.drift import DriftKind, IgnoredDrift
from slipway.effects.cluster import (
    AccessDenied,
    AppliedManifests,
    ClusterAccess,
    ClusterError,
    ClusterUnreachable,
    Difference,
    Owner,
    connect_cluster,
)
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place
from .test_scaling import autoscaler

OWNER = Owner.of(m.OWNED["slipway.dev/application"], m.OWNED["slipway.dev/environment"])
JSON, MERGE = "application/json", "application/merge-patch+json"
LONG = timedelta(days=2000)
KINDS = {"Deployment": "apis/apps/v1", "ConfigMap": "api/v1", "Secret": "api/v1", "Service": "api/v1"}


def owned(manifest: m.Json) -> m.Json:
    metadata = manifest["metadata"]
    return {**manifest, "metadata": {**metadata, "labels": {**metadata.get("labels", {}), **m.OWNED}}}


WEB, SETTINGS, LOGIN = owned(m.deployment()), owned(m.config(greeting="hello")), owned(m.secret(password="hunter2"))
ALL = (WEB, SETTINGS, LOGIN)


def drift_of(place: Place, *manifests: m.Json, live_for: timedelta = LONG) -> tuple[Difference, ...]:
    return look_for(place, AppliedManifests(owner=OWNER, manifests=manifests or ALL, live_for=live_for))


def look_for(place: Place, applied: AppliedManifests) -> tuple[Difference, ...]:
    [result] = place.cluster.drift([applied], place.namespace)
    if isinstance(result, ClusterError):
        raise result
    return result


@pytest.fixture
def live(place: Place) -> Place:
    place.apply(ALL)
    place.rolled_out(WEB)
    return place


@contextmanager
def connected(place: Place) -> Iterator[Connection]:
    connection = Connection(place.access)
    yield connection
    connection.close()


def edit(place: Place, kind: str, name: str, body: Any, *, by: str = "kubectl-edit", media: str = MERGE) -> None:
    path = f"/{KINDS[kind]}/namespaces/{place.namespace}/{kind.lower()}s/{name}"
    with connected(place) as connection:
        headers = {"Content-Type": media}
        connection.send("PATCH", path, what="edit", body=body, headers=headers, query=[("fieldManager", by)])


def remove(place: Place, kind: str, name: str) -> None:
    with connected(place) as connection:
        connection.send("DELETE", f"/{KINDS[kind]}/namespaces/{place.namespace}/{kind.lower()}s/{name}", what="delete")


def test_an_object_that_nobody_changed_is_not_drift(live: Place) -> None:
    assert drift_of(live) == ()


def test_an_edited_field_is_named_with_who_wrote_it_and_what_it_was(live: Place) -> None:
    image = f"{m.PAUSE}@{m.TWO}"
    edit(live, "Deployment", "web", [
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}
    ], media="application/json-patch+json")  # fmt: skip
    [difference] = drift_of(live)
    assert (difference.drifted.what, difference.drifted.label) == (DriftKind.CHANGED, "Deployment/web")
    assert difference.drifted.fields == ("spec.template.spec.containers[main].image",)
    assert difference.drifted.by == "kubectl-edit"
    assert difference.drifted.at is not None
    lines = [line for line in difference.diff.splitlines()[2:] if line[0] in "+-"]
    assert [line[0] for line in lines] == ["-", "+"]
    assert m.TWO in lines[0]


def test_a_field_that_was_edited_and_edited_back_is_not_drift(live: Place) -> None:
    for value in ("goodbye", "hello"):
        edit(live, "ConfigMap", "settings", {"data": {"greeting": value}})
    assert drift_of(live) == ()


def test_a_secret_that_was_changed_shows_no_value(live: Place) -> None:
    edit(live, "Secret", "login", {"data": {"password": "c3dvcmRmaXNo"}})
    [difference] = drift_of(live)
    assert (difference.drifted.label, difference.drifted.fields) == ("Secret/login", ("data.password",))
    for value in ("hunter2", "swordfish", "aHVudGVyMg", "c3dvcmRmaXNo"):
        assert value not in difference.diff


def test_an_object_that_is_gone_is_missing(live: Place) -> None:
    remove(live, "ConfigMap", "settings")
    [difference] = drift_of(live)
    assert (difference.drifted.what, difference.drifted.label) == (DriftKind.MISSING, "ConfigMap/settings")


def test_an_object_that_somebody_recreated_is_replaced(live: Place) -> None:
    remove(live, "ConfigMap", "settings")
    with connected(live) as connection:
        path = f"/api/v1/namespaces/{live.namespace}/configmaps"
        connection.send("POST", path, what="make", body=SETTINGS, query=[("fieldManager", "kubectl-create")])
    [difference] = drift_of(live)
    assert (difference.drifted.what, difference.drifted.by) == (DriftKind.REPLACED, "kubectl-create")


def test_a_field_added_after_the_rollout_is_drift_and_one_added_before_is_not(live: Place) -> None:
    edit(live, "Deployment", "web", {"spec": {"minReadySeconds": 3}})
    [difference] = drift_of(live)
    assert (difference.drifted.fields, difference.drifted.by) == (("spec.minReadySeconds",), "kubectl-edit")
    assert drift_of(live, live_for=-timedelta(minutes=1)) == ()


def test_annotations_and_labels_of_others_are_not_drift(live: Place) -> None:
    edit(live, "Deployment", "web", {"metadata": {"annotations": {"team": "a"}, "labels": {"team": "a"}}})
    assert drift_of(live) == ()


def test_a_label_of_ours_that_was_taken_away_is_drift(live: Place) -> None:
    edit(live, "ConfigMap", "settings", {"metadata": {"labels": {"slipway.dev/application": None}}})
    [difference] = drift_of(live)
    assert difference.drifted.fields == ("metadata.labels.slipway.dev/application",)


def test_replicas_that_a_person_set_are_drift_and_those_of_an_autoscaler_are_not(place: Place) -> None:
    manifest = owned(m.deployment(replicas=2))
    place.apply([manifest])
    edit(place, "Deployment", "web", {"spec": {"replicas": 5}})
    [difference] = drift_of(place, manifest)
    assert difference.drifted.fields == ("spec.replicas",)
    place.apply([autoscaler()])
    assert drift_of(place, manifest) == ()
    edit(place, "Deployment", "web", {"spec": {"replicas": 6, "revisionHistoryLimit": 3}})
    [difference] = drift_of(place, manifest)
    assert "spec.replicas" not in difference.drifted.fields


RESOURCES = "spec.template.spec.containers[].resources"


def drift_ignoring(place: Place, *rules: IgnoredDrift) -> list[tuple[str, tuple[str, ...]]]:
    applied = AppliedManifests(owner=OWNER, manifests=ALL, live_for=LONG, ignored=rules)
    return [(difference.drifted.label, difference.drifted.fields) for difference in look_for(place, applied)]


def test_a_field_that_the_application_leaves_to_an_operator_is_not_drift(live: Place) -> None:
    limits = {"containers": [{"name": "main", "resources": {"limits": {"memory": "64Mi"}}}]}
    strategic = "application/strategic-merge-patch+json"
    edit(live, "Deployment", "web", {"spec": {"template": {"spec": limits}}}, by="vpa", media=strategic)
    label = "Deployment/web"
    field = "spec.template.spec.containers[main].resources.limits.memory"
    assert drift_ignoring(live) == [(label, (field,))]
    for rule in (
        IgnoredDrift(kind="Deployment", fields=(RESOURCES,)),
        IgnoredDrift(kind="apps/Deployment", name="web", fields=(field,)),
        IgnoredDrift(kind="Deployment", by=("vpa",)),
        IgnoredDrift(kind="Deployment", fields=("spec.template",), by=("keda", "vpa")),
    ):
        assert drift_ignoring(live, rule) == [], rule
    for other_rule in (
        IgnoredDrift(kind="StatefulSet", fields=(RESOURCES,)),
        IgnoredDrift(kind="Deployment", name="api", fields=(RESOURCES,)),
        IgnoredDrift(kind="Deployment", fields=("spec.template.spec.containers[other].resources",)),
        IgnoredDrift(kind="Deployment", fields=(RESOURCES,), by=("keda",)),
        IgnoredDrift(kind="Deployment", fields=("spec.template.spec.containers[main].resources.limits.mem",)),
    ):
        assert drift_ignoring(live, other_rule) == [(label, (field,))], other_rule


def test_a_changed_field_of_the_manifest_is_ignored_like_an_added_one(live: Place) -> None:
    edit(live, "ConfigMap", "settings", {"data": {"greeting": "goodbye"}}, by="reloader")
    assert drift_ignoring(live, IgnoredDrift(kind="ConfigMap", by=("reloader",))) == []
    assert drift_ignoring(live, IgnoredDrift(kind="ConfigMap", fields=("data.greeting",))) == []


def test_an_image_or_an_object_that_is_gone_is_drift_whatever_is_ignored(live: Place) -> None:
    image = f"{m.PAUSE}@{m.TWO}"
    edit(live, "Deployment", "web", [
        {"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}
    ], media="application/json-patch+json")  # fmt: skip
    remove(live, "ConfigMap", "settings")
    rules = [IgnoredDrift(kind="Deployment", fields=("spec",), by=("kubectl-edit",))]
    rules += [IgnoredDrift(kind=kind, by=("kubectl-edit",)) for kind in ("Deployment", "ConfigMap")]
    assert set(drift_ignoring(live, *rules)) == {
        ("Deployment/web", ("spec.template.spec.containers[main].image",)),
        ("ConfigMap/settings", ()),
    }


def test_jobs_are_not_looked_for(place: Place) -> None:
    assert drift_of(place, owned(m.job("migrate"))) == ()


def test_an_object_that_was_brought_back_is_no_longer_drift(live: Place) -> None:
    edit(live, "ConfigMap", "settings", {"data": {"greeting": "goodbye"}})
    remove(live, "Secret", "login")
    assert {difference.drifted.label for difference in drift_of(live)} == {"ConfigMap/settings", "Secret/login"}
    live.apply(ALL)
    assert drift_of(live) == ()


def test_a_look_costs_one_request_for_each_kind_whatever_the_number_of_applications(place: Place) -> None:
    applications = []
    for number in range(5):
        settings = owned(m.config(f"settings-{number}", a="1"))
        settings["metadata"]["labels"]["slipway.dev/application"] = f"shop-{number}"
        applications.append(
            AppliedManifests(owner=Owner.of(f"shop-{number}", "staging"), manifests=(settings,), live_for=LONG)
        )
        place.apply([settings])
    counting = Counting(place)
    assert counting.cluster.drift(applications, place.namespace) == [()] * 5
    assert counting.requests == [("GET", "list configmaps")]


class Counting:
    """A cluster that records its requests."""

    def __init__(self, place: Place) -> None:
        self.requests: list[tuple[str, str]] = []
        self.cluster = connect_cluster(place.worker)
        connection = self.cluster.connection
        send = connection.send

        def counted(method: str, path: str, *, what: str, **more: Any) -> Any:
            self.requests.append((method, what.partition(" in ")[0]))
            return send(method, path, what=what, **more)

        connection.send = counted  # type: ignore[method-assign]


def test_an_object_that_may_not_be_read_makes_the_drift_look_fail_for_its_application_alone(place: Place) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"}, "rules": []}
    place.apply([SETTINGS])
    refused, readable = (
        AppliedManifests(owner=owner, manifests=(manifest,), live_for=LONG)
        for owner, manifest in ((Owner.of("boats", "test"), owned(role)), (OWNER, SETTINGS))
    )
    why, differences = place.cluster.drift([refused, readable], place.namespace)
    assert (type(why), differences) == (
        AccessDenied,
        (),
    )  # one application that asks for too much does not blind the others
    nobody = ClusterAccess(server="http://127.0.0.1:9", token=lambda: "t")
    with connect_cluster(nobody) as away:
        assert [type(result) for result in away.drift([readable], place.namespace)] == [ClusterUnreachable]
