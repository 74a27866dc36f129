"""CI runs for tests: proved runs, and a source of runs in memory that answers as a test tells it to."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..domain.run_source import (
    Absent,
    Attachment,
    CannotKnow,
    CommitInfo,
    CommitSignature,
    CommitSummary,
    Identity,
    PersonReference,
    PullRequest,
    RunAddress,
    RunInfo,
    SourceAnswer,
    TimelineRecord,
)
from ..domain.runs import Fact, InvolvedPerson, Involvement, PublishedList, Run, Trust
from ..inbound.published import PUBLISHING_TASK

ASKED: Final = Fact(trust=Trust.PROVED, why="the source was asked")
NOBODY_NAMED: Final = Fact(trust=Trust.NOT_PROVED, why="the test names nobody")


def proved_run(*, requested_by: str = "", committed_by: str = "", **fields: Any) -> Run:
    """A run whose facts are all proved; the people behind it only if both are named, by their addresses."""
    people_by_part = {Involvement.REQUESTER: requested_by, Involvement.COMMITTER: committed_by}
    people = tuple(
        InvolvedPerson(part=part, trust=Trust.PROVED, mail=mail) for part, mail in people_by_part.items() if mail
    )
    behind = ASKED if requested_by and committed_by else NOBODY_NAMED
    return Run.model_validate({"proof": ASKED, "built": ASKED, "behind": behind, "people": people, **fields})


@dataclass(frozen=True, kw_only=True)
class RunDouble:
    """A run that the source knows, with what it published."""

    answer: RunInfo
    documents: tuple[bytes, ...] = ()
    task: str = PUBLISHING_TASK
    commits: tuple[CommitInfo, ...] = ()


@dataclass
class RunsInMemory:
    """A source of runs. It knows what a test put in, and has one person for each address."""

    runs: dict[tuple[str, int], RunDouble] = field(default_factory=dict)
    """By organization (in lower case) and id."""
    away: CannotKnow | None = None
    """While set, this is the answer to every question."""
    services_hidden: CannotKnow | None = None
    """While set, the source does not say who a service principal is."""
    requests: list[str] = field(default_factory=list)

    def put(self, run: RunInfo, published: PublishedList | None = None, *, pushed_by: str = "") -> None:
        """A completed run, and the commit that it built."""
        document = (published.model_dump_json().encode(),) if published else ()
        signature = CommitSignature(name="", mail=pushed_by)
        pusher = PersonReference(id=pushed_by, unique_name=pushed_by) if pushed_by else None
        commit = CommitInfo(id=run.commit, parents=(), author=signature, committer=signature, pushed_by=pusher)
        self.runs[run.organization.casefold(), run.id] = RunDouble(answer=run, documents=document, commits=(commit,))

    def change(self, run: RunInfo, **fields: Any) -> None:
        """Another state of the same run: `answer`, `documents`, `task` or `commits`."""
        key = (run.organization.casefold(), run.id)
        self.runs[key] = replace(self.runs[key], **fields)

    def run(self, address: RunAddress) -> SourceAnswer[RunInfo]:
        self.requests.append(str(address))
        if self.away is not None:
            return self.away
        run = self.runs.get((address.organization.casefold(), address.run))
        names = {run.answer.project.casefold(), run.answer.project_id.casefold()} if run else set()
        if run is None or address.project.casefold() not in names:
            return Absent(f"the source knows no {address}")
        return run.answer

    def pipeline(self, organization: str, project: str, definition: int) -> SourceAnswer[str]:
        """The name of a pipeline that has a run."""
        for (owner, _), run_double in self.runs.items():
            run = run_double.answer
            is_here = project.casefold() in (run.project.casefold(), run.project_id.casefold())
            if owner == organization.casefold() and is_here and run.definition == definition:
                return self.away or run.pipeline
        return self.away or Absent(f"the source knows no pipeline {definition} of {organization}/{project}")

    def timeline(self, run: RunInfo) -> SourceAnswer[tuple[TimelineRecord, ...]]:
        run_double = self._double_of(run)
        return self.away or tuple(
            TimelineRecord(
                id=f"task-{n}", parent=None, type="Task", name=run_double.task, attempt=1, result="succeeded"
            )
            for n in range(len(run_double.documents))
        )

    def attachments(self, run: RunInfo, kind: str) -> SourceAnswer[tuple[Attachment, ...]]:
        numbers = range(len(self._double_of(run).documents))
        return self.away or tuple(Attachment(name=f"{n}.json", timeline="1", record=f"task-{n}") for n in numbers)

    def attachment(self, run: RunInfo, kind: str, attachment: Attachment) -> SourceAnswer[bytes]:
        return self.away or self._double_of(run).documents[int(attachment.record.removeprefix("task-"))]

    def changes(self, run: RunInfo) -> SourceAnswer[tuple[CommitSummary, ...]]:
        commits = self._double_of(run).commits
        return self.away or tuple(CommitSummary(id=commit.id, author=commit.author) for commit in commits)

    def commit(self, run: RunInfo, id: str) -> SourceAnswer[CommitInfo]:
        info = next((commit for commit in self._double_of(run).commits if commit.id == id), None)
        return self.away or info or Absent(f"the source knows no commit {id}")

    def merge_bases(self, run: RunInfo, one: str, other: str) -> SourceAnswer[tuple[str, ...]]:
        return self.away or (other,)

    def commits(self, run: RunInfo, old: str, new: str) -> SourceAnswer[tuple[CommitInfo, ...]]:
        return self.away or self._double_of(run).commits

    def pull_requests(self, run: RunInfo, commits: Sequence[str]) -> SourceAnswer[tuple[PullRequest, ...]]:
        return self.away or ()

    def commits_of(self, run: RunInfo, pull_request: int) -> SourceAnswer[tuple[str, ...]]:
        return self.away or ()

    def identities(self, organization: str, ids: Sequence[str]) -> SourceAnswer[tuple[Identity, ...]]:
        return self.away or tuple(_identity(mail) for mail in ids)

    def identities_named(self, organization: str, mail: str) -> SourceAnswer[tuple[Identity, ...]]:
        return self.away or (_identity(mail),)

    def service_named(self, organization: str, descriptor: str) -> SourceAnswer[str]:
        return self.away or self.services_hidden or Absent(f"there is no service {descriptor}")

    def _double_of(self, run: RunInfo) -> RunDouble:
        return self.runs[run.organization.casefold(), run.id]


def object_id_of(mail: str) -> str:
    """The object id of the person with this address, always the same."""
    number = int.from_bytes(mail.casefold().encode()[-6:].rjust(6, b"0"))
    return f"00000000-0000-4000-8000-{number:012x}"


def _identity(mail: str) -> Identity:
    tenant = "11111111-1111-4111-8111-111111111111"
    return Identity(id=mail, object_id=object_id_of(mail), tenant=tenant, mail=mail, name=mail, is_service=False)


def run_info(*, id: int, number: str, commit: str = "c" * 40, requested_by: str = "", **fields: Any) -> RunInfo:
    """A run as the source describes it: it succeeded on main, unless the fields say otherwise."""
    requester = PersonReference(id=requested_by, unique_name=requested_by) if requested_by else None
    defaults: dict[str, Any] = {
        "organization": "contoso",
        "project_id": "5e2f3a1b-33f1-4b0c-8a1b-2f3d4c5b6a79",
        "project": "Shop",
        "definition": 7,
        "pipeline": "build",
        "folder": "\\",
        "completed": True,
        "result": "succeeded",
        "reason": "individualCI",
        "branch": "refs/heads/main",
        "repository": "a-repository",
        "repository_is_here": True,
        "finished_at": None,
        "deleted": False,
    }
    return RunInfo.model_validate(
        {**defaults, "id": id, "number": number, "commit": commit, "requested_for": requester, **fields}
    )


def published_by_run(digest: str, repository: str, **fields: Any) -> PublishedList:
    """The document of a run that built one image."""
    return PublishedList.model_validate(
        {"v": 1, "kind": "image", "registry": "nonprod.test", "repository": repository, "digest": digest, **fields}
    )
