"""The controllers, with simulated pods: rollouts, their failures, and Jobs."""

import json
from functools import partial
from typing import Any

import pytest

from local.kubernetes import Kubernetes, KubernetesSettings, Simulation
from local.kubernetes.controllers.rollout import Counts, Scaling, next_scaling
from tests.contract.kubernetes_double.support import Cluster, job, service, until, workload

BAD = {"local.slipway/bad": "broken"}
BAD_DIGEST = "sha256:" + "b" * 64


def annotated(manifest: dict[str, Any], **annotations: str) -> dict[str, Any]:
    manifest["metadata"]["annotations"] = {f"local.slipway/{k}": v for k, v in annotations.items()}
    return manifest


def waiting(cluster: Cluster, app: str) -> set[str]:
    """Why containers of this app wait."""
    statuses = [s for p in cluster.pods(f"app={app}") for s in p["status"].get("containerStatuses") or []]
    return {s["state"]["waiting"]["reason"] for s in statuses if "waiting" in s["state"]}


# ---- Deployment


def test_a_deployment_becomes_available_and_says_so(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "web", "r/web:1", spec={"replicas": 3}))
    until(lambda: simulated.rolled_out("web"), "the rollout")
    status = until(
        lambda: (
            (s := simulated.status_of("Deployment", "web"))
            and s["conditions"][1]["reason"] == "NewReplicaSetAvailable"
            and s
        ),
        "the condition",
    )
    assert [(c["type"], c["status"]) for c in status["conditions"]] == [("Available", "True"), ("Progressing", "True")]
    assert status["readyReplicas"] == status["updatedReplicas"] == status["availableReplicas"] == 3


def test_a_new_template_is_a_new_revision_and_the_old_pods_go(simulated: Cluster) -> None:
    for number in (1, 2):
        simulated.apply(workload("Deployment", "web", f"r/web:{number}", spec={"replicas": 2}))
        until(lambda: simulated.rolled_out("web"), f"rollout {number}")
    until(lambda: len(simulated.pods("app=web")) == 2, "the end of the old pods")
    assert {p["spec"]["containers"][0]["image"] for p in simulated.pods("app=web")} == {"r/web:2"}
    revisions = {
        s["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: s["spec"]["replicas"]
        for s in simulated.items("apps/v1", "ReplicaSet")
    }
    assert revisions == {"1": 0, "2": 2}


def test_applying_the_former_manifest_rolls_back_under_a_new_revision(simulated: Cluster) -> None:
    for image in ("r/web:1", "r/web:2", "r/web:1"):
        simulated.apply(workload("Deployment", "web", image))
        until(lambda: simulated.rolled_out("web"), f"the rollout of {image}")
    annotations = simulated.get("apps/v1", "Deployment", "web")["metadata"]["annotations"]
    assert annotations["deployment.kubernetes.io/revision"] == "3"
    assert len(simulated.items("apps/v1", "ReplicaSet")) == 2


def test_a_bad_image_exceeds_the_deadline_while_the_old_pods_serve_on(simulated: Cluster) -> None:
    spec = {"replicas": 2, "progressDeadlineSeconds": 1}
    simulated.apply(annotated(workload("Deployment", "web", "r/web:1", spec=spec), bad="broken"))
    until(lambda: simulated.rolled_out("web"), "the first rollout")
    simulated.apply(annotated(workload("Deployment", "web", "r/web:broken", spec=spec), bad="broken"))
    until(lambda: waiting(simulated, "web") == {"ImagePullBackOff"}, "the pull to fail")

    def exceeded() -> dict[str, Any]:
        conditions = simulated.status_of("Deployment", "web")["conditions"]
        return next((c for c in conditions if c["reason"] == "ProgressDeadlineExceeded"), {})

    condition = until(exceeded, "the deadline")
    assert condition["status"] == "False"
    assert condition["message"].endswith("has timed out progressing.")
    assert simulated.status_of("Deployment", "web")["availableReplicas"] == 2
    simulated.apply(annotated(workload("Deployment", "web", "r/web:1", spec=spec), bad="broken"))
    until(lambda: simulated.rolled_out("web"), "the way back")
    assert waiting(simulated, "web") == set()


def test_a_bad_digest_can_be_named_in_the_configuration(tmp_path: Any) -> None:
    with Kubernetes(KubernetesSettings(simulate=Simulation(bad_images=(BAD_DIGEST,)))) as running:
        cluster = Cluster(running.url, tmp_path)
        cluster.apply(workload("Deployment", "web", f"r/web@{BAD_DIGEST}"))
        until(lambda: waiting(cluster, "web") == {"ImagePullBackOff"}, "the pull to fail")


def test_recreate_ends_all_old_pods_before_the_first_new_one(simulated: Cluster) -> None:
    spec = {"replicas": 2, "strategy": {"type": "Recreate"}}
    for image in ("r/web:1", "r/web:2"):
        simulated.apply(workload("Deployment", "web", image, spec=spec))
        until(lambda: simulated.rolled_out("web"), f"the rollout of {image}")
    assert {p["spec"]["containers"][0]["image"] for p in simulated.pods("app=web")} == {"r/web:2"}


def test_a_paused_deployment_does_not_roll_out(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "web", "r/web:1"))
    until(lambda: simulated.rolled_out("web"), "the rollout")
    simulated.apply(workload("Deployment", "web", "r/web:2", spec={"paused": True}))
    until(lambda: simulated.status_of("Deployment", "web")["observedGeneration"] == 2, "the controller to look")
    assert {p["spec"]["containers"][0]["image"] for p in simulated.pods("app=web")} == {"r/web:1"}
    simulated.apply(workload("Deployment", "web", "r/web:2", spec={"paused": False}))
    until(lambda: simulated.rolled_out("web"), "the rollout after the pause")


