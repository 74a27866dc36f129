"""Rollouts: done, failed, and rolled back by applying what was live."""

import os
import signal
from datetime import UTC, datetime, timedelta

import pytest

from local.cluster import RealCluster
from slipway.effects.cluster import ClusterError, EarlierPolls, Missing, ProgressState
from slipway.effects.cluster.connection import Connection
from slipway.effects.cluster.objects import Objects, built_in
from slipway.engine.outcome import Retry
from slipway.engine.steps.cluster_errors import outcome_after

from . import manifests as m
from .conftest import Place

REPLICA_SET = built_in("apps/v1", "ReplicaSet")


def test_a_deployment_waits_and_is_then_done(place: Place) -> None:
    manifest = m.deployment()
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    [state] = place.cluster.rollout([manifest, m.config(a="1")], place.namespace).objects
    assert (state.kind, state.name, state.reason) == ("Deployment", "web", "2 of 2 pods are available")


def test_an_image_that_does_not_exist_looks_hopeless_long_before_the_deadline(place: Place) -> None:
    live, bad = m.deployment(), m.deployment(f"{m.PAUSE}:{m.BAD_TAG}")
    place.apply([live])
    assert place.rolled_out(live) is ProgressState.DONE
    place.apply([bad])
    assert place.rolled_out(bad) is ProgressState.HOPELESS
    reason = place.cluster.rollout([bad], place.namespace).reason
    assert "ImagePullBackOff" in reason
    assert m.BAD_TAG in reason


def test_the_live_manifest_comes_back_after_a_bad_one_by_applying_it_again(place: Place) -> None:
    live, bad = m.deployment(), m.deployment(f"{m.PAUSE}:{m.BAD_TAG}")
    for manifest, expected in ((live, ProgressState.DONE), (bad, ProgressState.HOPELESS), (live, ProgressState.DONE)):
        place.apply([manifest])
        assert place.rolled_out(manifest) is expected
    assert place.cluster.compared([live], place.namespace).others == ()


def test_a_deadline_that_was_exceeded_fails_and_a_rollback_from_it_does_not(place: Place) -> None:
    live = m.deployment(progressDeadlineSeconds=1)
    stuck = m.deployment(f"{m.PAUSE}@{m.TWO}", progressDeadlineSeconds=1)
    stuck["spec"]["template"]["metadata"]["annotations"] = {"local.slipway/outcome": "fail"}
    container = stuck["spec"]["template"]["spec"]["containers"][0]
    container["readinessProbe"] = {"tcpSocket": {"port": 9}, "periodSeconds": 1}
    place.apply([live])
    place.settle(
        lambda: place.cluster.rollout([live], place.namespace),
        until=lambda progress: progress.state is ProgressState.DONE,
    )
    place.apply([stuck])
    failed = place.settle(
        lambda: place.cluster.rollout([stuck], place.namespace),
        until=lambda progress: progress.state is not ProgressState.WAITING,
    )
    assert "ProgressDeadlineExceeded" in failed.reason
    place.apply([live])
    assert place.rolled_out(live) is ProgressState.DONE


@pytest.mark.parametrize(
    "first",
    [
        m.workload("StatefulSet", f"{m.PAUSE}@{m.ONE}", name="db", replicas=2, serviceName="db"),
        m.workload("DaemonSet", f"{m.PAUSE}@{m.ONE}", name="agent"),
    ],
    ids=["StatefulSet", "DaemonSet"],
)
def test_a_stateful_set_and_a_daemon_set_roll_out_twice(first: m.Json, place: Place) -> None:
    second = m.workload(first["kind"], f"{m.PAUSE}@{m.TWO}", name=first["metadata"]["name"])
    second["spec"] = {**first["spec"], "template": second["spec"]["template"]}
    for manifest in (first, second):
        place.apply([manifest])
        assert place.rolled_out(manifest) is ProgressState.DONE


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_an_image_that_does_not_exist_looks_hopeless_in_a_stateful_set_or_daemon_set_too(
    kind: str, place: Place
) -> None:
    spec: m.Json = {"replicas": 1, "serviceName": "db"} if kind == "StatefulSet" else {}
    bad = m.workload(kind, f"{m.PAUSE}:{m.BAD_TAG}", **spec)
    place.apply([bad])
    assert place.rolled_out(bad) is ProgressState.HOPELESS


