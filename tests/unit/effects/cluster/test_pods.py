"""Which pods are the newest, and what holds them up."""

from typing import Any

import pytest

from slipway.effects.cluster.pods import (
    holdups_of,
    left_behind,
    newest_pods,
    newest_replica_set,
    newest_revision,
    selector_text,
)
from slipway.effects.cluster.situations import Situation

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


def holdups(pod: dict[str, Any]) -> list[tuple[Situation, str]]:
    return [(holdup.situation, holdup.text) for holdup in holdups_of(pod)]


def test_a_crash_loop_is_reported_with_the_restarts_and_the_exit_code() -> None:
    assert holdups(a_pod(containerStatuses=[crashing(3)])) == [
        (
            Situation.CRASHING,
            "pod web-1, container web: CrashLoopBackOff: restarted 3 times, exit code 137 (OOMKilled) "
            "(it may wait for something; if it stays, read the log of its previous run)",
        )
    ]


def test_an_init_container_is_reported_before_the_others() -> None:
    pod = a_pod(initContainerStatuses=[crashing(20)], containerStatuses=[crashing(1)])
    assert [situation for situation, _ in holdups(pod)] == [Situation.INIT_CRASHING, Situation.CRASHING]


@pytest.mark.parametrize("reason", ["ContainerCreating", "PodInitializing"])
def test_a_container_that_is_being_created_is_not_held_up(reason: str) -> None:
    pod = a_pod(containerStatuses=[{"name": "web", "restartCount": 0, "state": {"waiting": {"reason": reason}}}])
    assert holdups(pod) == []


def test_an_unschedulable_pod_is_reported_as_unschedulable_and_as_nothing_else() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: cpu"}
    [(situation, text)] = holdups(a_pod(conditions=[condition], containerStatuses=[crashing(1)]))
    assert situation is Situation.UNSCHEDULABLE
    assert text.startswith("no node accepts a pod: 0/3 nodes: cpu (")


def test_a_pod_without_a_status_reports_nothing() -> None:
    assert holdups({"metadata": {"name": "p"}}) == []


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
    terminating = a_pod()
    terminating["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    remaining = a_pod("staying")
    assert newest_pods({"kind": "Job", "metadata": {"uid": "o"}}, [terminating, remaining], None) == (remaining,)


def test_pods_that_a_stateful_set_does_not_replace_are_named_the_highest_number_first() -> None:
    ready = [{"type": "Ready", "status": "True"}]
    terminating = a_pod("db-3")
    terminating["metadata"]["deletionTimestamp"] = "2026-11-23T08:00:00Z"
    newest = a_pod("db-11")
    ready_pod, stranger = a_pod("db-0", conditions=ready), a_pod("db-1", owner="another")
    pods = [ready_pod, stranger, a_pod("db-2"), terminating, a_pod("db-10"), newest]
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
