"""Who answers the acceptance tests at the release's Services: its own pods, and no others while they ran."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place

RELEASED = m.web_server()
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def live(place: Place) -> Iterator[Connection]:
    """The release is up. This connection sends the requests of somebody who has `edit` in the namespace."""
    place.apply(RELEASED)
    place.rolled_out(RELEASED[0])
    with_edit = Connection(place.access)
    yield with_edit
    with_edit.close()


def redirect(with_edit: Connection, place: Place, **selector: str) -> None:
    path = f"/api/v1/namespaces/{place.namespace}/services/echo?fieldManager=kubectl-edit"
    patch = [{"op": "replace", "path": "/spec/selector", "value": selector}]
    kind = {"Content-Type": "application/json-patch+json"}
    with_edit.send("PATCH", path, what="lead it elsewhere", body=patch, headers=kind)


def now(place: Place) -> datetime:
    """The cluster's time, as the start of a Job shows it."""
    started = place.start_job(job := m.job("attempt-1"))
    place.end_of_job(started, job)
    began = place.cluster.job(started, job, place.namespace).began
    assert began is not None
    return began


def add_pod(with_edit: Connection, place: Place, name: str, image: str, **labels: str) -> None:
    pod = copy.deepcopy(RELEASED[0]["spec"]["template"])
    pod["spec"]["containers"][0]["image"] = image
    pod |= {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}
    with_edit.send("POST", f"/api/v1/namespaces/{place.namespace}/pods", what="add a pod", body=pod)


def test_an_untouched_release_has_no_finding(live: Connection, place: Place) -> None:
    assert place.cluster.answered_by_others(RELEASED, place.namespace, now(place) + timedelta(seconds=1)) == ""


def test_a_service_that_leads_elsewhere_is_named(live: Connection, place: Place) -> None:
    redirect(live, place, app="other")
    finding = place.cluster.answered_by_others(RELEASED, place.namespace, None)
    assert finding == "Service echo leads somewhere other than where the plan says"


def test_a_service_that_selects_only_some_of_the_pods_is_named(live: Connection, place: Place) -> None:
    redirect(live, place, app="echo", run="other")
    assert "leads somewhere other than" in place.cluster.answered_by_others(RELEASED, place.namespace, None)


def test_a_service_that_was_led_elsewhere_and_back_while_the_tests_ran_is_named(live: Connection, place: Place) -> None:
    began = now(place)
    redirect(live, place, app="other")
    redirect(live, place, app="echo")
    finding = place.cluster.answered_by_others(RELEASED, place.namespace, began)
    assert finding == "Service echo was written by kubectl-edit while the tests ran"


def test_a_service_that_is_gone_is_named(live: Connection, place: Place) -> None:
    live.send("DELETE", f"/api/v1/namespaces/{place.namespace}/services/echo", what="delete it")
    assert place.cluster.answered_by_others(RELEASED, place.namespace, None) == "Service echo is gone"


def test_a_foreign_pod_behind_the_service_is_named(live: Connection, place: Place) -> None:
    add_pod(live, place, "evil", m.PAUSE, app="echo")
    finding = place.cluster.answered_by_others(RELEASED, place.namespace, None)
    assert finding == "pod evil stands behind Service echo and does not belong to the release"


def test_a_pod_that_the_service_does_not_select_is_ignored(live: Connection, place: Place) -> None:
    add_pod(live, place, "beside", m.PAUSE, app="other")
    assert place.cluster.answered_by_others(RELEASED, place.namespace, None) == ""


def test_old_pods_may_answer_if_the_manifest_keeps_them_on_purpose(place: Place) -> None:
    stateful_set = m.workload(
        "StatefulSet", m.PAUSE, name="echo", serviceName="echo", updateStrategy={"type": "OnDelete"}
    )
    place.apply([stateful_set, RELEASED[1]])
    newer = copy.deepcopy(stateful_set)
    newer["spec"]["template"]["spec"]["containers"][0]["image"] = m.WEB_SERVER
    assert place.cluster.answered_by_others([newer, RELEASED[1]], place.namespace, None) == ""


def test_a_service_that_selects_no_pod_of_the_release_is_ignored(place: Place) -> None:
    elsewhere = copy.deepcopy(RELEASED[1])
    elsewhere["spec"]["selector"] = {"app": "database"}
    assert place.cluster.answered_by_others([RELEASED[0], elsewhere], place.namespace, LONG_AGO) == ""
