"""Pipelines and their runs: the timeline with its attempts, and the attachments of a run's tasks.

A retry keeps the run's id and the timeline's. The records of what ran again (stage, phase, job) get new ids and a
higher attempt; stage and job name their predecessors in `previousAttempts`, a phase does not; the tasks of the new job
begin at attempt 1 again. The former records are available under the former stage's id, as a timeline of its own.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from .people import PLATFORM, Person
from .repository import Commit, Repository

if TYPE_CHECKING:
    from .organization import Project

FORBIDDEN_IN_NAMES = "\0/"
"""The agent refuses these in the type and the name of an attachment."""
PUBLISHING_TASK = "Tell Slipway what was published"
BASH = ("6c731c3c-3c68-459a-a5c9-bde6e6595b5b", "Bash", "3.259.1")


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """An earlier attempt of a record."""

    attempt: int
    timeline: str
    record: str


@dataclass(kw_only=True)
class Record:
    """One line of a timeline."""

    id: str
    parent: str | None
    type: str
    name: str
    order: int
    identifier: str | None = None
    attempt: int = 1
    task: tuple[str, str, str] | None = None
    """Id, name and version of a task; None for the agent's own."""
    state: str = "inProgress"
    result: str | None = None
    started: datetime
    finished: datetime | None = None
    previous: tuple[Attempt, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """What a task attached with `##vso[task.addattachment]`."""

    type: str
    name: str
    content: bytes
    timeline: str
    record: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task of a run."""

    run: "Run"
    record: Record

    def attach(self, type: str, name: str, content: bytes) -> Attachment:
        """Attach content as the agent does: under this task's record, in the run's own timeline."""
        if any(forbidden in text for text in (type, name) for forbidden in FORBIDDEN_IN_NAMES):
            raise ValueError(f"the agent refuses an attachment of the type {type!r} with the name {name!r}")
        attachment = Attachment(
            type=type, name=name, content=content, timeline=self.run.timeline_id, record=self.record.id
        )
        key = (self.record.id, type, name)
        self.run.attachments = [a for a in self.run.attachments if (a.record, a.type, a.name) != key]
        self.run.attachments.append(attachment)
        return attachment


@dataclass(frozen=True, kw_only=True)
class Job:
    """One attempt of a job."""

    run: "Run"
    record: Record

    def task(self, name: str, *, task: tuple[str, str, str] | None = BASH, result: str = "succeeded") -> Task:
        """Add a step that has run. `task` is None for the agent's own (`Initialize job`, `Checkout`)."""
        record = self.run.add("Task", name, parent=self.record.id, task=task)
        self.run.end(record, result)
        return Task(run=self.run, record=record)

    def publish(self, document: bytes, *, task: str = PUBLISHING_TASK) -> Attachment:
        """Add the step of Slipway's template that reports what this run has published."""
        return self.task(task).attach("slipway", "slipway.json", document)

    def finish(self, result: str = "succeeded") -> None:
        for record in self.run.with_parents(self.record):
            self.run.end(record, result)


@dataclass(kw_only=True)
class Run:
    """A run of a pipeline, which the build API calls a build."""

    id: int
    number: str
    pipeline: "Pipeline"
    commit: Commit
    branch: str
    reason: str
    requested_for: Person
    requested_by: Person
    queued: datetime
    status: str = "inProgress"
    result: str | None = None
    finished: datetime | None = None
    records: list[Record] = field(default_factory=list)
    earlier: dict[str, list[Record]] = field(default_factory=dict)
    """Timelines of former attempts, by their id."""
    attachments: list[Attachment] = field(default_factory=list)
    deleted_by: Person | None = None
    deleted_at: datetime | None = None
    _record_count: int = 0
    """How many records were ever made, those of former attempts included."""

    @property
    def timeline_id(self) -> str:
        return str(uuid.uuid5(uuid.UUID(self.pipeline.project.id), f"timeline of {self.id}"))

    def now(self) -> datetime:
        return self.pipeline.project.organization.now()

    # ---- what happens to the run
    def job(self, name: str = "build", *, stage: str = "__default") -> Job:
        """Begin a job, with the stage and the phase that hold it."""
        above = self._find("Stage", stage) or self.add("Stage", stage, identifier=stage)
        phase = self.add("Phase", name, parent=above.id, identifier=name)
        record = self.add("Job", name, parent=phase.id, identifier=f"{name}.__default")
        job = Job(run=self, record=record)
        job.task("Initialize job", task=None)
        return job

    def running(self) -> Job | None:
        """The running job, if there is one."""
        running_jobs = (record for record in self.records if record.type == "Job" and record.state == "inProgress")
        return next((Job(run=self, record=record) for record in running_jobs), None)

    def finish(self, result: str = "succeeded") -> None:
        self.status, self.result, self.finished = "completed", result, self.now()

    def retry(self, job: str) -> Job:
        """Run a job again, as *Rerun failed jobs* does. The run is in progress until `finish` is called again."""
        old_job = next(r for r in self.records if r.type == "Job" and r.name == job)
        old_phase, old_stage = list(self.with_parents(old_job))[1:]
        replaced = {old_stage.id, old_phase.id, old_job.id}
        replaced |= {record.id for record in self.records if record.parent == old_job.id}
        self.earlier[old_stage.id] = [replace(record) for record in self.records]
        stage, phase, again = (self._next_attempt(record, old_stage.id) for record in (old_stage, old_phase, old_job))
        phase.parent, again.parent, phase.previous = stage.id, phase.id, ()
        self.records = [record for record in self.records if record.id not in replaced] + [stage, phase, again]
        for record in self.records:
            record.parent = stage.id if record.parent == old_stage.id else record.parent
        self.status, self.result, self.finished = "inProgress", None, None
        new_job = Job(run=self, record=again)
        new_job.task("Initialize job", task=None)
        return new_job

    def delete(self, by: Person) -> None:
        """Delete it as retention does: it stays readable for about a month, with `deleted: true`."""
        self.deleted_by, self.deleted_at = by, self.now()

    def forget(self) -> None:
        """Remove it for good, as happens after that month."""
        del self.pipeline.project.runs[self.id]

    # ---- the timeline
    def add(
        self,
        type: str,
        name: str,
        *,
        parent: str | None = None,
        identifier: str | None = None,
        task: tuple[str, str, str] | None = None,
    ) -> Record:
        order = 1 + sum(record.parent == parent for record in self.records)
        record = Record(
            id=self._next_id(),
            parent=parent,
            type=type,
            name=name,
            order=order,
            identifier=identifier,
            task=task,
            started=self.now(),
        )
        self.records.append(record)
        return record

    def _next_id(self) -> str:
        """A new id for a record: the same one each time the same requests are replayed."""
        self._record_count += 1
        return str(uuid.uuid5(uuid.UUID(self.timeline_id), f"record {self._record_count}"))

    def end(self, record: Record, result: str) -> None:
        record.state, record.result, record.finished = "completed", result, self.now()

    def with_parents(self, record: Record) -> Iterator[Record]:
        yield record
        while record.parent is not None:
            parent = record.parent
            record = next(above for above in self.records if above.id == parent)
            yield record

    def _find(self, type: str, name: str) -> Record | None:
        return next((record for record in self.records if (record.type, record.name) == (type, name)), None)

    def _next_attempt(self, record: Record, timeline: str) -> Record:
        former = Attempt(attempt=record.attempt, timeline=timeline, record=record.id)
        return replace(
            record,
            id=self._next_id(),
            attempt=record.attempt + 1,
            state="inProgress",
            result=None,
            finished=None,
            started=self.now(),
            previous=(*record.previous, former),
        )


@dataclass(kw_only=True)
class Pipeline:
    """A pipeline, which the API calls a definition."""

    id: int
    name: str
    repository: Repository
    project: "Project"
    path: str = "\\"
    revision: int = 1

    def start(
        self,
        commit: Commit,
        *,
        requested_for: Person,
        requested_by: Person = PLATFORM,
        reason: str = "individualCI",
        branch: str = "refs/heads/main",
        number: str | None = None,
    ) -> Run:
        """Begin a run. One that a push started is requested *by* Azure DevOps *for* the person who pushed."""
        project = self.project
        today = f"{project.organization.now():%Y%m%d}"
        run = Run(
            id=project.organization.next_run(),
            number=number or f"{today}.{1 + sum(run.pipeline is self for run in project.runs.values())}",
            pipeline=self,
            commit=commit,
            branch=branch,
            reason=reason,
            requested_for=requested_for,
            requested_by=requested_for if reason == "manual" else requested_by,
            queued=project.organization.now(),
        )
        project.runs[run.id] = run
        return run

    def run(
        self, commit: Commit, *, requested_for: Person, publishes: bytes | None = None, result: str = "succeeded"
    ) -> Run:
        """Play a whole run of one job, from start to end."""
        run = self.start(commit, requested_for=requested_for)
        job = run.job()
        job.task("Checkout", task=None)
        job.task("Build and push the image")
        if publishes is not None:
            job.publish(publishes)
        job.finish(result)
        run.finish(result)
        return run

    def before(self, run: Run) -> Run | None:
        """The previous run of this pipeline on the same branch, from which `changes` counts."""
        older = (
            r for r in self.project.runs.values() if r.pipeline is self and r.branch == run.branch and r.id < run.id
        )
        return max(older, key=lambda r: r.id, default=None)
