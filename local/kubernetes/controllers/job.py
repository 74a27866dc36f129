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

    def reconcile(self, thing: Json) -> None:
        if "deletionTimestamp" in thing["metadata"]:
            return
        if _ended(thing):
            self._expire(thing)
        elif thing["spec"].get("suspend"):
            self._suspend(thing)
        elif (verdict := _verdict(thing)) is not None:
            self._finish(thing, verdict)
        else:
            self._run(thing)

    # ---- running

    def _run(self, thing: Json) -> None:
        pods = owned_pods(self._store, thing)
        spec = thing["spec"]
        done = sum(phase(p) == "Succeeded" for p in pods)
        active = [p for p in pods if is_active(p)]
        if "startTime" not in (thing.get("status") or {}):
            self._report(thing, pods, [])
            return
        if (verdict := self._judge(thing, pods, done)) is not None:
            for pod in active:
                self._store.delete(PODS, pod)
            self._report(thing, owned_pods(self._store, thing), [verdict])
            return
        wanted = min(spec["parallelism"], spec["completions"] - done)
        if len(active) < wanted and self._may_retry(thing, pods):
            for _ in range(wanted - len(active)):
                create_pod(self._store, thing, spec["template"], labels={})
        self._report(thing, owned_pods(self._store, thing), [])

    def _judge(self, thing: Json, pods: list[Json], done: int) -> Json | None:
        """The condition that decides the Job, when there is one."""
        spec = thing["spec"]
        if done >= spec["completions"]:
            text = "Reached expected number of succeeded pods"
            return self._condition("SuccessCriteriaMet", "CompletionsReached", text)
        failures = sum(phase(p) == "Failed" for p in pods) + sum(_restarts(p) for p in pods if phase(p) != "Failed")
        if failures > spec["backoffLimit"]:
            text = "Job has reached the specified backoff limit"
            return self._condition("FailureTarget", "BackoffLimitExceeded", text)
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            age = (self._store.clock() - moment(thing["status"]["startTime"])).total_seconds()
            if age >= deadline:
                text = "Job was active longer than specified deadline"
                return self._condition("FailureTarget", "DeadlineExceeded", text)
        return None

    def _may_retry(self, thing: Json, pods: list[Json]) -> bool:
        """After a failure the next pod waits, longer each time."""
        failed = sum(phase(p) == "Failed" for p in pods)
        if not failed:
            return True
        uid, now = thing["metadata"]["uid"], time.monotonic()
        count, since = self._failed_at.get(uid, (0, now))
        if count != failed:
            since = now
            self._failed_at[uid] = (failed, now)
        return bool(now - since >= min(self._pace.backoff_first * 2 ** (failed - 1), self._pace.backoff_most))

    def _suspend(self, thing: Json) -> None:
        for pod in owned_pods(self._store, thing):
            if is_active(pod):
                self._store.delete(PODS, pod)
        suspended = self._condition("Suspended", "JobSuspended", "Job suspended")
        if condition(thing, "Suspended") is None:
            self._store.set_status(JOBS, thing, (thing.get("status") or {}) | {"conditions": [suspended]})

    # ---- ending

    def _finish(self, thing: Json, verdict: Json) -> None:
        """Once no pod runs any more, the Job is Complete or Failed."""
        pods = owned_pods(self._store, thing)
        if any(is_active(p) or (is_terminating(p) and phase(p) not in ("Succeeded", "Failed")) for p in pods):
            return
        end = self._condition(_ENDS[verdict["type"]], verdict["reason"], verdict["message"])
        self._report(thing, pods, [verdict, end])
        self._failed_at.pop(thing["metadata"]["uid"], None)

    def _expire(self, thing: Json) -> None:
        seconds = thing["spec"].get("ttlSecondsAfterFinished")
        if seconds is None:
            return
        ended = next(c for c in thing["status"]["conditions"] if c["type"] in _ENDS.values())
        if (self._store.clock() - moment(ended["lastTransitionTime"])).total_seconds() >= seconds:
            self._store.delete(JOBS, thing)

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

    def _report(self, thing: Json, pods: list[Json], conditions: list[Json]) -> None:
        before = thing.get("status") or {}
        ended = any(c["type"] in _ENDS.values() for c in conditions)
        active = [p for p in pods if is_active(p)]
        gone = sum(is_terminating(p) and phase(p) in ("Pending", "Running") for p in pods)
        failed = max(before.get("failed", 0), sum(phase(p) == "Failed" for p in pods) + (gone if conditions else 0))
        counts = {
            "active": len(active),
            "ready": sum(map(is_ready, active)),
            "terminating": gone,
            "succeeded": sum(phase(p) == "Succeeded" for p in pods),
            "failed": failed,
        }
        status: Json = {k: v for k, v in counts.items() if v or k in ("ready", "terminating")}
        status["startTime"] = before.get("startTime", self._store.timestamp())
        status["uncountedTerminatedPods"] = {}
        if conditions:
            status["conditions"] = conditions
        if ended and conditions[-1]["type"] == "Complete":
            status["completionTime"] = self._store.timestamp()
        self._store.set_status(JOBS, thing, status)


def _ended(thing: Json) -> bool:
    return any(condition(thing, kind) is not None for kind in _ENDS.values())


def _verdict(thing: Json) -> Json | None:
    return next((c for kind in _ENDS if (c := condition(thing, kind)) is not None), None)


def _restarts(pod: Json) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(s["restartCount"] for s in statuses)