def test_no_replicas_is_done_at_once(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "web", "r/web:1", spec={"replicas": 0}))
    until(lambda: simulated.rolled_out("web"), "the rollout")
    assert simulated.pods("app=web") == []


def test_history_is_kept_no_longer_than_asked(simulated: Cluster) -> None:
    for number in range(4):
        simulated.apply(workload("Deployment", "web", f"r/web:{number}", spec={"revisionHistoryLimit": 1}))
        until(lambda: simulated.rolled_out("web"), f"rollout {number}")
    until(lambda: len(simulated.items("apps/v1", "ReplicaSet")) == 2, "the old ones to go")


def test_a_deleted_pod_is_replaced(simulated: Cluster) -> None:
    simulated.apply(workload("Deployment", "web", "r/web:1"))
    until(lambda: simulated.rolled_out("web"), "the rollout")
    name = simulated.pods("app=web")[0]["metadata"]["name"]
    simulated.kind("v1", "Pod").delete(name=name, namespace="default")
    until(lambda: [p["metadata"]["name"] for p in simulated.pods("app=web")] not in ([], [name]), "another pod")
    until(lambda: simulated.rolled_out("web"), "availability")


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (Counts(replicas=0, available=0, pods=0), [Counts(replicas=4, available=4, pods=4)], Scaling(new=1, old=(3,))),
        (Counts(replicas=1, available=0, pods=1), [Counts(replicas=4, available=4, pods=4)], Scaling(new=1, old=(3,))),
        (Counts(replicas=2, available=0, pods=2), [Counts(replicas=3, available=3, pods=3)], Scaling(new=2, old=(3,))),
        (Counts(replicas=2, available=2, pods=2), [Counts(replicas=3, available=3, pods=3)], Scaling(new=2, old=(1,))),
        (Counts(replicas=4, available=4, pods=4), [Counts(replicas=1, available=1, pods=1)], Scaling(new=4, old=(0,))),
        (Counts(replicas=6, available=6, pods=6), [], Scaling(new=4, old=())),
        (
            Counts(replicas=1, available=0, pods=1),
            [Counts(replicas=2, available=0, pods=2), Counts(replicas=2, available=2, pods=2)],
            Scaling(new=1, old=(1, 2)),
        ),
    ],
)
def test_a_rolling_step_keeps_to_surge_and_availability(new: Counts, old: list[Counts], expected: Scaling) -> None:
    """Four replicas, one more and one less allowed."""
    assert next_scaling(replicas=4, max_surge=1, max_unavailable=1, new=new, old=old) == expected


