"""Each branch of the rollout rules, on the dictionaries that an API server gives."""

from typing import Any

import pytest

from slipway.effects.cluster.containers import Holdup
from slipway.effects.cluster.records import ProgressState
from slipway.effects.cluster.rules import daemon_set, deployment, job, stateful_set
from slipway.effects.cluster.situations import Situation
from slipway.effects.cluster.verdicts import WorkloadEvidence, WorkloadVerdict, overall_state

DONE, WAITING, FAILED = ProgressState.DONE, ProgressState.WAITING, ProgressState.FAILED
HOPELESS = ProgressState.HOPELESS


def a_deployment(*, generation: int = 2, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "web", "generation": generation, "uid": "d"},
        "spec": {"replicas": 3, **(spec or {})},
        "status": {"observedGeneration": 2, **status},
    }


COMPLETE: dict[str, Any] = {"replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}


PROGRESSED = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}


def deadline_exceeded(replica_set: str = "web-new") -> dict[str, Any]:
    message = f'ReplicaSet "{replica_set}" has timed out progressing.'
    return {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": message}


def a_replica_set(name: str = "web-new", *, fails: str | None = None) -> dict[str, Any]:
    conditions = (
        [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": fails}] if fails else []
    )
    return {"metadata": {"name": name}, "status": {"conditions": conditions}}


def a_pod(reason: str, *, restarts: int = 0, message: str = "") -> dict[str, Any]:
    state = {"waiting": {"reason": reason, "message": message}}
    return {
        "metadata": {"name": "web-1"},
        "status": {"containerStatuses": [{"name": "web", "restartCount": restarts, "state": state}]},
    }


def a_stateful_set(
    *, strategy: dict[str, Any] | None = None, spec: dict[str, Any] | None = None, **status: Any
) -> dict[str, Any]:
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "db", "generation": 2},
        "spec": {"replicas": 3, "updateStrategy": strategy or {"type": "RollingUpdate"}, **(spec or {})},
        "status": {"observedGeneration": 2, "currentRevision": "db-2", "updateRevision": "db-2", **status},
    }


def a_daemon_set(*, strategy: str = "RollingUpdate", **status: Any) -> dict[str, Any]:
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "generation": 2},
        "spec": {"updateStrategy": {"type": strategy}},
        "status": {"observedGeneration": 2, **status},
    }


def a_pool_of_none(**status: Any) -> dict[str, Any]:
    daemon_set = a_daemon_set(**status)
    daemon_set["metadata"]["annotations"] = {"slipway.dev/nodes": "may-be-none"}
    return daemon_set


NO_NODE = (
    "no node is to have a pod of it, so nothing runs (add nodes, or ask for less; an autoscaler may be adding one)"
)


