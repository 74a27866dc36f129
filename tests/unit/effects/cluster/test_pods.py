"""Which pods are the newest, and what they tell."""

from typing import Any

import pytest

from slipway.effects.cluster.containers import MANY_RESTARTS
from slipway.effects.cluster.pods import (
    failure_of,
    hindrance_of,
    left_behind,
    newest_pods,
    newest_replica_set,
    newest_revision,
    selector_text,
)

REVISION = "deployment.kubernetes.io/revision"


def a_pod(
    name: str = "web-1", *, owner: str = "o", labels: dict[str, str] | None = None, **status: Any
) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": labels or {}, "ownerReferences": [{"uid": owner}]},
        "status": status,
    }


def crashing(restarts: int) -> dict[str, Any]:
    return {
        "name": "web",
        "restartCount": restarts,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
    }


def test_a_crash_loop_counts_as_failed_after_some_restarts() -> None:
    assert failure_of(a_pod(containerStatuses=[crashing(MANY_RESTARTS - 1)])) is None
    assert failure_of(a_pod(containerStatuses=[crashing(MANY_RESTARTS)])) == (
        "pod web-1, container web: CrashLoopBackOff: restarted 3 times, exit code 137 (OOMKilled) "
        "(read the log of its previous run with: kubectl logs --previous)"
    )


def test_an_init_container_that_restarts_may_wait_for_something_and_is_told() -> None:
    pod = a_pod(initContainerStatuses=[crashing(20)])
    assert failure_of(pod) is None
    assert "CrashLoopBackOff: restarted 20 times" in str(hindrance_of(pod))


def test_an_init_container_can_fail_a_pod_too() -> None:
    status = {"name": "migrate", "restartCount": 0, "state": {"waiting": {"reason": "InvalidImageName"}}}
    assert failure_of(a_pod(initContainerStatuses=[status])) == (
        "pod web-1, container migrate: InvalidImageName (correct the image's name in the manifest)"
    )


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_on_its_way_is_neither_failure_nor_hindrance(reason: str) -> None:
    pod = a_pod(containerStatuses=[{"name": "web", "restartCount": 0, "state": {"waiting": {"reason": reason}}}])
    assert failure_of(pod) is None
    assert hindrance_of(pod) is None


def test_a_pod_that_no_node_takes_is_a_hindrance_because_nodes_may_be_added() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: cpu"}
    pod = a_pod(conditions=[condition])
    assert failure_of(pod) is None
    assert hindrance_of(pod) == "no node accepts a pod: 0/3 nodes: cpu"


def test_a_pod_without_a_status_tells_nothing() -> None:
    assert failure_of({"metadata": {"name": "p"}}) is None
    assert hindrance_of({"metadata": {"name": "p"}}) is None


def test_the_newest_replica_set_has_the_deployments_revision() -> None:
    deployment = {"kind": "Deployment", "metadata": {"uid": "d", "annotations": {REVISION: "2"}}}
    former, newest, stranger = (
        {"metadata": {"name": name, "annotations": {REVISION: revision}, "ownerReferences": [{"uid": uid}]}}
        for name, revision, uid in (("a", "1", "d"), ("b", "2", "d"), ("c", "2", "x"))
    )
    assert newest_replica_set(deployment, [former, stranger, newest]) is newest
    assert newest_replica_set(deployment, [former, stranger]) is None


def test_the_newest_pods_of_a_deployment_belong_to_its_newest_replica_set() -> None:
    old, new = a_pod("old", owner="rs-1"), a_pod("new", owner="rs-2")
    assert newest_pods({"kind": "ReplicaSet", "metadata": {"uid": "rs-2"}}, [old, new], None) == (new,)


@pytest.mark.parametrize("labels", [("db-1", "db-2"), ("1", "2")], ids=["by name", "by hash"])
def test_the_newest_pods_of_a_stateful_set_carry_its_update_revision(labels: tuple[str, str]) -> None:
    workload = {"kind": "StatefulSet", "metadata": {"uid": "o", "name": "db"}}
    old, new = (a_pod(label, labels={"controller-revision-hash": label}) for label in labels)
    assert newest_pods(workload, [old, new], "db-2") == (new,)


def test_the_newest_pods_of_a_daemon_set_carry_its_newest_revision() -> None:
    workload = {"kind": "DaemonSet", "metadata": {"uid": "o", "name": "agent"}}
    revisions = [
        {
            "metadata": {"ownerReferences": [{"uid": uid}], "labels": {"controller-revision-hash": value}},
            "revision": number,
        }
        for uid, value, number in (("o", "b", 2), ("o", "a", 1), ("stranger", "c", 3))
    ]
    old, new = (a_pod(n, labels={"controller-revision-hash": n}) for n in ("a", "b"))
    assert newest_pods(workload, [old, new], newest_revision(workload, revisions)) == (new,)
    assert newest_revision(workload, []) is None


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_where_the_newest_revision_is_not_known_no_pod_is_blamed(kind: str) -> None:
    assert newest_pods({"kind": kind, "metadata": {"uid": "o", "name": "x"}}, [a_pod()], None) == ()


def test_pods_that_are_being_deleted_do_not_count() -> None:
    leaving = a_pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    staying = a_pod("staying")
    assert newest_pods({"kind": "Job", "metadata": {"uid": "o"}}, [leaving, staying], None) == (staying,)


def test_pods_that_a_stateful_set_does_not_replace_are_named_the_highest_number_first() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    leaving = a_pod("db-3")
    leaving["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    newest = a_pod("db-11")
    up, stranger = a_pod("db-0", conditions=ready), a_pod("db-1", owner="another")
    pods = [up, stranger, a_pod("db-2"), leaving, a_pod("db-10"), newest]
    database = {"kind": "StatefulSet", "metadata": {"uid": "o", "name": "db"}}
    assert left_behind(database, pods, (newest,)) == ["db-10", "db-2"]


def test_a_selector_becomes_a_query() -> None:
    selector = {
        "matchLabels": {"b": "2", "a": "1"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["web", "api"]},
            {"key": "env", "operator": "NotIn", "values": ["dev"]},
            {"key": "x", "operator": "Exists"},
            {"key": "y", "operator": "DoesNotExist"},
        ],
    }
    assert selector_text(selector) == "a=1,b=2,tier in (web,api),env notin (dev),x,!y"
    assert selector_text(None) == ""