def test_a_daemon_set_that_matches_no_node_waits_unless_its_annotation_allows_it(place: Place) -> None:
    manifest = m.workload("DaemonSet", f"{m.PAUSE}@{m.ONE}", name="agent")
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"team.example/pool": "gpu"}
    place.apply([manifest])
    progress = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace), until=lambda progress: "no node" in progress.reason
    )
    assert progress.state is ProgressState.WAITING
    manifest["metadata"]["annotations"] = {"slipway.dev/nodes": "may-be-none"}
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    del manifest["metadata"]["annotations"], manifest["spec"]["template"]["spec"]["nodeSelector"]
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    assert place.cluster.rollout([manifest], place.namespace).reason == "1 workload is up"


def test_a_deployment_that_matches_no_node_waits_and_says_so(place: Place) -> None:
    manifest = m.deployment()
    manifest["spec"]["template"]["spec"]["nodeSelector"] = {"team.example/pool": "gpu"}
    place.apply([manifest])
    progress = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace),
        until=lambda progress: "no node" in progress.reason,
    )
    assert progress.state is not ProgressState.DONE
    del manifest["spec"]["template"]["spec"]["nodeSelector"]
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE


def test_a_workload_that_is_not_there_looks_hopeless(place: Place) -> None:
    progress = place.cluster.rollout([m.deployment()], place.namespace)
    assert progress.state is ProgressState.HOPELESS
    assert progress.reason.startswith("Deployment/web: it is not in the cluster (")


def test_a_paused_deployment_is_reported_in_the_plan_and_waited_for_with_what_to_do(place: Place) -> None:
    live, manifest = m.deployment(), m.deployment(f"{m.PAUSE}@{m.TWO}", paused=True)
    place.apply([live])
    assert place.rolled_out(live) is ProgressState.DONE
    [change] = place.cluster.preview([manifest], place.namespace).objects
    assert any("the Deployment is paused" in warning for warning in change.warnings)
    place.apply([manifest])
    progress = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace), until=lambda progress: "paused" in progress.reason
    )
    assert progress.state is ProgressState.WAITING
    assert "kubectl rollout resume" in progress.reason


def test_a_job_that_its_time_to_live_has_removed_stays_done_where_it_was_seen_done(place: Place) -> None:
    manifest = m.job("migrate", prints="done")
    manifest["spec"]["ttlSecondsAfterFinished"] = 5
    place.apply([manifest])
    began = datetime.now(UTC)
    place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace),
        until=lambda progress: progress.state is ProgressState.DONE,
    )
    path = f"/apis/batch/v1/namespaces/{place.namespace}/jobs/migrate"
    place.settle(lambda: is_there(place, path), until=lambda exists: not exists)
    earlier = EarlierPolls(done=frozenset({"Job/migrate"}), asked_at=began, now=datetime.now(UTC))
    assert place.cluster.rollout([manifest], place.namespace, earlier).state is ProgressState.DONE
    assert place.cluster.rollout([manifest], place.namespace).state is ProgressState.HOPELESS


def is_there(place: Place, path: str) -> bool:
    connection = Connection(place.access)
    try:
        connection.send("GET", path, what="look")
    except Missing:
        return False
    finally:
        connection.close()
    return True


@pytest.mark.cluster
@pytest.mark.parametrize("access", ["real"], indirect=True, scope="session")
def test_an_api_server_that_is_away_for_a_while_costs_only_time(control_plane: RealCluster, place: Place) -> None:
    """The server is killed in the middle of the rollout: until it is back and has read its roles, each failed request
    has to be retried."""
    manifest = m.deployment()
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE
    manifest = m.deployment(f"{m.PAUSE}@{m.TWO}")
    place.apply([manifest])
    os.kill(control_plane.pids["kube-apiserver"], signal.SIGKILL)
    failed = list[ClusterError]()

    def look() -> ProgressState:
        try:
            return place.cluster.rollout([manifest], place.namespace).state
        except ClusterError as error:
            failed.append(error)
            return ProgressState.WAITING

    assert place.settle(look, until=lambda progress: progress is not ProgressState.WAITING) is ProgressState.DONE
    assert failed, "it was away"
    assert all(isinstance(outcome_after(error, begun=True), Retry) for error in failed), failed


