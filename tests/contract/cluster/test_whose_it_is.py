"""What a plan says about an object besides its diff: who owns it and its fields, and the server's warnings."""

from contextlib import closing
from datetime import timedelta
from itertools import count

import pytest

from slipway.effects.cluster import AppliedChange, AppliedManifests, ObjectRefused
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place


def create(place: Place, manifest: m.Json, *, manager: str) -> None:
    connection = Connection(place.access)
    path = f"/api/v1/namespaces/{place.namespace}/configmaps"
    connection.send("POST", path, what="make", body=manifest, query=[("fieldManager", manager)])
    connection.close()


def edit(place: Place, patch: m.Json, *, manager: str = "kubectl-edit") -> None:
    connection = Connection(place.access)
    connection.send(
        "PATCH",
        f"/api/v1/namespaces/{place.namespace}/configmaps/settings",
        what="edit",
        body=patch,
        headers={"Content-Type": "application/strategic-merge-patch+json"},
        query=[("fieldManager", manager)],
    )
    connection.close()


def live_data(place: Place) -> m.Json:
    connection = Connection(place.access)
    path = f"/api/v1/namespaces/{place.namespace}/configmaps/settings"
    data: m.Json = connection.send("GET", path, what="look").body["data"]
    connection.close()
    return data


def of(application: str, environment: str, **data: str) -> m.Json:
    config = m.config(**data)
    config["metadata"]["labels"] |= {"slipway.dev/application": application, "slipway.dev/environment": environment}
    return config


@pytest.mark.parametrize("owner", [("other", "test"), ("shop", "staging")])
def test_an_object_of_another_application_or_environment_is_refused_with_the_way_out(
    place: Place, owner: tuple[str, str]
) -> None:
    place.apply([of(*owner, a="1")])
    with pytest.raises(ObjectRefused) as raised:
        place.cluster.preview([m.config(a="1")], place.namespace)
    text = str(raised.value)
    assert f"ConfigMap/settings belongs to {owner[0]} in {owner[1]}" in text
    assert "kubectl label configmaps settings --overwrite" in text
    with pytest.raises(ObjectRefused, match="belongs to"):  # it may have come since the plan
        place.apply([m.config(a="ours")])
    assert live_data(place) == {"a": "1"}
    edit(place, {"metadata": {"labels": dict(m.OWNER.labels)}}, manager="kubectl-label")
    assert place.cluster.preview([m.config(a="1")], place.namespace).objects


def test_an_object_that_another_tool_made_is_taken_over_and_the_plan_names_the_tool(place: Place) -> None:
    foreign = m.config(a="theirs", b="old")
    foreign["metadata"] = {"name": "settings"}
    create(place, foreign, manager="kubectl-client-side-apply")
    [change] = place.cluster.preview([m.config(a="ours")], place.namespace).objects
    assert change.notes == (
        "taken over from kubectl-client-side-apply: data.a",
        "removed, as kubectl-client-side-apply set it before and it is not in the manifest: data.b",
    )
    place.apply([m.config(a="ours")])
    [again] = place.cluster.preview([m.config(a="ours")], place.namespace).objects
    assert (again.change, again.notes) == (AppliedChange.UNCHANGED, ())


FLUX, ARGO = "kustomize-controller", "argocd-controller"


def set_back(place: Place, tool: str) -> None:
    """Write the object as the tool does: Flux applies it; Argo CD patches it, unless it is told to apply
    server-side."""
    if tool == FLUX:
        foreign = m.config(a="theirs")
        foreign["metadata"] = {"name": "settings", "labels": {"kustomize.toolkit.fluxcd.io/name": "shop"}}
        with closing(Connection(place.access)) as connection:
            m.applied_by(connection, place.namespace, foreign, tool)
    else:
        edit(place, {"data": {"a": "theirs"}}, manager=tool)


@pytest.mark.parametrize(("tool", "name"), [(FLUX, "Flux"), (ARGO, "Argo CD")])
def test_another_tool_that_applies_the_same_object_is_reported_at_first_and_each_time_it_does_so_again(
    place: Place, tool: str, name: str
) -> None:
    advice = f"{name} ({tool}) applies it too, and each undoes the other: take it out of one of them"
    foreign, own = m.config(a="theirs"), m.config(a="ours")
    foreign["metadata"] = {"name": "settings"}
    create(place, foreign, manager=tool)
    numbers = count(1)

    def warnings() -> tuple[str, ...]:
        [change] = place.cluster.preview([own], place.namespace).objects
        return change.warnings

    def warnings_after_apply() -> tuple[str, ...]:
        place.apply([own], number=next(numbers))  # until it falls into a later second than the tool's
        return warnings()

    assert warnings() == (advice,)
    assert place.settle(warnings_after_apply, until=lambda warnings: not warnings) == ()
    set_back(place, tool)
    assert warnings() == (advice,)
    look = AppliedManifests(owner=m.OWNER, manifests=(own,), live_for=timedelta(0))
    [drift] = place.cluster.drift([look], place.namespace)
    assert isinstance(drift, tuple)
    assert [difference.drifted.by for difference in drift] == [tool]
    assert drift[0].drifted.text.endswith(f"(data.a): {advice}")
    [owned] = place.cluster.search(place.namespace, m.OWNER).owned
    assert (owned.name, owned.also_applied) == ("settings", advice)


def test_a_field_that_somebody_added_by_hand_stays_and_is_reported(place: Place) -> None:
    place.apply([m.config(a="1")])
    edit(place, {"data": {"debug": "on"}})
    [change] = place.cluster.preview([m.config(a="1")], place.namespace).objects
    assert change.change is AppliedChange.UNCHANGED
    assert change.notes == ("left as kubectl-edit set it, since it is not in the manifest: data.debug",)


def test_changes_by_a_workloads_own_controllers_are_not_reported(place: Place) -> None:
    place.apply([m.deployment()])
    place.rolled_out(m.deployment())
    [change] = place.cluster.preview([m.deployment()], place.namespace).objects
    assert (change.change, change.notes, change.warnings) == (AppliedChange.UNCHANGED, (), ())


def test_a_warning_of_the_api_server_is_reported_in_the_plan_and_on_apply(place: Place) -> None:
    manifest = m.deployment(replicas=0)
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"beta.kubernetes.io/os": "linux"}
    warning = (
        'spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead'
    )
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert warning in change.warnings
    [applied] = place.apply([manifest])
    assert warning in applied.warnings


def reader() -> m.Json:
    web = m.deployment(replicas=1)
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"configMapRef": {"name": "settings"}}]
    return web


def test_a_change_that_no_pod_sees_is_reported(place: Place) -> None:
    place.apply([m.config(a="1"), reader()])
    changed = {
        change.name: change for change in place.cluster.preview([m.config(a="2"), reader()], place.namespace).objects
    }
    assert changed["settings"].warnings == (
        "read only at start by pods that stay, which go on with the old content: Deployment/web",
    )
    assert changed["web"].warnings == ()


def test_a_change_of_settings_that_comes_with_new_pods_is_not_reported(place: Place) -> None:
    place.apply([m.config(a="1"), reader()])
    newer = reader()
    newer["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 2
    assert all(
        not change.warnings for change in place.cluster.preview([m.config(a="2"), newer], place.namespace).objects
    )
