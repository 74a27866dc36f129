"""A run as the system that ran it describes it: read within limits, and not judged yet.

`effects/azure_devops` asks; `inbound/proving.py` judges the answers. An answer is what was asked for, `Absent`, or
`CannotKnow`: the last two say why, and neither is ever taken for "no".
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
    """The source could not be asked, or refused, or answered what cannot be read."""

    why: str
    again: bool = False
    """Whether asking again later may help: the source is away, busy, or does not know us yet."""
    after: timedelta = timedelta(0)
    """The least time to wait before asking again."""


type Told[T] = T | Absent | CannotKnow


@dataclass(frozen=True, kw_only=True)
class RunAddress:
    """The address of a run. The names are checked, since an untrusted sender gives them and they become part of an
    address."""

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


class ToldRun(Record):
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
    """Whether the source keeps that repository itself, so that it knows who pushed."""
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
    """A commit's statement about its author or committer: text that anybody can write."""

    name: str
    mail: str


class ToldChange(Record):
    """A commit, as a run lists it. Of a repository that is kept elsewhere nothing more is known."""

    id: str
    author: CommitSignature


class ToldCommit(Record):
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
    """The person who set it to complete by itself."""


class Identity(Record):
    """An identity in Entra: the object id and tenant of a person or a service."""

    id: str
    """The source's own id."""
    object_id: str
    """Empty for what Entra does not know, such as the source itself."""
    tenant: str
    mail: str
    name: str
    is_service: bool
    """A service principal, a managed identity, or a part of the source itself: no person."""
    client_id: str = ""
    """The application's id of a service principal; empty for everybody else, and where it is not told."""
