"""Replicas that an autoscaler set stay; those that a person set go back to the manifest's."""

from typing import Any

import pytest

from slipway.effects.cluster import AppliedChange
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place


def autoscaler(kind: str = "Deployment", name: str = "web", *, version: str = "apps/v1") -> m.Json:
    target = {"apiVersion": version, "kind": kind, "name": name}
    metadata = {"name": f"for-{name}"}
    spec = {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": 9}
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def ask(place: Place, method: str, name: str, *, plural: str = "deployments", of: str = "", body: Any = None) -> m.Json:
    connection = Connection(place.access)
    path = f"/apis/apps/v1/namespaces/{place.namespace}/{plural}/{name}{of}"
    headers = {"Content-Type": "application/merge-patch+json"} if body else None
    try:
        return dict(connection.send(method, path, what=f"{method} {name}", body=body, headers=headers).body)
    finally:
        connection.close()


def scale(place: Place, replicas: int, **where: str) -> None:
    ask(place, "PATCH", where.pop("name", "web"), of="/scale", body={"spec": {"replicas": replicas}}, **where)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_an_autoscalers_replicas_stay_and_all_else_is_applied(place: Place, kind: str) -> None:
    more = {"serviceName": "web"} if kind == "StatefulSet" else {}
    manifest, plural = m.workload(kind, f"{m.PAUSE}@{m.ONE}", replicas=2, **more), f"{kind.lower()}s"
    place.apply([manifest, autoscaler(kind)])
    scale(place, 5, plural=plural)
    following = m.workload(kind, f"{m.PAUSE}@{m.TWO}", replicas=2, **more)
    [change] = place.cluster.preview([following], place.namespace).objects
    assert change.change is AppliedChange.CHANGED
    assert "replicas" not in change.diff
    place.apply([following])
    spec = ask(place, "GET", "web", plural=plural)["spec"]
    assert (spec["replicas"], m.TWO in str(spec["template"])) == (5, True)


@pytest.mark.parametrize(
    "autoscalers",
    [(), (autoscaler(name="another"),), (autoscaler(version="acme.example/v1"),)],
    ids=["none", "name", "group"],
)
def test_a_deployment_that_a_person_scaled_goes_back_to_the_manifests_count(
    place: Place, autoscalers: tuple[m.Json, ...]
) -> None:
    place.apply([m.deployment(replicas=2), *autoscalers])
    scale(place, 5)
    [change] = place.cluster.preview([m.deployment(replicas=2)], place.namespace).objects
    assert "-  replicas: 5\n+  replicas: 2" in change.diff
    place.apply([m.deployment(replicas=2)])
    assert ask(place, "GET", "web")["spec"]["replicas"] == 2


def test_an_autoscaled_deployment_that_somebody_edited_gets_its_other_fields_back(place: Place) -> None:
    place.apply([m.deployment(replicas=2, minReadySeconds=1), autoscaler()])
    scale(place, 5)
    ask(place, "PATCH", "web", body={"spec": {"minReadySeconds": 7}})
    place.apply([m.deployment(replicas=2, minReadySeconds=1)])
    spec = ask(place, "GET", "web")["spec"]
    assert (spec["replicas"], spec["minReadySeconds"]) == (5, 1)


def test_a_manifest_may_change_the_replicas_as_long_as_nothing_else_has(place: Place) -> None:
    place.apply([m.deployment(replicas=2), autoscaler()])
    place.apply([m.deployment(replicas=3)])
    assert ask(place, "GET", "web")["spec"]["replicas"] == 3


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_replicas_that_the_manifest_no_longer_names_stay_for_the_autoscaler_that_comes_with_it(
    place: Place, kind: str
) -> None:
    """Without the field, an apply would set the server's default of one pod."""
    more = {"serviceName": "web"} if kind == "StatefulSet" else {}
    former, plural = m.workload(kind, f"{m.PAUSE}@{m.ONE}", replicas=4, **more), f"{kind.lower()}s"
    place.apply([former])
    following = [m.workload(kind, f"{m.PAUSE}@{m.TWO}", **more), autoscaler(kind)]
    changes = {change.kind: change for change in place.cluster.preview(following, place.namespace).objects}
    assert "its replicas stay at 4, as the manifest does not say how many" in changes[kind].notes
    assert not [note for note in changes[kind].notes if "autoscaler" in note]
    assert "replicas" not in changes[kind].diff
    place.apply(following)
    place.apply(following)
    assert ask(place, "GET", "web", plural=plural)["spec"]["replicas"] == 4
    scale(place, 6, plural=plural)
    place.apply(following)
    assert ask(place, "GET", "web", plural=plural)["spec"]["replicas"] == 6