def test_a_deployment_scaled_to_nothing_is_done(place: Place) -> None:
    manifest = m.deployment(replicas=0)
    place.apply([manifest])
    assert place.rolled_out(manifest) is ProgressState.DONE


def test_the_reason_of_a_failed_job_is_the_end_of_its_log(place: Place) -> None:
    manifest = m.job("migrate", prints="DB_PASSWORD=hunter2\nno such table", fails=True)
    place.apply([manifest])
    state = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace),
        until=lambda progress: progress.state is not ProgressState.WAITING,
    )
    assert state.state is ProgressState.FAILED
    why = place.cluster.why([manifest], place.namespace, state)
    assert why.last_lines.endswith("no such table")
    assert "== log of migrate" in why.text
    assert "hunter2" not in why.text


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(hours=2), timedelta(hours=-2)], ids=str)
def test_the_recent_warnings_about_a_workload_explain_why_it_is_not_up(place: Place, ahead: timedelta) -> None:
    """They do however far the worker's clock differs from the cluster's."""
    manifest = m.deployment(minReadySeconds=300)
    place.apply([manifest])
    objects = Objects(Connection(place.access))
    live = place.settle(
        lambda: objects.list(REPLICA_SET, place.namespace, selector=""),
        until=lambda replica_sets: len(replica_sets) == 1,
    )[0]
    now = datetime.now(UTC).replace(microsecond=0)
    for reason, when in (("FailedCreate", now), ("TooOld", now - timedelta(hours=1))):
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"web.{reason.lower()}"},
            "involvedObject": {
                **{"apiVersion": "apps/v1", "kind": "ReplicaSet", "namespace": place.namespace},
                **{"name": live["metadata"]["name"], "uid": live["metadata"]["uid"]},
            },
            "type": "Warning",
            "reason": reason,
            "message": "exceeded quota: token=hunter2",
            "lastTimestamp": when.isoformat().replace("+00:00", "Z"),
        }
        [target] = objects.kinds.targets([event], place.namespace)
        objects.connection.send("POST", target.kind.path(target.namespace), what="make an event", body=event)
    by_ours = now + ahead
    earlier = EarlierPolls(asked_at=by_ours, now=by_ours)
    state = place.settle(
        lambda: place.cluster.rollout([manifest], place.namespace, earlier),
        until=lambda progress: "FailedCreate" in progress.reason,
    )
    assert "TooOld" not in state.reason
    why = place.cluster.why([manifest], place.namespace, state)
    assert "FailedCreate: exceeded quota: token=***" in why.text
    assert "TooOld" in why.text
    assert "hunter2" not in why.text


@pytest.mark.parametrize("access", [pytest.param("real", marks=pytest.mark.cluster)], indirect=True)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job"])
def test_a_quota_that_lets_no_pod_in_is_reported_by_its_name(place: Place, kind: str) -> None:
    """On a real API server, which reports this only by events, except for Deployments."""
    image = f"{m.PAUSE}@{m.ONE}"
    manifest = m.job("web") if kind == "Job" else m.workload(kind, image, replicas=1)
    if kind == "StatefulSet":
        manifest["spec"]["serviceName"] = "web"
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "nothing"},
        "spec": {"hard": {"pods": "0"}},
    }
    admin = Connection(place.access)
    path = f"/api/v1/namespaces/{place.namespace}/resourcequotas"
    admin.send("POST", path, what="set a quota", body=quota)
    place.settle(
        lambda: admin.send("GET", f"{path}/nothing", what="look").body.get("status", {}).get("hard"), until=bool
    )
    admin.close()
    place.apply([manifest])

    def why() -> str:
        state = place.cluster.rollout([manifest], place.namespace)
        return f"{state.reason}\n{place.cluster.why([manifest], place.namespace, state).text}"

    reason = place.settle(why, until=lambda text: "exceeded quota: nothing" in text)
    assert f"{kind}/web" in reason
