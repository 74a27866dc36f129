"""Job: pods that run to their end, with retries, a deadline and a time after which the Job is removed."""

import time

from ..podinfo import condition, is_active, is_ready, is_terminating, moment, owned_pods, phase
from ..resources import JOBS, PODS, Json
from ..settings import Pace
from ..store import Store
from .common import create_pod

_ENDS = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


class Jobs:
    resource = JOBS

    def __init__(self, store: Store, pace: Pace) -> None:
        self._store = store
        self._pace = pace
        self._failed_at: dict[str, tuple[int, float]] = {}

    def reconcile(self, job: Json) -> None:
        if "deletionTimestamp" in job["metadata"]:
            return
        if _has_ended(job):
            self._expire(job)
        elif job["spec"].get("suspend"):
            self._suspend(job)
        elif (verdict := _verdict(job)) is not None:
            self._finish(job, verdict)
        else:
            self._run(job)

    # ---- running

    def _run(self, job: Json) -> None:
        pods = owned_pods(self._store, job)
        spec = job["spec"]
        succeeded = sum(phase(p) == "Succeeded" for p in pods)
        active = [p for p in pods if is_active(p)]
        if "startTime" not in (job.get("status") or {}):
            self._report(job, pods, [])
            return
        if (verdict := self._judge(job, pods, succeeded)) is not None:
            for pod in active:
                self._store.delete(PODS, pod)
            self._report(job, owned_pods(self._store, job), [verdict])
            return
        target = min(spec["parallelism"], spec["completions"] - succeeded)
        if len(active) < target and self._may_retry(job, pods):
            for _ in range(target - len(active)):
                create_pod(self._store, job, spec["template"], labels={})
        self._report(job, owned_pods(self._store, job), [])

    def _judge(self, job: Json, pods: list[Json], succeeded: int) -> Json | None:
        """The condition that decides the Job, if there is one."""
        spec = job["spec"]
        if succeeded >= spec["completions"]:
            text = "Reached expected number of succeeded pods"
            return self._condition("SuccessCriteriaMet", "CompletionsReached", text)
        failures = sum(phase(p) == "Failed" for p in pods) + sum(_restarts(p) for p in pods if phase(p) != "Failed")
        if failures > spec["backoffLimit"]:
            text = "Job has reached the specified backoff limit"
            return self._condition("FailureTarget", "BackoffLimitExceeded", text)
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            age = (self._store.clock() - moment(job["status"]["startTime"])).total_seconds()
            if age >= deadline:
                text = "Job was active longer than specified deadline"
                return self._condition("FailureTarget", "DeadlineExceeded", text)
        return None

    def _may_retry(self, job: Json, pods: list[Json]) -> bool:
        """After a failure the next pod waits, longer each time."""
        failed = sum(phase(p) == "Failed" for p in pods)
        if not failed:
            return True
        uid, now = job["metadata"]["uid"], time.monotonic()
        count, since = self._failed_at.get(uid, (0, now))
        if count != failed:
            since = now
            self._failed_at[uid] = (failed, now)
        return bool(now - since >= min(self._pace.backoff_first * 2 ** (failed - 1), self._pace.backoff_most))

    def _suspend(self, job: Json) -> None:
        for pod in owned_pods(self._store, job):
            if is_active(pod):
                self._store.delete(PODS, pod)
        suspended = self._condition("Suspended", "JobSuspended", "Job suspended")
        if condition(job, "Suspended") is None:
            self._store.set_status(JOBS, job, (job.get("status") or {}) | {"conditions": [suspended]})

    # ---- ending

    def _finish(self, job: Json, verdict: Json) -> None:
        """Once no pod is running any more, the Job is Complete or Failed."""
        pods = owned_pods(self._store, job)
        if any(is_active(p) or (is_terminating(p) and phase(p) not in ("Succeeded", "Failed")) for p in pods):
            return
        end = self._condition(_ENDS[verdict["type"]], verdict["reason"], verdict["message"])
        self._report(job, pods, [verdict, end])
        self._failed_at.pop(job["metadata"]["uid"], None)

    def _expire(self, job: Json) -> None:
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = next(c for c in job["status"]["conditions"] if c["type"] in _ENDS.values())
        if (self._store.clock() - moment(ended["lastTransitionTime"])).total_seconds() >= seconds:
            self._store.delete(JOBS, job)

    # ---- status

    def _condition(self, kind: str, reason: str, message: str) -> Json:
        now = self._store.timestamp()
        return {
            "type": kind,
            "status": "True",
            "reason": reason,
            "message": message,
            "lastProbeTime": now,
            "lastTransitionTime": now,
        }

    def _report(self, job: Json, pods: list[Json], conditions: list[Json]) -> None:
        previous = job.get("status") or {}
        ended = any(c["type"] in _ENDS.values() for c in conditions)
        active = [p for p in pods if is_active(p)]
        terminating = sum(is_terminating(p) and phase(p) in ("Pending", "Running") for p in pods)
        failed = max(
            previous.get("failed", 0), sum(phase(p) == "Failed" for p in pods) + (terminating if conditions else 0)
        )
        counts = {
            "active": len(active),
            "ready": sum(map(is_ready, active)),
            "terminating": terminating,
            "succeeded": sum(phase(p) == "Succeeded" for p in pods),
            "failed": failed,
        }
        status: Json = {k: v for k, v in counts.items() if v or k in ("ready", "terminating")}
        status["startTime"] = previous.get("startTime", self._store.timestamp())
        status["uncountedTerminatedPods"] = {}
        if conditions:
            status["conditions"] = conditions
        if ended and conditions[-1]["type"] == "Complete":
            status["completionTime"] = self._store.timestamp()
        self._store.set_status(JOBS, job, status)


def _has_ended(job: Json) -> bool:
    return any(condition(job, kind) is not None for kind in _ENDS.values())


def _verdict(job: Json) -> Json | None:
    return next((c for kind in _ENDS if (c := condition(job, kind)) is not None), None)


def _restarts(pod: Json) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(s["restartCount"] for s in statuses)
