"""Jobs of one attempt, their logs, and HTTP probes."""

import copy
from contextlib import closing
from typing import Any

import pytest

from slipway.catalogue.rendering import labelled_object
from slipway.domain.around import Side
from slipway.domain.environment import HttpProbe
from slipway.domain.steps import StartedJob
from slipway.effects.cluster import ObjectConflict, ObjectRefused, OnceState, Owner, ProgressState
from slipway.effects.cluster.connection import Connection
from slipway.manifests.around import job_around

from . import manifests as m
from .conftest import Place

HOPELESS = ProgressState.HOPELESS


def test_each_start_is_a_job_of_its_own_under_a_name_that_nobody_can_foretell(place: Place) -> None:
    manifest = m.job("attempt-1", prints="12 passed")
    first, second = (place.start_job(manifest) for _ in range(2))
    assert first.name != second.name
    assert first.uid != second.uid
    assert first.name.startswith("attempt-1-")
    assert place.end_of_job(second, manifest) is ProgressState.DONE
    assert place.cluster.job_log(second, place.namespace) == "12 passed\n"


def test_a_failed_job_has_a_reason_and_a_log(place: Place) -> None:
    manifest = m.job("attempt-1", prints="1 failed", fails=True)
    started = place.start_job(manifest)
    assert place.end_of_job(started, manifest) is ProgressState.FAILED
    state = place.cluster.job(started, manifest, place.namespace)
    assert (state.reason.partition(":")[0], state.foreign) == ("BackoffLimitExceeded", False)
    assert place.cluster.job_log(started, place.namespace) == "1 failed\n"


def test_a_job_whose_image_does_not_exist_looks_hopeless_before_its_deadline(place: Place) -> None:
    manifest = m.job("attempt-1")
    manifest["spec"]["template"]["spec"]["containers"][0]["image"] = f"{m.PAUSE}:{m.BAD_TAG}"
    started = place.start_job(manifest)
    assert place.end_of_job(started, manifest) is ProgressState.HOPELESS
    assert "ImagePullBackOff" in place.cluster.job(started, manifest, place.namespace).reason
    assert place.cluster.job_log(started, place.namespace).startswith("[read the log of ")


def test_the_end_of_a_long_log_is_kept(place: Place) -> None:
    manifest = m.job("attempt-1", prints="\n".join(f"test {n}" for n in range(100)))
    started = place.start_job(manifest)
    assert place.end_of_job(started, manifest) is ProgressState.DONE
    log = place.cluster.job_log(started, place.namespace, limit_bytes=24)
    assert log == "[cut: only the last 16 bytes are kept]\ntest 98\ntest 99\n"


def test_a_log_that_is_json_is_text(place: Place) -> None:
    manifest = m.job("attempt-1", prints='{"passed": 3}')
    started = place.start_job(manifest)
    assert place.end_of_job(started, manifest) is ProgressState.DONE
    assert place.cluster.job_log(started, place.namespace) == '{"passed": 3}\n'


NOBODYS = StartedJob(name="none", uid="00000000-0000-4000-8000-000000000000")


def test_the_log_of_a_missing_job_says_that_it_has_no_pod(place: Place) -> None:
    assert place.cluster.job_log(NOBODYS, place.namespace).startswith("[no pod of Job none is in namespace")


def test_a_job_that_is_not_there_looks_hopeless(place: Place) -> None:
    assert place.cluster.job(NOBODYS, m.job("none"), place.namespace).state is ProgressState.HOPELESS


def test_a_foreign_job_under_the_name_of_ours_counts_as_failed(place: Place) -> None:
    manifest = m.job("attempt-1", fails=True)
    started = place.start_job(manifest)
    # A real controller may create no pod for a new Job of this name for minutes, if ours is deleted before the
    # controller saw its pod.
    assert place.end_of_job(started, manifest) is ProgressState.FAILED
    job = f"/apis/batch/v1/namespaces/{place.namespace}/jobs"
    replacement = m.job(started.name, prints="12 passed")
    with closing(Connection(place.access)) as developer:
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        developer.send("DELETE", f"{job}/{started.name}", what="delete our Job", body=options)
        place.settle(
            lambda: place.cluster.job(started, manifest, place.namespace).state, until=lambda s: s is HOPELESS
        )  # it is gone
        developer.send("POST", job, what="make theirs", body=replacement)
    assert place.rolled_out(replacement) is ProgressState.DONE, "the cluster says that it succeeded"
    state = place.cluster.job(started, manifest, place.namespace)
    assert (state.state, state.foreign) == (ProgressState.FAILED, True)
    assert state.reason.startswith(f"Job {started.name} was replaced: Slipway created {started.uid}, but ")
    assert "12 passed" not in place.cluster.job_log(started, place.namespace)


def test_a_job_whose_pod_does_not_run_as_planned_counts_as_failed(place: Place) -> None:
    planned, actual = m.job("attempt-1", prints="12 passed"), m.job("attempt-1", prints="13 passed")
    started = place.start_job(actual)
    assert place.end_of_job(started, actual) is ProgressState.DONE
    state = place.cluster.job(started, planned, place.namespace)
    assert (state.state, state.foreign) == (ProgressState.FAILED, True)
    assert state.reason.endswith("is not as the plan has it: container test differs in command")


