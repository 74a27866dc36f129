"""Before and after: run the plan's Jobs around a rollout, one after the other, each once.

A Job is created by the first message that reaches it; its uid travels with the following messages, and is part of the
record. A Job that succeeded in an earlier attempt of the release is not run again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from ...clock import Clock
from ...domain.around import JobRun, Side, time_of_job
from ...domain.errors import UnknownName, present
from ...domain.model import Record
from ...domain.order import TakenOrder
from ...domain.plan import Plan
from ...domain.rollouts import EVIDENCE_SUMMARY, Evidence
from ...domain.secrets import without_secrets
from ...domain.signing import KeysUnavailable
from ...domain.steps import EarlierFindings, ObservedJob
from ...effects.cluster import (
    Cluster,
    ClusterError,
    FencedCluster,
    Manifest,
    Missing,
    ObjectRefused,
    OnceState,
    ProgressState,
)
from ...effects.cluster.diagnosis import last_lines
from ..outcome import REASON_LIMIT, Outcome, Requeue, failed, passed
from ..run_step import Work
from .clients import Clients
from .cluster_errors import outcome_after
from .plan import PlanLost, plan_of
from .rollout import fenced_target, outlasted, pause_before

_SUMMARY = 300


class JobsRun(Record):
    """The outcomes of the Jobs on one side of a rollout."""

    jobs: tuple[JobRun, ...]
    taken: TakenOrder | None
    """The order under which they were made, and where; None if none was made."""
    evidence: tuple[Evidence, ...] = ()
    """The evidence of the Job that failed."""


@dataclass(frozen=True, kw_only=True)
class _Running:
    """The Jobs on one side of one rollout, while they run."""

    clients: Clients
    cluster: Cluster
    writes: FencedCluster
    plan: Plan
    side: Side
    work: Work
    now: datetime

    def outcome(self) -> Outcome:
        """Go through the Jobs up to the first that is not done yet."""
        findings = self.work.step.seen
        jobs = self.plan.jobs_on(self.side)
        for job in jobs:
            name = job["metadata"]["name"]
            if name in findings.done or (name in self.ran and self.ran[name].passed):
                continue
            try:
                findings, state = self._look(job, findings)
            except (ObjectRefused, Missing) as error:
                return failed(f"{error} (it runs {self.side} the rollout)", self._ran_by(findings))
            findings, over = outlasted(findings, state.state, self.now)
            late = self.now - _made_job(findings, name).at > time_of_job(job)
            if over or (late and state.state is not ProgressState.DONE):
                why = state.reason if over else f"it did not end within {time_of_job(job)}: {state.reason}"
                return self._failed(job, _made_job(findings, name), findings, state, why)
            if state.state is not ProgressState.DONE:
                return Requeue(
                    after=pause_before(self.work.step.poll), reason=f"Job {name}: {state.reason}", seen=findings
                )
            findings = findings.evolve(done=(*findings.done, name))
        return passed(self._ran_by(findings), f"all Jobs {self.side} the rollout are done")

    @property
    def ran(self) -> Mapping[str, JobRun]:
        """The outcomes of the Jobs in earlier attempts."""
        return self.work.release.job_runs_in(self.plan.environment)

    def _look(self, job: Manifest, seen: EarlierFindings) -> tuple[EarlierFindings, OnceState]:
        name = job["metadata"]["name"]
        made = next((each.uid for each in seen.jobs if each.name == name), "")
        earlier = self.ran[name].uid if name in self.ran else ""
        attempt = self.work.step.attempt
        injected = self.plan.injected
        state = self.writes.run_once(job, uid=made, earlier=earlier, attempt=attempt, injected=injected)
        if made:
            return seen, state
        return seen.evolve(jobs=(*seen.jobs, ObservedJob(name=name, uid=state.uid, at=self.now))), state

    def _ran_by(self, seen: EarlierFindings, *evidence: Evidence) -> JobsRun:
        order = self.work.step.order if seen.jobs else None
        plan = self.plan
        taken = TakenOrder(cluster=plan.cluster, namespace=plan.namespace, order=order) if order is not None else None
        return JobsRun(jobs=self._runs(seen), taken=taken, evidence=evidence)

    def _runs(self, seen: EarlierFindings) -> tuple[JobRun, ...]:
        return tuple(self._run(each, passed=each.name in seen.done) for each in seen.jobs)

    def _failed(self, job: Manifest, made: ObservedJob, seen: EarlierFindings, state: OnceState, why: str) -> Outcome:
        """The result of a failed Job. Its output is read now, before anybody deletes it; the Job itself stays for
        people to look at."""
        runs = self._runs(seen)
        if state.state is not ProgressState.FAILED and self.writes.withdraw_job(job, uid=made.uid):
            why = f"{why}; the Job was deleted, so that it does not run when nobody waits for it"
        summary = next((run.summary for run in runs if run.name == made.name), "")
        reason = f"Job {made.name}, which runs {self.side} the rollout: {why}"
        text = f"{reason[: REASON_LIMIT - len(summary) - 20]}{f'; it said: {summary}' if summary else ''}"
        evidence = Evidence(
            name=f"{self.side}: {made.name}",
            environment=self.plan.environment,
            passed=False,
            summary=text[:EVIDENCE_SUMMARY],
            log=next((run.log for run in runs if run.name == made.name), None),
        )
        return failed(text, self._ran_by(seen, evidence))

    def _run(self, made: ObservedJob, *, passed: bool) -> JobRun:
        log = without_secrets(self.cluster.job_log(made, self.plan.namespace))
        return JobRun(
            side=self.side,
            name=made.name,
            uid=made.uid,
            passed=passed,
            summary=without_secrets(last_lines(log))[-_SUMMARY:],
            log=self.clients.blobs.put(log.encode(), "text/plain; charset=utf-8"),
        )


def _made_job(seen: EarlierFindings, name: str) -> ObservedJob:
    return present(next((each for each in seen.jobs if each.name == name), None), f"the Job {name}, which was made")


def run_jobs(clients: Clients, clock: Clock, side: Side, work: Work) -> Outcome:
    try:
        plan = plan_of(clients, work)
        cluster = clients.cluster(plan.cluster)
        writes = fenced_target(clients, work, plan).writes
        return _Running(
            clients=clients, cluster=cluster, writes=writes, plan=plan, side=side, work=work, now=clock()
        ).outcome()
    except (PlanLost, UnknownName) as error:
        return failed(str(error))
    except (ClusterError, KeysUnavailable) as error:
        return outcome_after(error, begun=bool(work.step.seen.jobs) or side is Side.AFTER)
