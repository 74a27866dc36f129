"""Which of the cluster's warnings concern a workload and this rollout, and what is reported of them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slipway.effects.cluster import ClusterAccess
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.events import events_of
from slipway.effects.cluster.objects import Objects
from slipway.effects.cluster.situations import Situation

from .scripted import Reply, Server

NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
WORKLOAD: dict[str, Any] = {
    "metadata": {"name": "db", "uid": "u"},
    "spec": {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data-db"}}]},
}


def an_event(reason: str, message: str = "no", *, age: timedelta = timedelta(), **subject: str) -> dict[str, Any]:
    involved = {"kind": "StatefulSet", "name": "db", "uid": "u"} | subject
    timestamp = (NOW - age).isoformat().replace("+00:00", "Z")
    return {
        "involvedObject": involved,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": timestamp,
    }


def holdups_from(server: Server, *events: dict[str, Any]) -> list[tuple[Situation, str]]:
    server.reply = Reply(body=json.dumps({"items": list(events)}).encode())
    objects = Objects(Connection(ClusterAccess(server=server.url, token=lambda: "t")))
    return [(holdup.situation, holdup.text) for holdup in events_of(objects, "shop", [WORKLOAD], since=NOW)]


def test_the_reason_why_no_pod_is_made_is_reported_with_advice(server: Server) -> None:
    [(situation, text)] = holdups_from(server, an_event("FailedCreate", "pods is forbidden: exceeded quota"))
    assert situation is Situation.NO_POD
    assert text.startswith("StatefulSet/db: FailedCreate: pods is forbidden: exceeded quota (")


def test_only_warnings_about_volume_claims_of_its_own_pods_are_reported(server: Server) -> None:
    [(situation, text)] = holdups_from(
        server,
        an_event("ProvisioningFailed", kind="PersistentVolumeClaim", name="data-db", uid="c"),
        an_event("ProvisioningFailed", kind="PersistentVolumeClaim", name="another", uid="x"),
    )
    assert situation is Situation.OTHER
    assert text.startswith("PersistentVolumeClaim/data-db: ")


@pytest.mark.parametrize(
    "event",
    [
        an_event("FailedCreate", uid="another"),
        an_event("FailedCreate", age=timedelta(minutes=3)),
        an_event("BackOff"),
        an_event("FailedScheduling"),
    ],
    ids=["of another object", "of an earlier rollout", "told by the pod", "told by the pod's condition"],
)
def test_events_of_others_or_already_reported_by_the_pod_are_left_out(server: Server, event: dict[str, Any]) -> None:
    assert holdups_from(server, event) == []


def test_the_newest_event_of_each_reason_is_reported_without_secrets(server: Server) -> None:
    older = an_event("Unhealthy", "old", age=timedelta(seconds=9))
    [(_, text)] = holdups_from(server, older, an_event("Unhealthy", "probe failed: password=hunter2"))
    assert "probe failed: password=***" in text


def test_only_warnings_are_asked_for_and_a_missing_right_leaves_them_out(server: Server) -> None:
    assert holdups_from(server) == []
    assert "fieldSelector=type%3DWarning" in server.requests[0][1]
    message = 'events is forbidden: User "x" cannot list resource "events" in API group "" in the namespace "shop"'
    server.first = [Reply(status=403, body=json.dumps({"kind": "Status", "message": message}).encode())]
    assert holdups_from(server) == []