def a_job(*conditions: tuple[str, str, str], spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    listed = [
        {"type": kind, "status": "True", "reason": reason, "message": message} for kind, reason, message in conditions
    ]
    return {"kind": "Job", "metadata": {"name": "t"}, "spec": spec or {}, "status": {"conditions": listed, **status}}


@pytest.mark.parametrize(
    ("live", "state", "reason"),
    [
        (a_deployment(**COMPLETE), DONE, "3 of 3 pods are available"),
        (a_deployment(generation=3, **COMPLETE), WAITING, "the new spec is not observed yet"),
        (a_deployment() | {"status": {}}, WAITING, "the new spec is not observed yet"),
        (
            a_deployment(spec={"paused": True}, **COMPLETE),
            WAITING,
            "the Deployment is paused (let it go on with: kubectl rollout resume)",
        ),
        (a_deployment(replicas=3, updatedReplicas=1), WAITING, "1 of 3 pods have the new template"),
        (a_deployment(replicas=5, updatedReplicas=3, availableReplicas=3), WAITING, "2 old pods are not gone yet"),
        (
            a_deployment(replicas=3, updatedReplicas=3, availableReplicas=2),
            WAITING,
            "2 of 3 new pods are available",
        ),
        (a_deployment(spec={"replicas": 0}), DONE, "0 of 0 pods are available"),
        (
            a_deployment(spec={"replicas": None}, replicas=1, updatedReplicas=1, availableReplicas=1),
            DONE,
            "1 of 1 pods are available",
        ),
        (
            a_deployment(spec={"progressDeadlineSeconds": 60}, conditions=[deadline_exceeded()], replicas=3),
            FAILED,
            'ProgressDeadlineExceeded: ReplicaSet "web-new" has timed out progressing. '
            "(release again, or set more time; without the field `rollout_within` counts)",
        ),
        (
            a_deployment(spec={"progressDeadlineSeconds": 600}, conditions=[deadline_exceeded()], replicas=3),
            WAITING,
            "0 of 3 pods have the new template",
        ),
        (a_deployment(conditions=[deadline_exceeded()], replicas=3), WAITING, "0 of 3 pods have the new template"),
        (
            a_deployment(spec={"progressDeadlineSeconds": 60}, conditions=[deadline_exceeded()], **COMPLETE),
            DONE,
            "3 of 3 pods are available",
        ),
        (
            a_deployment(conditions=[PROGRESSED], **COMPLETE),
            DONE,
            "3 of 3 pods are available",
        ),
    ],
)
def test_a_deployment_is_judged_as_kubectl_does(live: dict[str, Any], state: ProgressState, reason: str) -> None:
    verdict = deployment(live)
    assert (verdict.state, verdict.reason) == (state, reason)


SHORT = {"progressDeadlineSeconds": 60}


def test_a_deadline_exceeded_by_the_newest_replica_set_is_a_failure_with_its_pods_reason() -> None:
    live = a_deployment(spec=SHORT, conditions=[deadline_exceeded("web-new")], replicas=3)
    evidence = WorkloadEvidence(
        replica_set=a_replica_set("web-new"), pods=(a_pod("CreateContainerConfigError", message="no x"),)
    )
    verdict = deployment(live, evidence)
    assert verdict.state is FAILED
    assert "ProgressDeadlineExceeded" in verdict.reason
    assert "CreateContainerConfigError: no x" in verdict.reason


def test_a_deadline_exceeded_by_the_former_replica_set_does_not_fail_the_rollout() -> None:
    live = a_deployment(spec=SHORT, conditions=[deadline_exceeded("web-former")], replicas=3, updatedReplicas=1)
    verdict = deployment(live, WorkloadEvidence(replica_set=a_replica_set("web-new")))
    assert (verdict.state, verdict.reason) == (WAITING, "1 of 3 pods have the new template")


def test_a_replica_set_that_cannot_make_pods_is_waited_for_with_the_reason() -> None:
    evidence = WorkloadEvidence(replica_set=a_replica_set(fails='pods "web-1" is forbidden: exceeded quota'))
    verdict = deployment(a_deployment(replicas=3), evidence)
    assert verdict.state is WAITING
    assert 'no pod can be created: pods "web-1" is forbidden: exceeded quota' in verdict.reason


def test_a_reason_in_both_a_replica_set_and_its_events_is_given_once() -> None:
    events = (
        Holdup(situation=Situation.NO_POD, text='ReplicaSet/web: FailedCreate: pods "web-2": exceeded quota'),
        Holdup(situation=Situation.OTHER, text="Pod/web-0: Unhealthy: probe failed"),
    )
    evidence = WorkloadEvidence(replica_set=a_replica_set(fails="exceeded quota"), hints=events)
    reason = deployment(a_deployment(replicas=3, updatedReplicas=2), evidence).reason
    assert (reason.count("exceeded quota"), "Unhealthy" in reason) == (1, True)


def test_a_replica_failure_of_the_deployment_alone_does_not_fail_the_rollout() -> None:
    condition = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}
    live = a_deployment(conditions=[condition], replicas=3, updatedReplicas=2)
    assert deployment(live, WorkloadEvidence(replica_set=a_replica_set())).state is WAITING


ABSENT = 'failed to resolve reference "r/web@sha256:0": r/web@sha256:0: not found'


