"""Verify: run the HTTP probes and the acceptance Job, and store the Job's log as evidence."""

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
from ...effects.cluster import Cluster, ClusterError, ProgressState
from ..outcome import Finished, Outcome, Requeue, failed, passed
from ..run_step import Work
from .clients import Clients
from .cluster_errors import after
from .plan import PlanLost, plan_of
from .rollout import fenced, outlasted, pause_before


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
        return _verify(clients, environment, plan, clock, work)
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except (ClusterError, KeysUnavailable) as error:
        return after(error, begun=True)


def _verify(clients: Clients, environment: Environment, plan: Plan, clock: Clock, work: Work) -> Outcome:
    cluster = clients.cluster(plan.cluster)
    now = clock()
    late = now - work.step.asked_at > environment.verification.within
    probes = tuple(_probe(cluster, environment, index) for index in range(len(environment.verification.http)))
    if not all(probe.passed for probe in probes):
        # A Service needs a moment to route to new pods, so a failing probe counts only once its time is up.
        reason = next(probe.summary for probe in probes if not probe.passed)
        if not late:
            return Requeue(after=pause_before(work.step.poll), reason=reason)
        return _finished(probes, reason)
    if plan.verification is None:
        if why := cluster.answered_by_others(plan.manifests, plan.namespace, None):
            return _misled(probes, why)
        return _finished(probes, "all probes passed")
    return _job(clients, cluster, environment, plan, probes, late=late, work=work, now=now)


def _job(
    clients: Clients,
    cluster: Cluster,
    environment: Environment,
    plan: Plan,
    probes: tuple[Evidence, ...],
    *,
    late: bool,
    work: Work,
    now: datetime,
) -> Outcome:
    step = work.step
    job_manifest = job_of(present(plan.verification, f"the acceptance Job of {step.id}"), step.attempt)
    started = step.seen.job
    if started is None:
        work.hold()
        # Our Job's identity is kept before the Job is asked anything. If it is lost, the tests run once more.
        started = fenced(clients, work, plan).writes.start_job(job_manifest)
        seen = step.seen.evolve(job=started)
        return Requeue(after=pause_before(step.poll), reason=f"Job {started.name} was started", seen=seen)
    state = cluster.job(started, job_manifest, plan.namespace, plan.injected)
    if state.state is ProgressState.DONE and (
        why := cluster.answered_by_others(plan.manifests, plan.namespace, state.began)
    ):
        state = state.evolve(state=ProgressState.FAILED, reason=why, foreign=True)
    seen, over = outlasted(step.seen, state.state, now)
    is_open = state.state is not ProgressState.DONE and not over
    if is_open and not late:
        return Requeue(after=pause_before(step.poll), reason=state.reason, seen=seen)
    log = without_secrets(cluster.job_log(started, plan.namespace))
    job = Evidence(
        name="acceptance",
        environment=environment.name,
        passed=state.state is ProgressState.DONE,
        summary=_summary(state.reason, log),
        log=clients.blobs.put(log.encode(), "text/plain; charset=utf-8"),
    )
    if state.foreign:
        return _misled((*probes, job), state.reason)
    if is_open:
        return _finished((*probes, job), f"the acceptance tests did not end within {environment.verification.within}")
    return _finished((*probes, job), job.summary)


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
