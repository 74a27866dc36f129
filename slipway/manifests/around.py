"""The rules for a Job around a rollout, and the Jobs of a release as they go into a plan, with their limits.

A Job around a rollout runs once. The cluster ensures that by the Job's name, which follows from release and content:
neither a worker that was ended midway nor a paused one that wakes up later can create it twice. So the Job is kept for
days after its end. Acceptance tests may run again, under another name.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from ..domain.around import JOB_KEPT, LONGEST_JOB, TESTS_KEPT, USUAL_JOB, Side
from ..domain.model import canonical, sha256
from .documents import Document
from .objects import check_job
from .problems import Problem, look_up, short_value

ROUND_LABEL: Final = "slipway.dev/runs"
"""`before` or `after`: the label of a Job that belongs to one release, and so is never an object that left the
manifests."""
OWN_NAME: Final = "slipway.dev/job"
"""The name that the Job has in its file."""
RELEASE: Final = "slipway.dev/release"
ON_ROLLBACK: Final = "slipway.dev/on-rollback"
RUN: Final = "run"
_STEM: Final = 36
"""Characters of its own name; with the release's number and a hash there are fewer than 63."""


def check_job_around(document: Document, value: Any) -> Iterator[Problem]:
    """The problems that keep an object from running before or after a rollout."""
    problems = tuple(check_job(document, value))
    yield from problems
    if problems or not isinstance(value, dict):
        return
    if look_up(value, ("spec", "suspend")):
        message = "the rollout would wait for it until its time is over"
        yield document.problem(("spec", "suspend"), message, expected="a Job that runs", got="true")
    deadline, longest = look_up(value, ("spec", "activeDeadlineSeconds")), int(LONGEST_JOB.total_seconds())
    if deadline is not None and not (type(deadline) is int and 0 < deadline <= longest):
        yield document.problem(
            ("spec", "activeDeadlineSeconds"), expected=f"1 to {longest} seconds", got=short_value(deadline)
        )
    says = look_up(value, ("metadata", "annotations", ON_ROLLBACK))
    if says not in (None, RUN):
        yield document.problem(
            ("metadata", "annotations", ON_ROLLBACK), expected=f"{RUN}, or nothing", got=short_value(says)
        )


def job_around(job: dict[str, Any], *, side: Side, release: str, environment: str) -> dict[str, Any]:
    """The Job as a plan has it. Unless it says otherwise, the cluster does not retry it, and it may take ten
    minutes."""
    metadata = job["metadata"]
    annotations = metadata.get("annotations") or {}
    own = str(annotations.get(OWN_NAME) or metadata["name"])
    seconds_kept = _time_to_live(job["spec"].get("ttlSecondsAfterFinished"))
    spec = {**_with_limits(job["spec"], USUAL_JOB), "ttlSecondsAfterFinished": seconds_kept}
    content = {"release": release, "environment": environment, "side": str(side), "name": own, "spec": spec}
    number, digest = release.rpartition("-")[2], sha256(canonical(content)).removeprefix("sha256:")
    return {
        **job,
        "metadata": {
            **metadata,
            "name": f"{own[:_STEM].rstrip('-.')}-{number}-{digest[:8]}",
            "labels": {**(metadata.get("labels") or {}), ROUND_LABEL: str(side)},
            "annotations": {**annotations, OWN_NAME: own, RELEASE: release},
        },
        "spec": spec,
    }


def acceptance_job(job: dict[str, Any], *, within: timedelta, name: str) -> dict[str, Any]:
    """A Job of acceptance tests as a plan has it, under a name of its own."""
    spec = {"ttlSecondsAfterFinished": int(TESTS_KEPT.total_seconds()), **_with_limits(job["spec"], within)}
    return {**job, "metadata": {**job["metadata"], "name": name}, "spec": spec}


def _with_limits(spec: dict[str, Any], within: timedelta) -> dict[str, Any]:
    """The spec with the Job's own limits; if it has none, the cluster does not retry it, and ends it after this
    time."""
    return {"backoffLimit": 0, "activeDeadlineSeconds": max(1, int(within.total_seconds())), **spec}


def is_job(manifest: dict[str, Any]) -> bool:
    return (manifest.get("apiVersion"), manifest.get("kind")) == ("batch/v1", "Job")


def own_name(job: dict[str, Any]) -> str:
    """The name that a Job of a plan has in its file."""
    return str((job["metadata"].get("annotations") or {}).get(OWN_NAME) or job["metadata"]["name"])


def runs_on_rollback(job: dict[str, Any]) -> bool:
    """Whether the application wants the Job to run again when its release is rolled back to."""
    return bool(look_up(job, ("metadata", "annotations", ON_ROLLBACK)) == RUN)


def _time_to_live(seconds: Any) -> int:
    least = int(JOB_KEPT.total_seconds())
    return max(seconds, least) if type(seconds) is int else least