def test_an_object_that_is_not_a_job_is_not_started_as_one(place: Place) -> None:
    with pytest.raises(ObjectRefused, match=r"Deployment/web-[0-9a-f]{8}: kind: expected a Job, got Deployment"):
        place.start_job(m.deployment())


def around(name: str, **job: Any) -> m.Json:
    """A Job before a rollout, as it is in a plan."""
    marked_job = labelled_object(m.job(name, **job), application="shop", environment="staging", release=None)
    return job_around(marked_job, side=Side.BEFORE, release="shop-7", environment="staging")


def run_to_end(place: Place, manifest: m.Json, **options: Any) -> OnceState:
    return place.settle(
        lambda: place.fenced().run_once(manifest, **options),
        until=lambda progress: progress.state is not ProgressState.WAITING,
    )


def test_a_job_around_a_rollout_is_made_once_and_seen_to_its_end(place: Place) -> None:
    manifest = around("migrate", prints="12 tables moved")
    first = place.fenced().run_once(manifest)
    assert first.state is ProgressState.WAITING
    finished = run_to_end(place, manifest, uid=first.uid)
    assert (finished.uid, finished.state) == (first.uid, ProgressState.DONE)
    again = place.fenced().run_once(manifest)  # as a worker that remembers nothing
    assert (again.uid, again.state) == (first.uid, ProgressState.DONE)
    assert (
        place.cluster.job_log(StartedJob(name=manifest["metadata"]["name"], uid=first.uid), place.namespace)
        == "12 tables moved\n"
    )


def test_a_job_that_failed_is_made_again_by_a_later_attempt_only(place: Place) -> None:
    manifest = around("migrate", fails=True)
    failed = run_to_end(place, manifest, attempt=1)
    assert failed.state is ProgressState.FAILED
    assert place.fenced().run_once(manifest, attempt=1) == failed
    assert place.fenced().run_once(manifest, earlier=failed.uid, attempt=2).uid != failed.uid


def test_a_job_that_was_made_and_is_gone_is_not_made_again(place: Place) -> None:
    manifest = around("migrate", seconds=60)
    first = place.fenced().run_once(manifest)
    assert place.fenced().withdraw_job(manifest, uid="another") is False
    assert place.settle(lambda: withdrawn(place, manifest, first.uid), until=bool)
    state = place.settle(
        lambda: place.fenced().run_once(manifest, uid=first.uid),
        until=lambda progress: progress.state is ProgressState.HOPELESS,
    )
    assert state.reason.startswith("it is not in the cluster")


def withdrawn(place: Place, manifest: m.Json, uid: str) -> bool:
    """Whether the Job was deleted; it was not if its status changed in between, and can be tried again."""
    try:
        return place.fenced().withdraw_job(manifest, uid=uid)
    except ObjectConflict:
        return False


@pytest.mark.parametrize("obstacle", ["nobody's", "another release's", "another program"])
def test_a_job_that_is_in_the_way_is_refused_by_its_name(place: Place, obstacle: str) -> None:
    manifest = around("migrate")
    live = copy.deepcopy(manifest)
    if obstacle == "nobody's":
        del live["metadata"]["labels"]
    elif obstacle == "another release's":
        live["metadata"]["annotations"]["slipway.dev/release"] = "shop-6"
    else:
        live["spec"]["template"]["spec"]["containers"][0]["command"] = ["true"]
    place.apply([live])
    with pytest.raises(ObjectRefused, match=rf"Job/{manifest['metadata']['name']} is there already, and "):
        place.fenced().run_once(manifest)
    with pytest.raises(ObjectRefused, match="is not the one that was made for this release"):
        place.fenced().run_once(manifest, uid="known")


def test_a_job_around_a_rollout_is_not_taken_for_an_object_that_left_the_manifests(place: Place) -> None:
    place.fenced().run_once(around("migrate"))
    departed = place.cluster.departed((), place.namespace, Owner.of("shop", "staging"))
    assert (departed.deletions, departed.staying) == ((), ())


def test_a_service_is_probed_through_the_api_server(place: Place) -> None:
    objects = m.web_server()
    place.apply(objects)
    assert place.rolled_out(*objects) is ProgressState.DONE
    probe = HttpProbe(service="echo", path="/echo?msg=hello", contains="hello")
    passed = place.settle(lambda: place.cluster.probe(probe, place.namespace), until=lambda progress: progress.passed)
    assert passed.status == 200
    wrong = place.cluster.probe(HttpProbe(service="echo", path="/echo?msg=hello", contains="goodbye"), place.namespace)
    assert (wrong.passed, wrong.status) == (False, 200)
    missing = place.cluster.probe(HttpProbe(service="echo", path="/nothing-here", status=200), place.namespace)
    assert not missing.passed


def test_a_service_that_is_not_there_is_a_failed_probe(place: Place) -> None:
    result = place.cluster.probe(HttpProbe(service="none"), place.namespace)
    assert not result.passed
    assert result.status in (404, 503)
