"""Jobs of one attempt, their logs, and HTTP probes."""

import pytest

from slipway.domain.environment import HttpProbe
from slipway.effects.cluster import ObjectRefused, ProgressState
from slipway.effects.cluster.connection import Connection

from . import manifests as m
from .conftest import Place


def test_a_job_runs_once_however_often_it_is_started(place: Place) -> None:
    wanted = m.job("attempt-1", says="12 passed")
    assert [place.cluster.start_job(wanted, place.namespace) for _ in range(3)] == [True, False, False]
    assert place.ended("attempt-1") is ProgressState.DONE
    assert place.cluster.job_log("attempt-1", place.namespace) == "12 passed\n"


def test_a_failed_job_tells_why_and_what_it_wrote(place: Place) -> None:
    place.cluster.start_job(m.job("attempt-1", says="1 failed", fails=True), place.namespace)
    assert place.ended("attempt-1") is ProgressState.FAILED
    assert place.cluster.job("attempt-1", place.namespace).reason.startswith("BackoffLimitExceeded")
    assert place.cluster.job_log("attempt-1", place.namespace) == "1 failed\n"


def test_a_job_without_limits_is_given_them(place: Place) -> None:
    wanted = m.job("attempt-1")
    del wanted["spec"]["backoffLimit"]
    place.cluster.start_job(wanted, place.namespace)
    connection = Connection(place.access)
    path = f"/apis/batch/v1/namespaces/{place.namespace}/jobs/attempt-1"
    spec = connection.send("GET", path, what="read the Job").body["spec"]
    connection.close()
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"], spec["ttlSecondsAfterFinished"]) == (0, 600, 86400)


def test_a_job_whose_image_does_not_exist_looks_hopeless_before_its_deadline(place: Place) -> None:
    wanted = m.job("attempt-1")
    wanted["spec"]["template"]["spec"]["containers"][0]["image"] = f"{m.PAUSE}:{m.BAD_TAG}"
    place.cluster.start_job(wanted, place.namespace)
    assert place.ended("attempt-1") is ProgressState.HOPELESS
    assert "ImagePullBackOff" in place.cluster.job("attempt-1", place.namespace).reason
    assert place.cluster.job_log("attempt-1", place.namespace).startswith("[read the log of ")


def test_the_end_of_a_long_log_is_kept(place: Place) -> None:
    place.cluster.start_job(m.job("attempt-1", says="\n".join(f"test {n}" for n in range(100))), place.namespace)
    assert place.ended("attempt-1") is ProgressState.DONE
    log = place.cluster.job_log("attempt-1", place.namespace, limit_bytes=24)
    assert log == "[cut: only the last 16 bytes are kept]\ntest 98\ntest 99\n"


def test_a_log_that_is_json_is_text(place: Place) -> None:
    place.cluster.start_job(m.job("attempt-1", says='{"passed": 3}'), place.namespace)
    assert place.ended("attempt-1") is ProgressState.DONE
    assert place.cluster.job_log("attempt-1", place.namespace) == '{"passed": 3}\n'


def test_the_log_of_a_job_that_is_not_there_says_so(place: Place) -> None:
    assert place.cluster.job_log("none", place.namespace).startswith("[no pod of Job none is in namespace")


def test_a_job_that_is_not_there_looks_hopeless(place: Place) -> None:
    assert place.cluster.job("none", place.namespace).state is ProgressState.HOPELESS


def test_anything_but_a_job_is_not_started(place: Place) -> None:
    with pytest.raises(ObjectRefused, match=r"Deployment/web: kind: expected a Job, got Deployment"):
        place.cluster.start_job(m.deployment(), place.namespace)


def test_a_service_is_probed_through_the_api_server(place: Place) -> None:
    wanted = m.web_server()
    place.cluster.apply(wanted, place.namespace)
    assert place.rolled_out(*wanted) is ProgressState.DONE
    probe = HttpProbe(service="echo", path="/echo?msg=hello", contains="hello")
    passed = place.settled(lambda: place.cluster.probe(probe, place.namespace), until=lambda seen: seen.passed)
    assert passed.status == 200
    wrong = place.cluster.probe(HttpProbe(service="echo", path="/echo?msg=hello", contains="goodbye"), place.namespace)
    assert (wrong.passed, wrong.status) == (False, 200)
    missing = place.cluster.probe(HttpProbe(service="echo", path="/nothing-here", status=200), place.namespace)
    assert not missing.passed


def test_a_service_that_is_not_there_is_a_failed_probe(place: Place) -> None:
    result = place.cluster.probe(HttpProbe(service="none"), place.namespace)
    assert not result.passed
    assert result.status in (404, 503)