@pytest.mark.parametrize(
    ("reason", "message", "state"),
    [("ImagePullBackOff", ABSENT, HOPELESS), ("InvalidImageName", "no such thing", FAILED)],
)
def test_a_pod_that_only_another_release_can_mend_decides_the_verdict_of_any_workload(
    reason: str, message: str, state: ProgressState
) -> None:
    evidence = WorkloadEvidence(pods=(a_pod(reason, message=message),))
    for verdict in of_every_kind(evidence):
        assert verdict.state is state
        assert verdict.reason.startswith(f"pod web-1, container web: {reason}: {message} (")


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("ImagePullBackOff", "429 Too Many Requests"),
        ("CreateContainerConfigError", 'secret "web" not found'),
        ("CreateContainerError", "the mount is busy"),
    ],
)
def test_a_pod_that_may_still_start_is_waited_for_and_reported_for_any_workload(reason: str, message: str) -> None:
    evidence = WorkloadEvidence(pods=(a_pod(reason, message=message),))
    for verdict in of_every_kind(evidence):
        assert verdict.state is WAITING
        assert f"pod web-1, container web: {reason}: {message} (" in verdict.reason


def of_every_kind(evidence: WorkloadEvidence) -> tuple[WorkloadVerdict, ...]:
    return (
        deployment(a_deployment(replicas=3), evidence),
        stateful_set(a_stateful_set(), evidence),
        daemon_set(a_daemon_set(desiredNumberScheduled=2), evidence),
        job(a_job(), evidence),
    )


def test_a_single_failed_pull_is_not_a_failure_but_it_is_reported() -> None:
    verdict = deployment(
        a_deployment(replicas=3), WorkloadEvidence(pods=(a_pod("ErrImagePull", message="connection reset"),))
    )
    assert verdict.state is WAITING
    assert "ErrImagePull: connection reset" in verdict.reason


def test_pods_do_not_matter_to_a_workload_that_is_done() -> None:
    assert deployment(a_deployment(**COMPLETE), WorkloadEvidence(pods=(a_pod("InvalidImageName"),))).state is DONE


def test_pods_do_not_matter_before_the_new_spec_is_observed() -> None:
    assert deployment(a_deployment(generation=3), WorkloadEvidence(pods=(a_pod("InvalidImageName"),))).state is WAITING


ALL_THREE: dict[str, Any] = {"readyReplicas": 3, "updatedReplicas": 3, "availableReplicas": 3}


@pytest.mark.parametrize(
    ("live", "state", "reason"),
    [
        (a_stateful_set(**ALL_THREE), DONE, "3 of 3 pods are ready"),
        (a_stateful_set(**ALL_THREE, observedGeneration=1), WAITING, "the new spec is not observed yet"),
        (a_stateful_set(readyReplicas=3, updatedReplicas=1), WAITING, "1 of 3 pods have the new template"),
        (a_stateful_set(readyReplicas=2, updatedReplicas=3), WAITING, "2 of 3 pods are ready"),
        (
            a_stateful_set(**ALL_THREE, currentRevision="db-1"),
            WAITING,
            "not all pods have the newest revision",
        ),
        (
            a_stateful_set(**{**ALL_THREE, "availableReplicas": 2}, spec={"minReadySeconds": 10}),
            WAITING,
            "2 of 3 pods have been ready for long enough",
        ),
        (
            a_stateful_set(
                strategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
                **{**ALL_THREE, "updatedReplicas": 1},
                currentRevision="db-1",
            ),
            DONE,
            "3 of 3 pods are ready",
        ),
        (
            a_stateful_set(
                strategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 2}},
                **{**ALL_THREE, "updatedReplicas": 0},
            ),
            WAITING,
            "0 of 1 pods have the new template",
        ),
        (a_stateful_set(spec={"replicas": 0}, currentRevision="db-1"), DONE, "0 of 0 pods are ready"),
        (a_stateful_set(strategy={"type": "OnDelete"}, **ALL_THREE), DONE, "3 of 3 pods have the new template"),
    ],
)
def test_a_stateful_set_is_done_when_its_revisions_are_equal_too(
    live: dict[str, Any], state: ProgressState, reason: str
) -> None:
    verdict = stateful_set(live)
    assert (verdict.state, verdict.reason) == (state, reason)


