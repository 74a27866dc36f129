"""How many requests it takes to leave an autoscaler's replicas unchanged."""

import json
from typing import Any

import pytest

from slipway.effects.cluster import Cluster, ObjectConflict, scaling
from slipway.effects.cluster.objects import Objects

from .scripted import Reply, Server

WEB: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {"replicas": 2},
}
PATH = "/apis/apps/v1/namespaces/shop/deployments/web"
PLAIN = f"{PATH}?fieldManager=slipway&fieldValidation=Strict"


def dry_run(cluster: Cluster, manifest: dict[str, Any]) -> None:
    objects = Objects(cluster.connection)
    [target] = objects.kinds.targets([manifest], "shop")
    scaling.apply_scaled(objects, target, dry_run=True)


def test_a_workload_whose_replicas_nobody_disputes_is_applied_by_one_request(server: Server, cluster: Cluster) -> None:
    server.reply = Reply(body=json.dumps(WEB).encode())
    dry_run(cluster, WEB)
    assert server.requests == [("PATCH", f"{PLAIN}&dryRun=All")]


def test_a_workload_without_replicas_is_applied_with_force_at_once(server: Server, cluster: Cluster) -> None:
    server.reply = Reply(body=json.dumps(WEB).encode())
    dry_run(cluster, {**WEB, "spec": {}})
    assert server.requests == [("PATCH", f"{PLAIN}&force=true&dryRun=All")]


def test_a_conflict_that_is_about_no_field_is_not_overridden(server: Server, cluster: Cluster) -> None:
    status = {"kind": "Status", "reason": "Conflict", "message": "the object has been modified"}
    server.reply = Reply(status=409, body=json.dumps(status).encode())
    with pytest.raises(ObjectConflict, match="has been modified"):
        dry_run(cluster, WEB)
    assert [method for method, _ in server.requests] == ["PATCH"]
