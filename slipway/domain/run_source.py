"""A run as the system that ran it describes it: read within limits, and not judged yet.

`effects/azure_devops` asks; `inbound/proving.py` judges the answers. An answer is the requested thing, `Absent`, or
`CannotKnow`. The last two say why, and neither ever counts as "no".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from .model import Record


@dataclass(frozen=True)
class Absent:
    """The source says that the thing does not exist or that we may not see it, without saying which."""

    why: str


@dataclass(frozen=True)
class CannotKnow:
    """The source could not be asked, or refused, or its answer cannot be read."""

    why: str
    retryable: bool = False
    """Whether asking again later may help: the source is away, busy, or does not know us yet."""
    after: timedelta = timedelta(0)
    """The least time to wait before asking again."""


type SourceAnswer[T] = T | Absent | CannotKnow


@dataclass(frozen=True, kw_only=True)
class RunAddress:
    """The address of a run. Its parts are checked, since an untrusted sender names them and they become part of a
    URL."""

    organization: str
    project: str
    """Its id or its name."""
    run: int

    def __str__(self) -> str:
        return f"run {self.run} of {self.organization}/{self.project}"


class PersonReference(Record):
    """A person whom the source has signed in, by its own id; `identities` tells who that is."""

    id: str
    name: str = ""
    unique_name: str = ""
    """An address or an account; text that can change, never an identity."""


class RunInfo(Record):
    """A run, in the source's own words."""

    organization: str
    project_id: str
    project: str
    definition: int
    pipeline: str
    folder: str
    id: int
    number: str
    completed: bool
    result: str
    reason: str
    branch: str
    commit: str
    repository: str
    """Id of the repository that was built."""
    repository_is_here: bool
    """Whether the source itself hosts that repository, so that it knows who pushed."""
    requested_for: PersonReference | None
    finished_at: datetime | None
    deleted: bool


class TimelineRecord(Record):
    """One line of a run's timeline: a stage, a job, a task. Only the last attempt of each is in it."""

    id: str
    parent: str | None
    type: str
    name: str
    attempt: int
    result: str


class Attachment(Record):
    """Something that a task attached to its run."""

    name: str
    timeline: str
    record: str
    """The task that attached it."""


class CommitSignature(Record):
    """What a commit says about its author or committer: text that anybody can write."""

    name: str
    mail: str


class CommitSummary(Record):
    """A commit, as a run lists it. Nothing more is known if another system hosts its repository."""

    id: str
    author: CommitSignature


class CommitInfo(Record):
    """A commit, with the person who pushed it."""

    id: str
    parents: tuple[str, ...]
    author: CommitSignature
    committer: CommitSignature
    pushed_by: PersonReference | None


class PullRequest(Record):
    """A pull request."""

    id: int
    completed: bool
    created_by: PersonReference | None
    closed_by: PersonReference | None
    completed_for: PersonReference | None
    """The person who set it to complete automatically."""


class Identity(Record):
    """An identity in Entra: the object id and tenant of a person or a service."""

    id: str
    """The source's own id."""
    object_id: str
    """Empty for an identity that Entra does not know, such as the source itself."""
    tenant: str
    mail: str
    name: str
    is_service: bool
    """Whether it is a service principal, a managed identity, or a part of the source itself, and so not a person."""
    client_id: str = ""
    """The application's id of a service principal; empty for everybody else, and if the source does not give it."""