@pytest.mark.parametrize(
    ("live", "state", "reason"),
    [
        (
            a_daemon_set(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=2),
            DONE,
            "2 of 2 nodes have an available pod",
        ),
        (
            a_daemon_set(desiredNumberScheduled=2, updatedNumberScheduled=1, numberAvailable=2),
            WAITING,
            "1 of 2 pods have the new template",
        ),
        (
            a_daemon_set(desiredNumberScheduled=2, updatedNumberScheduled=2, numberAvailable=1),
            WAITING,
            "1 of 2 pods are available",
        ),
        (a_daemon_set(observedGeneration=1), WAITING, "the new spec is not observed yet"),
        (a_daemon_set(desiredNumberScheduled=0), WAITING, NO_NODE),
        (a_daemon_set(strategy="OnDelete", desiredNumberScheduled=0), WAITING, NO_NODE),
        (a_pool_of_none(desiredNumberScheduled=0), DONE, "0 of 0 nodes have an available pod"),
        (a_pool_of_none(desiredNumberScheduled=1), WAITING, "0 of 1 pods have the new template"),
    ],
)
def test_a_daemon_set_is_done_when_every_node_has_a_new_available_pod(
    live: dict[str, Any], state: ProgressState, reason: str
) -> None:
    verdict = daemon_set(live)
    assert (verdict.state, verdict.reason) == (state, reason)


def test_the_on_delete_strategy_waits_for_somebody_to_delete_the_pods_and_says_so() -> None:
    for verdict in (
        stateful_set(a_stateful_set(strategy={"type": "OnDelete"}, readyReplicas=3)),
        daemon_set(a_daemon_set(strategy="OnDelete", desiredNumberScheduled=1)),
    ):
        assert verdict.state is WAITING
        assert "use RollingUpdate" in verdict.reason


@pytest.mark.parametrize(
    ("live", "state", "reason"),
    [
        (a_job(("Complete", "CompletionsReached", "all pods succeeded")), DONE, "all pods succeeded"),
        (a_job(("Complete", "", "")), DONE, "the Job is complete"),
        (
            a_job(("Failed", "BackoffLimitExceeded", "too many")),
            FAILED,
            "BackoffLimitExceeded: too many (read why, correct it and release again)",
        ),
        (a_job(("Failed", "", "")), FAILED, "the Job failed (read why, correct it and release again)"),
        (a_job(("FailureTarget", "DeadlineExceeded", "late"), active=1), WAITING, "1 pods active"),
        (a_job(("SuccessCriteriaMet", "", ""), active=1), WAITING, "1 pods active"),
        (a_job(active=1, failed=2), WAITING, "1 pods active, 2 failed"),
        (a_job(spec={"suspend": True}), WAITING, "the Job is suspended (let it go on by setting its suspend to false)"),
        (a_job() | {"status": None}, WAITING, "0 pods active"),
    ],
)
def test_a_job_ends_with_complete_or_failed_and_nothing_else(
    live: dict[str, Any], state: ProgressState, reason: str
) -> None:
    verdict = job(live)
    assert (verdict.state, verdict.reason) == (state, reason)


def verdict_of(state: ProgressState, reason: str) -> WorkloadVerdict:
    return WorkloadVerdict(state=state, situation=Situation.OTHER, reason=reason)


@pytest.mark.parametrize("worst", [FAILED, HOPELESS])
def test_one_failure_fails_the_rollout_and_is_named(worst: ProgressState) -> None:
    verdicts = [("Deployment/a", verdict_of(DONE, "fine")), ("Deployment/b", verdict_of(WAITING, "slow"))]
    assert overall_state([*verdicts, ("Deployment/c", verdict_of(worst, "broken"))]) == (worst, "Deployment/c: broken")


def test_a_rollout_waits_for_the_last_workload() -> None:
    verdicts = [("Deployment/a", verdict_of(DONE, "fine")), ("Deployment/b", verdict_of(WAITING, "slow"))]
    assert overall_state(verdicts) == (WAITING, "Deployment/b: slow")


def test_only_three_of_many_reasons_are_shown() -> None:
    _, reason = overall_state((f"Deployment/{n}", verdict_of(WAITING, "slow")) for n in range(5))
    assert reason == "Deployment/0: slow; Deployment/1: slow; Deployment/2: slow (and 2 more)"


def test_manifests_without_workloads_are_rolled_out_at_once() -> None:
    assert overall_state([]) == (DONE, "there is nothing to wait for")
