"""The verify step: probes first, then the acceptance Job; what they say is kept as evidence."""

from dataclasses import replace
from datetime import timedelta

import pytest

from slipway.domain.release import Phase
from slipway.domain.steps import StepKind
from slipway.effects.cluster import JobState, ProbeResult, State, Unreachable
from slipway.flow.outcome import Finished, LookAgain, TryAgain
from slipway.flow.perform import Work
from slipway.flow.steps.verify import verify
from tests.unit.flow.house import House

REFUSED = ProbeResult(passed=False, status=503, reason="expected status 200, got 503")
WITHIN = timedelta(minutes=5)


@pytest.fixture
def work(house: House) -> Work:
    house.push("1.0")
    step = house.settle_at(StepKind.VERIFY, "staging")
    return Work(step=step, release=house.release(1), entry=house.catalogue.entries["shop"], renew=lambda: True)


def finished(house: House, work: Work) -> Finished:
    outcome = verify(house.places, house.time, work)
    assert isinstance(outcome, Finished)
    return outcome


def test_probes_and_the_job_pass_and_leave_evidence(house: House, work: Work) -> None:
    outcome = finished(house, work)
    assert outcome.passed
    probe, job = outcome.result["evidence"]
    assert (probe["name"], probe["passed"], probe["summary"]) == ("GET shop:80/healthz", True, "status 200")
    assert (job["name"], job["summary"]) == ("acceptance", "1 of 1 pods succeeded: 1 passed")
    assert house.reader.evidence(job["log"]) == b"1 test\n1 passed\n"
    house.performer.perform(work.step)
    assert [item.name for item in house.release(1).evidence] == ["GET shop:80/healthz", "acceptance"]


def test_a_probe_that_fails_is_asked_again_until_its_time_is_over(house: House, work: Work) -> None:
    house.staging.probes = [REFUSED, REFUSED]
    assert verify(house.places, house.time, work) == LookAgain(after=timedelta(milliseconds=300), reason=REFUSED.reason)
    assert house.staging.jobs_started == []
    house.time.wait(WITHIN + timedelta(seconds=1))
    outcome = finished(house, work)
    assert (outcome.passed, outcome.reason) == (False, REFUSED.reason)
    assert house.staging.jobs_started == []


def test_a_probe_that_passes_at_last_leads_on_to_the_job(house: House, work: Work) -> None:
    house.staging.probes = [REFUSED]
    assert isinstance(verify(house.places, house.time, work), LookAgain)
    assert finished(house, work).passed


def test_the_job_is_started_once_however_often_it_is_looked_at(house: House, work: Work) -> None:
    house.staging.job_ends = JobState(state=State.WAITING, reason="0 of 1 pods have ended")
    for _ in range(3):
        outcome = verify(house.places, house.time, work)
        assert outcome == LookAgain(after=timedelta(milliseconds=300), reason="0 of 1 pods have ended")
    assert len(house.staging.jobs_started) == 1


def test_another_attempt_at_the_same_plan_starts_a_job_of_its_own(house: House, work: Work) -> None:
    verify(house.places, house.time, work)
    again = replace(work, step=work.step.evolve(attempt=work.step.attempt + 1))
    verify(house.places, house.time, again)
    first, second = house.staging.jobs_started
    assert second != first


def test_a_job_that_does_not_end_in_time_fails_with_the_log_so_far(house: House, work: Work) -> None:
    house.staging.job_ends = JobState(state=State.WAITING, reason="0 of 1 pods have ended")
    verify(house.places, house.time, work)
    house.time.wait(WITHIN + timedelta(seconds=1))
    outcome = finished(house, work)
    assert (outcome.passed, outcome.reason) == (False, "the acceptance tests did not end within 0:05:00")
    assert house.reader.evidence(outcome.result["evidence"][1]["log"]) == b"1 test\n1 passed\n"


def test_a_job_that_fails_says_the_last_line_of_its_log_and_the_release_goes_no_further(
    house: House, work: Work
) -> None:
    house.staging.job_ends = JobState(state=State.FAILED, reason="the Job failed")
    house.staging.log = "test checkout\nAssertionError: expected 42 ж\n\n  \n"
    outcome = finished(house, work)
    assert (outcome.passed, outcome.reason) == (False, "the Job failed: AssertionError: expected 42 ж")
    house.performer.perform(work.step)
    house.settle()
    assert house.phase(1) is Phase.FAILED
    assert house.release(1).evidence[1].log is not None
    assert house.production.applied == 0


@pytest.mark.parametrize("log", ["", "\n\n", "x" * 100_000, "\x00\x1b[31mred\x1b[0m", "🚢" * 50_000])
def test_a_log_of_any_kind_is_kept_and_summed_up_shortly(house: House, work: Work, log: str) -> None:
    house.staging.log = log
    outcome = finished(house, work)
    assert outcome.passed
    assert house.reader.evidence(outcome.result["evidence"][1]["log"]) == log.encode()
    assert len(outcome.reason) <= 500
    house.performer.perform(work.step)
    assert house.phase(1) is Phase.PLANNING


def test_a_cluster_that_is_away_is_tried_again(house: House, work: Work) -> None:
    house.staging.errors.append(Unreachable("staging did not answer"))
    assert verify(house.places, house.time, work) == TryAgain(reason="staging did not answer")
