"""The verify step: probes first, then the acceptance Job; their results are kept as evidence."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from slipway.domain.actions import Action
from slipway.domain.release import Phase
from slipway.domain.secrets import without_secrets
from slipway.domain.steps import StepKind
from slipway.effects.cluster import ClusterUnreachable, JobState, ProbeResult, ProgressState
from slipway.engine.outcome import Finished, Requeue, Retry
from slipway.engine.run_step import Work
from slipway.engine.steps.verify import verify
from slipway.testing import Installation
from tests.beginnings import about_to, begun

REFUSED = ProbeResult(passed=False, status=503, reason="expected status 200, got 503")
WITHIN = timedelta(minutes=5)


ABOUT_TO_VERIFY = partial(about_to, StepKind.VERIFY, "staging")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return begun(ABOUT_TO_VERIFY, tmp_path)


@pytest.fixture
def work(installation: Installation) -> Work:
    step = installation.settle_at(StepKind.VERIFY, "staging")
    return Work(
        step=step, release=installation.release(1), entry=installation.app.catalogue.entries["shop"], renew=lambda: True
    )


def verify_to_the_end(installation: Installation, work: Work) -> Finished:
    """Run the step to its end. As with its messages, each poll gets what the one before it saw."""
    outcome = verify(installation.app.clients, installation.clock, work)
    if isinstance(outcome, Requeue) and outcome.seen is not None:
        work = replace(work, step=work.step.evolve(poll=work.step.poll + 1, seen=outcome.seen))
        outcome = verify(installation.app.clients, installation.clock, work)
    assert isinstance(outcome, Finished)
    return outcome


def work_after_start(installation: Installation, work: Work) -> Work:
    """The step's next poll, after its Job was started."""
    outcome = verify(installation.app.clients, installation.clock, work)
    assert isinstance(outcome, Requeue)
    assert outcome.seen is not None
    return replace(work, step=work.step.evolve(poll=work.step.poll + 1, seen=outcome.seen))


def test_probes_and_the_job_pass_and_leave_evidence(installation: Installation, work: Work) -> None:
    outcome = verify_to_the_end(installation, work)
    assert outcome.passed
    probe, job = outcome.result["evidence"]
    assert (probe["name"], probe["passed"], probe["summary"]) == ("GET shop:80/healthz", True, "status 200")
    assert (job["name"], job["summary"]) == ("acceptance", "1 of 1 pods succeeded: 1 passed")
    assert installation.app.reader.evidence(job["log"]) == b"1 test\n1 passed\n"
    installation.run_step(work_after_start(installation, work).step)
    assert [item.name for item in installation.release(1).evidence] == ["GET shop:80/healthz", "acceptance"]


def test_a_probe_that_fails_is_asked_again_until_its_time_is_over(installation: Installation, work: Work) -> None:
    installation.staging.probes = [REFUSED, REFUSED]
    assert verify(installation.app.clients, installation.clock, work) == Requeue(
        after=timedelta(milliseconds=300), reason=REFUSED.reason
    )
    assert installation.staging.jobs_started == []
    installation.wait(WITHIN + timedelta(seconds=1))
    outcome = verify_to_the_end(installation, work)
    assert (outcome.passed, outcome.reason) == (False, REFUSED.reason)
    assert installation.staging.jobs_started == []


def test_a_probe_that_passes_in_the_end_leads_on_to_the_job(installation: Installation, work: Work) -> None:
    installation.staging.probes = [REFUSED]
    assert isinstance(verify(installation.app.clients, installation.clock, work), Requeue)
    assert verify_to_the_end(installation, work).passed


def test_the_job_is_started_once_however_often_it_is_polled(installation: Installation, work: Work) -> None:
    installation.staging.job_ends = JobState(state=ProgressState.WAITING, reason="0 of 1 pods have ended")
    polling = work_after_start(installation, work)
    for _ in range(3):
        outcome = verify(installation.app.clients, installation.clock, polling)
        expected = Requeue(after=timedelta(milliseconds=700), reason="0 of 1 pods have ended", seen=polling.step.seen)
        assert outcome == expected
    assert len(installation.staging.jobs_started) == 1


