"""The part of a step's result that the release keeps, and the part that goes into the step's record."""

from typing import Any

from ..around import MOST_JOBS, JobRun
from ..events import StepFinished
from ..release import Evidence, Release
from .state import Draft

REASON_LIMIT = 2000
"""The most characters of a release's reason."""


def with_consequence(reason: str, more: str) -> str:
    """The reason with its consequence. If both are too long, the reason is cut: the record of the failure has all of
    it."""
    if not more:
        return reason
    room = max(REASON_LIMIT - len(more) - 2, REASON_LIMIT // 4)
    return f"{reason[:room]}; {more}"[:REASON_LIMIT]


def with_made_objects(draft: Draft, release: Release, event: StepFinished) -> Release:
    if "made" not in event.result:
        return release
    return draft.put_rollout(release, made=event.result["made"])


def with_failure(draft: Draft, release: Release, event: StepFinished) -> Release:
    evidence = [Evidence.model_validate(item) for item in event.result.get("evidence", [])[:1]]
    if not evidence:
        return release
    return draft.put_rollout(release, failure=evidence[0])


def with_job_runs(draft: Draft, release: Release, event: StepFinished) -> Release:
    newer = tuple(JobRun.model_validate(item) for item in event.result.get("jobs", [])[:MOST_JOBS])
    others = tuple(run for run in release.rollouts[-1].job_runs if run.name not in {each.name for each in newer})
    return draft.put_rollout(release, job_runs=(*others, *newer))


def with_evidence(draft: Draft, release: Release, event: StepFinished) -> Release:
    evidence = tuple(Evidence.model_validate(item) for item in event.result.get("evidence", [])[:50])
    return draft.put_rollout(release, evidence=evidence)


def bounded(result: dict[str, Any]) -> dict[str, Any]:
    """A step's result as details of its audit record, without the keys that the record sets itself."""
    return {name: value for name, value in result.items() if name not in ("reason", "digest", "actor", "action")}