# ---- StatefulSet and DaemonSet


def rolled_set(cluster: Cluster, name: str, replicas: int) -> bool:
    status = cluster.status_of("StatefulSet", name)
    generation = cluster.get("apps/v1", "StatefulSet", name)["metadata"]["generation"]
    return bool(
        status.get("observedGeneration", 0) >= generation
        and status.get("readyReplicas", 0) == status.get("updatedReplicas", 0) == replicas
        and status["currentRevision"] == status["updateRevision"]
    )


def test_a_stateful_set_starts_in_order_and_updates_from_the_top(simulated: Cluster) -> None:
    simulated.apply(workload("StatefulSet", "db", "r/db:1", spec={"replicas": 3}))
    until(lambda: rolled_set(simulated, "db", 3), "the start")
    pods = simulated.pods("app=db")
    assert [p["metadata"]["name"] for p in pods] == ["db-0", "db-1", "db-2"]
    versions = [int(p["metadata"]["resourceVersion"]) for p in pods]
    assert versions == sorted(versions)
    first = simulated.status_of("StatefulSet", "db")["currentRevision"]
    simulated.apply(workload("StatefulSet", "db", "r/db:2", spec={"replicas": 3}))
    until(lambda: rolled_set(simulated, "db", 3), "the update")
    pods = simulated.pods("app=db")
    assert {p["spec"]["containers"][0]["image"] for p in pods} == {"r/db:2"}
    versions = [int(p["metadata"]["resourceVersion"]) for p in pods]
    assert versions == sorted(versions, reverse=True)
    assert simulated.status_of("StatefulSet", "db")["currentRevision"] != first


def test_a_partition_holds_the_lower_pods_back(simulated: Cluster) -> None:
    partitioned = {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}
    simulated.apply(workload("StatefulSet", "db", "r/db:1", spec={"replicas": 3}))
    until(lambda: rolled_set(simulated, "db", 3), "the start")
    simulated.apply(workload("StatefulSet", "db", "r/db:2", spec=partitioned))

    def images() -> list[str]:
        return [p["spec"]["containers"][0]["image"] for p in simulated.pods("app=db")]

    until(lambda: images() == ["r/db:1", "r/db:1", "r/db:2"], "the top one")
    until(lambda: simulated.status_of("StatefulSet", "db").get("readyReplicas") == 3, "the status")
    status = simulated.status_of("StatefulSet", "db")
    assert (status["currentReplicas"], status["updatedReplicas"]) == (2, 1)
    assert status["currentRevision"] != status["updateRevision"]


def test_a_broken_pod_blocks_an_ordered_set_until_somebody_deletes_it(simulated: Cluster) -> None:
    """As on a cluster: putting the template right is not enough."""
    simulated.apply(workload("StatefulSet", "db", "r/db:1", spec={"replicas": 2}))
    until(lambda: rolled_set(simulated, "db", 2), "the start")
    simulated.apply(annotated(workload("StatefulSet", "db", "r/db:broken", spec={"replicas": 2}), bad="broken"))
    until(lambda: waiting(simulated, "db") == {"ImagePullBackOff"}, "the pull to fail")
    simulated.apply(annotated(workload("StatefulSet", "db", "r/db:1", spec={"replicas": 2}), bad="broken"))
    until(lambda: simulated.status_of("StatefulSet", "db")["observedGeneration"] == 3, "the controller to look")
    assert waiting(simulated, "db") == {"ImagePullBackOff"}
    simulated.kind("v1", "Pod").delete(name="db-1", namespace="default")
    until(lambda: rolled_set(simulated, "db", 2), "the repair")


def test_a_daemon_set_has_one_pod_on_the_one_node(simulated: Cluster) -> None:
    def is_updated(image: str) -> bool:
        status = simulated.status_of("DaemonSet", "agent")
        images = [p["spec"]["containers"][0]["image"] for p in simulated.pods("app=agent")]
        return status.get("updatedNumberScheduled") == status.get("numberAvailable") == 1 and images == [image]

    for image in ("r/agent:1", "r/agent:2"):
        simulated.apply(workload("DaemonSet", "agent", image))
        until(partial(is_updated, image), image)
    status = simulated.status_of("DaemonSet", "agent")
    assert (status["desiredNumberScheduled"], status["observedGeneration"]) == (1, 2)


