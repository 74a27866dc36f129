"""Verify: run the HTTP probes and the acceptance Job, and store the Job's log as evidence."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...clock import Clock
from ...domain.environment import Environment
from ...domain.errors import UnknownName, present
from ...domain.failing_tests import failing_tests, first_names
from ...domain.model import Record
from ...domain.plan import Plan
from ...domain.release import Evidence
from ...domain.rules import Rule
from ...domain.secrets import without_secrets
from ...domain.signing import KeysUnavailable
from ...domain.steps import StartedJob
from ...effects.cluster import Cluster, ClusterError, JobState, ProgressState
from ..outcome import Finished, Outcome, Requeue, failed, passed
from ..run_step import Work
from .clients import Clients
from .cluster_errors import outcome_after
from .plan import PlanLost, plan_of
from .rollout import fenced_target, outlasted, pause_before


class VerificationResult(Record):
    """The evidence of a verification."""

    evidence: tuple[Evidence, ...]
    rules: tuple[str, ...] | None = None
    """Names of the rules because of which the tests' own verdict does not count."""


def verify(clients: Clients, clock: Clock, work: Work) -> Outcome:
    environment = work.environment
    if environment is None:
        return failed(f"the environment {work.step.environment!r} is no longer one of the application's")
    try:
        plan = plan_of(clients, work)
        cluster = clients.cluster(plan.cluster)
        return _Verification(
            clients=clients, cluster=cluster, environment=environment, plan=plan, work=work, now=clock()
        ).outcome()
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except (ClusterError, KeysUnavailable) as error:
        return outcome_after(error, begun=True)


@dataclass(frozen=True, kw_only=True)
class _Verification:
    """One look at the tests of a rollout."""

    clients: Clients
    cluster: Cluster
    environment: Environment
    plan: Plan
    work: Work
    now: datetime

    @property
    def is_late(self) -> bool:
        return self.now - self.work.step.asked_at > self.environment.verification.within

    def outcome(self) -> Outcome:
        probes = tuple(
            _probe(self.cluster, self.environment, index) for index in range(len(self.environment.verification.http))
        )
        if not all(probe.passed for probe in probes):
            # A Service needs a moment to route to new pods, so a failing probe counts only once its time is up.
            reason = next(probe.summary for probe in probes if not probe.passed)
            if not self.is_late:
                return Requeue(after=pause_before(self.work.step.poll), reason=reason)
            return _finished(probes, reason)
        if self.plan.verification is None:
            if why := self.cluster.answered_by_others(self.plan.manifests, self.plan.namespace, None):
                return _misled(probes, why)
            return _finished(probes, "all probes passed")
        return self._of_job(probes)

    def _of_job(self, probes: tuple[Evidence, ...]) -> Outcome:
        step = self.work.step
        manifest = job_of(present(self.plan.verification, f"the acceptance Job of {step.id}"), step.attempt)
        started = step.seen.job
        if started is None:
            return self._start(manifest)
        state = self._state(started, manifest)
        findings, over = outlasted(step.seen, state.state, self.now)
        is_open = state.state is not ProgressState.DONE and not over
        if is_open and not self.is_late:
            return Requeue(after=pause_before(step.poll), reason=state.reason, seen=findings)
        job = self._evidence(started, state)
        if state.foreign:
            return _misled((*probes, job), state.reason)
        within = self.environment.verification.within
        reason = f"the acceptance tests did not end within {within}" if is_open else job.summary
        return _finished((*probes, job), reason)

    def _start(self, manifest: dict[str, Any]) -> Requeue:
        """Start our Job. Its identity is kept before it is asked anything; if that is lost, the tests run once more."""
        self.work.hold()
        started = fenced_target(self.clients, self.work, self.plan).writes.start_job(manifest)
        step = self.work.step
        findings = step.seen.evolve(job=started)
        return Requeue(after=pause_before(step.poll), reason=f"Job {started.name} was started", seen=findings)

    def _state(self, started: StartedJob, manifest: dict[str, Any]) -> JobState:
        """The state of our Job, which failed if others could have answered its tests."""
        cluster, plan = self.cluster, self.plan
        state = cluster.job(started, manifest, plan.namespace, plan.injected)
        if state.state is ProgressState.DONE and (
            why := cluster.answered_by_others(plan.manifests, plan.namespace, state.began)
        ):
            return state.evolve(state=ProgressState.FAILED, reason=why, foreign=True)
        return state

    def _evidence(self, started: StartedJob, state: JobState) -> Evidence:
        log = without_secrets(self.cluster.job_log(started, self.plan.namespace))
        return Evidence(
            name="acceptance",
            environment=self.environment.name,
            passed=state.state is ProgressState.DONE,
            summary=_summary(state.reason, log),
            log=self.clients.blobs.put(log.encode(), "text/plain; charset=utf-8"),
        )


def _misled(evidence: tuple[Evidence, ...], why: str) -> Finished:
    """A probe or Job was answered by something other than the release or its tests."""
    broken = Rule.TESTS_RAN_AS_PLANNED.fails(why)
    return failed(f"{broken.name}: {broken.reason}", VerificationResult(evidence=evidence, rules=(broken.name,)))


def job_of(planned: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The plan's Job, renamed for one attempt: a Kubernetes Job runs only once."""
    metadata = planned["metadata"]
    return {**planned, "metadata": {**metadata, "name": f"{metadata['name']}-{attempt}"}}


def _probe(cluster: Cluster, environment: Environment, index: int) -> Evidence:
    probe = environment.verification.http[index]
    result = cluster.probe(probe, environment.namespace)
    return Evidence(
        name=f"GET {probe.service}:{probe.port}{probe.path}"[:128],
        environment=environment.name,
        passed=result.passed,
        summary=result.reason[:2000],
    )


def _summary(reason: str, log: str) -> str:
    """The Job's reason with the tests that failed, or else the last line of its log, which usually tells more."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    more = first_names(failing_tests(log)) or (lines[-1] if lines else "")
    return (f"{reason}: {more}" if more else reason)[:500]


def _finished(evidence: tuple[Evidence, ...], reason: str) -> Finished:
    result = VerificationResult(evidence=evidence)
    return passed(result, reason) if all(item.passed for item in evidence) else failed(reason, result)
