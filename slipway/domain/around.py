"""The Jobs around a rollout: those that run before its first object, such as a migration, and those that run after it.

Each runs once for a release in an environment, in the order of the plan. Their outcomes stay with the release, so a
second attempt does not repeat a Job that succeeded.
"""

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import Field

from .model import Digest, Record

MOST_JOBS: Final = 10
"""The most Jobs on one side of a rollout."""

LONGEST_JOB: Final = timedelta(hours=6)
USUAL_JOB: Final = timedelta(minutes=10)
"""The time allowed for a Job without an `activeDeadlineSeconds` of its own."""
JOB_KEPT: Final = timedelta(days=7)
"""The cluster keeps a Job at least this long after its end."""
TESTS_KEPT: Final = timedelta(days=1)
"""The cluster keeps a Job of acceptance tests this long, unless the Job says otherwise."""
START: Final = timedelta(minutes=2)
"""Added to the time that the cluster gives a Job: for its start, and until its end is noticed."""

type JobName = Annotated[str, Field(min_length=1, max_length=63)]


class Side(StrEnum):
    """The side of a rollout on which a Job runs."""

    BEFORE = "before"
    """Before the first object is applied."""
    AFTER = "after"
    """Once everything that was applied is up."""


class JobsAround(Record):
    """The Jobs around one rollout, by their names in the cluster, and how long the Jobs of each side may take
    together."""

    before: tuple[JobName, ...] = Field(default=(), max_length=MOST_JOBS)
    before_within: timedelta = timedelta(0)
    after: tuple[JobName, ...] = Field(default=(), max_length=MOST_JOBS)
    after_within: timedelta = timedelta(0)


def time_of_job(job: Mapping[str, Any]) -> timedelta:
    """How long Slipway waits for a Job of a plan: as long as the cluster lets it run, and a little for its start."""
    return timedelta(seconds=int(job["spec"]["activeDeadlineSeconds"])) + START


NO_JOBS: Final = JobsAround()


class JobRun(Record):
    """One Job that was run, and how it ended."""

    side: Side
    name: JobName
    uid: Annotated[str, Field(max_length=64)]
    """The id in the cluster: a Job of that name with another uid is not the one that was run."""
    passed: bool
    summary: str = Field(default="", max_length=300)
    log: Digest | None = None
    """Blob with its whole log."""