# ---- Job


def test_a_job_completes_and_its_log_can_be_read(simulated: Cluster) -> None:
    text = json.dumps({"passed": 3}) + "\n"
    simulated.apply(job("accept", "r/t:1", annotations={"local.slipway/log": text, "local.slipway/seconds": "0"}))
    until(lambda: simulated.condition("Job", "accept", "Complete"), "completion")
    status = simulated.status_of("Job", "accept")
    assert status["succeeded"] == 1
    assert status["completionTime"]
    assert [c["type"] for c in status["conditions"]] == ["SuccessCriteriaMet", "Complete"]
    name = simulated.pods("job-name=accept")[0]["metadata"]["name"]
    assert simulated.log(name) == text


def test_a_job_retries_as_often_as_it_may_and_then_fails(simulated: Cluster) -> None:
    annotations = {"local.slipway/outcome": "fail", "local.slipway/seconds": "0"}
    simulated.apply(job("accept", "r/t:1", spec={"backoffLimit": 2}, annotations=annotations))
    failed = until(lambda: simulated.condition("Job", "accept", "Failed"), "failure")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert simulated.status_of("Job", "accept")["failed"] == 3
    assert len(simulated.pods("job-name=accept")) == 3


def test_a_job_that_takes_too_long_is_failed_by_its_deadline(simulated: Cluster) -> None:
    annotations = {"local.slipway/seconds": "3600"}
    simulated.apply(job("accept", "r/t:1", spec={"activeDeadlineSeconds": 1}, annotations=annotations))
    failed = until(lambda: simulated.condition("Job", "accept", "Failed"), "the deadline")
    assert failed["reason"] == "DeadlineExceeded"
    assert simulated.pods("job-name=accept") == []


def test_a_finished_job_goes_after_its_time_with_its_pods(simulated: Cluster) -> None:
    simulated.apply(
        job("accept", "r/t:1", spec={"ttlSecondsAfterFinished": 0}, annotations={"local.slipway/seconds": "0"})
    )
    path = "/apis/batch/v1/namespaces/default/jobs/accept"
    until(lambda: simulated.raw("GET", path)[0] == 404, "the end of the job")
    until(lambda: not simulated.pods("job-name=accept"), "the end of its pods")


def test_a_job_with_a_bad_image_stays_active(simulated: Cluster) -> None:
    simulated.apply(job("accept", "r/t:broken", annotations=BAD))
    until(lambda: simulated.pods("job-name=accept"), "the pod")
    state = until(
        lambda: (simulated.pods("job-name=accept")[0]["status"].get("containerStatuses") or [{}])[0].get("state"),
        "a state",
    )
    assert state["waiting"]["reason"] == "ImagePullBackOff"
    assert simulated.status_of("Job", "accept")["active"] == 1


def test_a_suspended_job_starts_when_it_is_resumed(simulated: Cluster) -> None:
    simulated.apply(job("accept", "r/t:1", spec={"suspend": True}, annotations={"local.slipway/seconds": "0"}))
    until(lambda: simulated.condition("Job", "accept", "Suspended"), "the pause")
    simulated.apply(job("accept", "r/t:1", spec={"suspend": False}, annotations={"local.slipway/seconds": "0"}))
    until(lambda: simulated.condition("Job", "accept", "Complete"), "completion")


# ---- the proxy, without programs


def test_simulated_pods_answer_as_their_annotation_says(simulated: Cluster) -> None:
    answers = json.dumps({"/health": {"status": 503, "body": "starting"}})
    manifest = annotated(workload("Deployment", "web", "r/web:1"), answers=answers)
    simulated.apply(manifest)
    simulated.apply(service("web", 8080))
    until(lambda: simulated.rolled_out("web"), "the rollout")
    path = "/api/v1/namespaces/default/services/web:80/proxy/"
    assert simulated.raw("GET", path + "health")[:2] == (503, b"starting")
    assert simulated.raw("GET", path + "else")[0] == 404
