"""The limits that a Job of acceptance tests gets in a plan."""

from datetime import timedelta

from slipway.manifests.around import acceptance_job

TEN = timedelta(minutes=10)


def test_a_job_without_limits_gets_them() -> None:
    job = acceptance_job({"metadata": {"name": "t"}, "spec": {"template": {}}}, within=TEN, name="t-7")
    assert job["metadata"] == {"name": "t-7"}
    assert job["spec"] == {
        "backoffLimit": 0,
        "activeDeadlineSeconds": 600,
        "ttlSecondsAfterFinished": 86400,
        "template": {},
    }


def test_limits_that_a_job_states_are_kept() -> None:
    spec = {"backoffLimit": 2, "activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 0}
    assert acceptance_job({"metadata": {"name": "t"}, "spec": spec}, within=TEN, name="t-7")["spec"] == spec