def test_the_failing_test_is_named_and_no_secret_is_kept(installation: Installation, work: Work) -> None:
    installation.staging.job_ends = JobState(state=ProgressState.FAILED, reason="BackoffLimitExceeded")
    installation.staging.log = "DB_PASSWORD=hunter2\nFAILED tests/test_cart.py::test_total - assert 1 == 2\n1 failed\n"
    outcome = verify_to_the_end(installation, work)
    assert outcome.reason == "BackoffLimitExceeded: failed: tests/test_cart.py::test_total"
    assert b"hunter2" not in installation.app.reader.evidence(outcome.result["evidence"][1]["log"])


def test_another_attempt_at_the_same_plan_starts_a_job_of_its_own(installation: Installation, work: Work) -> None:
    verify(installation.app.clients, installation.clock, work)
    next_attempt = replace(work, step=work.step.evolve(attempt=work.step.attempt + 1))
    verify(installation.app.clients, installation.clock, next_attempt)
    first, second = installation.staging.jobs_started
    assert second != first


def test_a_job_that_does_not_end_in_time_fails_with_the_log_so_far(installation: Installation, work: Work) -> None:
    installation.staging.job_ends = JobState(state=ProgressState.WAITING, reason="0 of 1 pods have ended")
    polling = work_after_start(installation, work)
    installation.wait(WITHIN + timedelta(seconds=1))
    outcome = verify_to_the_end(installation, polling)
    assert (outcome.passed, outcome.reason) == (False, "the acceptance tests did not end within 0:05:00")
    assert installation.app.reader.evidence(outcome.result["evidence"][1]["log"]) == b"1 test\n1 passed\n"


def test_a_job_that_fails_says_the_last_line_of_its_log_and_the_release_goes_no_further(
    installation: Installation, work: Work
) -> None:
    installation.staging.job_ends = JobState(state=ProgressState.FAILED, reason="the Job failed")
    installation.staging.log = "test checkout\nAssertionError: expected 42 ж\n\n  \n"
    outcome = verify_to_the_end(installation, work)
    assert (outcome.passed, outcome.reason) == (False, "the Job failed: AssertionError: expected 42 ж")
    installation.run_step(work_after_start(installation, work).step)
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    assert installation.release(1).evidence[1].log is not None
    assert installation.production.applied == 0


@pytest.mark.parametrize("log", ["", "\n\n", "x" * 100_000, "\x00\x1b[31mred\x1b[0m", "🚢" * 50_000])
def test_a_log_of_any_kind_is_kept_and_summed_up_shortly(installation: Installation, work: Work, log: str) -> None:
    installation.staging.log = log
    outcome = verify_to_the_end(installation, work)
    assert outcome.passed
    assert installation.app.reader.evidence(outcome.result["evidence"][1]["log"]) == without_secrets(log).encode()
    assert len(outcome.reason) <= 500
    installation.run_step(work_after_start(installation, work).step)
    assert installation.phase(1) is Phase.PLANNING


def test_a_cluster_that_is_away_is_tried_again(installation: Installation, work: Work) -> None:
    installation.staging.errors.append(ClusterUnreachable("staging did not answer"))
    assert verify(installation.app.clients, installation.clock, work) == Retry(reason="staging did not answer")


@pytest.mark.parametrize(
    "reason",
    [
        "Job shop-1-staging-1 was replaced: Slipway created uid-0, but the Job there now is uid-9",
        "pod evil stands behind Service shop and does not belong to the release",
    ],
)
def test_tests_of_a_foreign_job_or_answered_by_a_foreign_pod_fail_the_release(
    installation: Installation, work: Work, reason: str
) -> None:
    if reason.startswith("Job"):
        installation.staging.job_ends = JobState(state=ProgressState.FAILED, reason=reason, foreign=True)
    else:
        installation.staging.answered_by = reason
    outcome = verify_to_the_end(installation, work)
    assert (outcome.passed, outcome.reason) == (False, f"tests-ran-as-planned: {reason}")
    assert outcome.result["evidence"][1]["passed"] is False
    installation.run_step(work_after_start(installation, work).step)
    installation.settle()
    assert installation.phase(1) is Phase.FAILED
    (record,) = [record for record in installation.trail() if record.action == Action.VERIFICATION_FAILED]
    assert record.details["rules"] == ["tests-ran-as-planned"]
    assert installation.production.applied == 0
