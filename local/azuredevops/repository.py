"""A Git repository in Azure Repos: commits and their parents, who pushed them, and the pull requests that merged them.

The server knows who *pushed*; author and committer are text that the person who committed chose.
"""

import hashlib
import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from .people import Person, Signature

if TYPE_CHECKING:
    from .organization import Project

NOTHING = "0" * 40


class Strategy(StrEnum):
    """The ways to complete a pull request."""

    MERGE = "noFastForward"
    SQUASH = "squash"
    """One new commit, without a link to those of the branch."""
    REBASE = "rebase"
    """The branch's commits are recreated."""
    REBASE_MERGE = "rebaseMerge"


@dataclass(frozen=True, kw_only=True)
class Commit:
    id: str
    parents: tuple[str, ...]
    message: str
    author: Signature
    committer: Signature
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Push:
    id: int
    by: Person
    at: datetime
    branch: str
    old: str
    new: str
    commits: tuple[str, ...]


@dataclass(kw_only=True)
class PullRequest:
    """Until `complete` ends it, its merge commit is the one that a validation run builds."""

    id: int
    title: str
    source: str
    target: str
    created_by: Person
    created_at: datetime
    commits: tuple[str, ...]
    merge: str
    """The merge commit that the server made; a different one once the pull request is completed."""
    target_commit: str
    repository: "Repository"
    status: str = "active"
    closed_by: Person | None = None
    closed_at: datetime | None = None
    completed_automatically_for: Person | None = None
    strategy: Strategy | None = None
    reviewers: dict[str, tuple[Person, int]] = field(default_factory=dict)
    """The reviewers and their votes (10, 5, 0, -5, -10), by storage key."""

    @property
    def ref(self) -> str:
        """The ref that a validation run builds; such a run can release nothing."""
        return f"refs/pull/{self.id}/merge"

    def review(self, by: Person, vote: int) -> None:
        self.reviewers[by.storage_key] = (by, vote)

    def abandon(self, by: Person) -> None:
        self.status, self.closed_by, self.closed_at = "abandoned", by, self.repository.now()

    def complete(self, *, by: Person, strategy: Strategy = Strategy.SQUASH, automatically: bool = False) -> Commit:
        """Merge it; returns the new head of its target. Whoever completes it counts as the pusher."""
        repository = self.repository
        head, message = repository.refs[self.target], f"Merged PR {self.id}: {self.title}"
        author, committer = Signature.of(self.created_by), Signature.of(by)
        commits: list[Commit] = []
        if strategy in (Strategy.REBASE, Strategy.REBASE_MERGE):
            parent = head
            for id in self.commits:
                original = repository.commits[id]
                commits.append(
                    repository.make(original.message, parents=(parent,), author=original.author, committer=committer)
                )
                parent = commits[-1].id
        if strategy is Strategy.SQUASH:
            commits.append(repository.make(message, parents=(head,), author=author, committer=committer))
        elif strategy in (Strategy.MERGE, Strategy.REBASE_MERGE):
            tip = commits[-1].id if commits else self.commits[-1]
            commits.append(repository.make(message, parents=(head, tip), author=author, committer=committer))
        repository.receive(commits, by=by, branch=self.target)
        self.status, self.closed_by, self.closed_at, self.strategy = "completed", by, repository.now(), strategy
        self.merge, self.target_commit = commits[-1].id, head
        self.completed_automatically_for = by if automatically else None
        return commits[-1]


