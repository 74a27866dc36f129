"""The nodes that a DaemonSet waits for."""

from typing import Any

from slipway.effects.cluster.nodes import without_a_ready_pod

DAEMON_SET = {"kind": "DaemonSet", "metadata": {"name": "agent", "uid": "d"}}


def a_pod(node: str, *, ready: bool, owner: str = "d", terminating: bool = False) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": f"agent-{node}", "ownerReferences": [{"uid": owner}]}
    return {
        "metadata": metadata | ({"deletionTimestamp": "2026-11-23T08:00:00Z"} if terminating else {}),
        "spec": {"nodeName": node} if node else {},
        "status": {"conditions": [{"type": "Ready", "status": "True" if ready else "False"}]},
    }


def test_a_daemon_set_waits_for_the_nodes_whose_new_pod_is_not_ready() -> None:
    pods = [a_pod("a", ready=True), a_pod("b", ready=False)]
    assert without_a_ready_pod(DAEMON_SET, pods, pods) == ["b"]


def test_a_daemon_set_waits_for_a_node_that_does_not_let_an_old_pod_go() -> None:
    pods = [a_pod("a", ready=True, terminating=True), a_pod("b", ready=True, terminating=True, owner="another")]
    assert without_a_ready_pod(DAEMON_SET, pods, []) == ["a"]


def test_an_old_pod_whose_turn_has_not_come_is_not_a_node_to_wait_for() -> None:
    assert without_a_ready_pod(DAEMON_SET, [a_pod("a", ready=True)], []) == []


def test_a_pod_without_a_node_names_none() -> None:
    pods = [a_pod("", ready=False)]
    assert without_a_ready_pod(DAEMON_SET, pods, pods) == []