@dataclass(kw_only=True)
class Repository:
    name: str
    project: "Project"
    kind: str = "TfsGit"
    """Or `GitHub`, of which Azure DevOps knows only what its runs say."""
    commits: dict[str, Commit] = field(default_factory=dict)
    pushes: list[Push] = field(default_factory=list)
    refs: dict[str, str] = field(default_factory=dict)
    pull_requests: dict[int, PullRequest] = field(default_factory=dict)

    @property
    def id(self) -> str:
        if self.kind == "GitHub":
            return self.name
        return str(uuid.uuid5(uuid.UUID(self.project.id), f"repository {self.name}"))

    def now(self) -> datetime:
        return self.project.organization.now()

    # ---- what people do
    def commit(
        self,
        message: str,
        *,
        by: Person,
        branch: str = "main",
        claims: Signature | None = None,
        pushed_by: Person | None = None,
    ) -> Commit:
        """Make one commit and push it. `claims` is what its author and committer say instead of the truth."""
        ref, signature = _ref(branch), claims or Signature.of(by)
        parent = self.refs.get(ref) or self.refs.get("refs/heads/main")
        commit = self.make(message, parents=(parent,) if parent else (), author=signature, committer=signature)
        self.receive([commit], by=pushed_by or by, branch=ref)
        return commit

    def make(self, message: str, *, parents: tuple[str, ...], author: Signature, committer: Signature) -> Commit:
        """A commit that nobody has pushed yet."""
        content = repr((self.id, len(self.commits), message, parents, author, committer))
        commit = Commit(
            id=hashlib.sha1(content.encode(), usedforsecurity=False).hexdigest(),
            parents=parents,
            message=message,
            author=author,
            committer=committer,
            at=self.now(),
        )
        self.commits[commit.id] = commit
        return commit

    def receive(self, commits: Sequence[Commit], *, by: Person, branch: str) -> Push:
        """Accept a push: the last commit becomes the head of the branch."""
        ref = _ref(branch)
        push = Push(
            id=len(self.pushes) + 1,
            by=by,
            at=self.now(),
            branch=ref,
            old=self.refs.get(ref, NOTHING),
            new=commits[-1].id,
            commits=tuple(commit.id for commit in commits),
        )
        self.pushes.append(push)
        self.refs[ref] = push.new
        return push

    def pull_request(self, title: str, *, by: Person, branch: str, into: str = "main") -> PullRequest:
        source, target = _ref(branch), _ref(into)
        head = self.refs[target]
        commits = tuple(commit.id for commit in reversed(self.between(head, self.refs[source])))
        signature = Signature.of(by)
        id = self.project.organization.next_pull_request()
        message = f"Merge pull request {id} from {branch} into {into}"
        merge = self.make(message, parents=(head, self.refs[source]), author=signature, committer=signature)
        pull_request = PullRequest(
            id=id,
            title=title,
            source=source,
            target=target,
            created_by=by,
            created_at=self.now(),
            commits=commits,
            merge=merge.id,
            target_commit=head,
            repository=self,
        )
        self.pull_requests[pull_request.id] = pull_request
        return pull_request

    # ---- queries
    def push_of(self, commit: str) -> Push | None:
        return next((push for push in self.pushes if commit in push.commits), None)

    def reachable(self, start: str) -> list[str]:
        """The commit and all its ancestors, newest first."""
        ids, waiting = {start: None}, deque([start])
        while waiting:
            for parent in self.commits[waiting.popleft()].parents:
                if parent not in ids:
                    ids[parent] = None
                    waiting.append(parent)
        order = {id: position for position, id in enumerate(self.commits)}
        return sorted(ids, key=lambda id: order[id], reverse=True)

    def between(self, old: str, new: str) -> list[Commit]:
        """The commits in the history of `new` that are not in that of `old`, newest first."""
        old_ids = set(self.reachable(old))
        return [self.commits[id] for id in self.reachable(new) if id not in old_ids]

    def merge_bases(self, first: str, second: str) -> list[str]:
        """The common ancestors that are not ancestors of another common one."""
        common = [id for id in self.reachable(first) if id in set(self.reachable(second))]
        older = {ancestor for id in common for ancestor in self.reachable(id) if ancestor != id}
        return [id for id in common if id not in older]

    def merged_by(self, commits: Iterable[str], *, as_last_merge: bool) -> dict[str, list[PullRequest]]:
        """The pull requests of each commit: those whose merge commit it is, or those that ever contained it."""
        by_commit: dict[str, list[PullRequest]] = {}
        for commit in commits:
            every = self.pull_requests.values()
            pull_requests = [p for p in every if p.merge == commit or (not as_last_merge and commit in p.commits)]
            if pull_requests:
                by_commit[commit] = pull_requests
        return by_commit


def _ref(branch: str) -> str:
    return branch if branch.startswith("refs/") else f"refs/heads/{branch}"
