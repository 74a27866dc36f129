"""Commits, pushes and pull requests as JSON, with the fields of the 7.1 API reference and of recorded responses."""

from typing import TYPE_CHECKING, Any

from .people import Addresses, Signature, reference
from .repository import Commit, PullRequest, Push, Repository
from .times import as_timestamp, to_the_second

if TYPE_CHECKING:
    from .organization import Project

CUT_AFTER = 80
"""Length at which lists cut a commit's message; the real figure is not known."""
_REVIEWS = "pullRequests"


def project(at: Addresses, of: "Project") -> dict[str, Any]:
    return {
        "id": of.id,
        "name": of.name,
        "url": f"{at.organization_url}/_apis/projects/{of.id}",
        "state": "wellFormed",
        "revision": 11,
        "visibility": "private",
        "lastUpdateTime": "2026-01-09T16:32:42.21Z",
    }


def commit(of: Commit, repository: Repository, at: Addresses, *, in_list: bool, with_push: bool) -> dict[str, Any]:
    """In a list, a commit has no parents and its message is cut; fetched alone, it is complete."""
    message, is_cut = shorten_message(of.message) if in_list else (of.message, False)
    links = {} if in_list else {"parents": list(of.parents), "treeId": of.id[::-1]}
    push = repository.push_of(of.id) if with_push else None
    web = f"{at.organization_url}/{repository.project.name}/_git/{repository.name}/commit/{of.id}"
    return {
        **links,
        **({"push": _push_of(push, repository, at, short=True)} if push else {}),
        "commitId": of.id,
        "author": _signature(of.author, of),
        "committer": _signature(of.committer, of),
        "comment": message,
        **({"commentTruncated": True} if is_cut else {}),
        **({"changeCounts": {"Add": 0, "Edit": 1, "Delete": 0}} if in_list else {}),
        "url": f"{git(repository, at)}/commits/{of.id}",
        "remoteUrl": web,
        **({} if in_list else {"_links": _links(of, web, repository, at)}),
    }


def _links(of: Commit, web: str, repository: Repository, at: Addresses) -> dict[str, dict[str, str]]:
    url = f"{git(repository, at)}/commits/{of.id}"
    return {
        "self": {"href": url},
        "repository": {"href": git(repository, at)},
        "changes": {"href": f"{url}/changes"},
        "web": {"href": web},
        "tree": {"href": f"{git(repository, at)}/trees/{of.id[::-1]}"},
    }


def _signature(by: Signature, of: Commit) -> dict[str, str]:
    return {"name": by.name, "email": by.email, "date": to_the_second(of.at)}


def push(of: Push, repository: Repository, at: Addresses, *, commits: int = 0, updates: bool = False) -> dict[str, Any]:
    listed_commits = [repository.commits[id] for id in reversed(of.commits)][:commits]
    moved = {"repositoryId": repository.id, "name": of.branch, "oldObjectId": of.old, "newObjectId": of.new}
    return {
        **(
            {"commits": [commit(c, repository, at, in_list=True, with_push=False) for c in listed_commits]}
            if commits
            else {}
        ),
        **({"refUpdates": [moved]} if updates else {}),
        "repository": repository_reference(repository, at),
        **_push_of(of, repository, at, short=False),
    }


def _push_of(of: Push, repository: Repository, at: Addresses, *, short: bool) -> dict[str, Any]:
    link = {} if short else {"url": f"{git(repository, at)}/pushes/{of.id}"}
    return {"pushedBy": reference(of.by, at), "pushId": of.id, "date": as_timestamp(of.at), **link}


def repository_reference(of: Repository, at: Addresses) -> dict[str, Any]:
    return {
        "id": of.id,
        "name": of.name,
        "url": git(of, at),
        "project": project(at, of.project),
        "size": 1602,
        "remoteUrl": f"{at.organization_url}/{of.project.name}/_git/{of.name}",
        "sshUrl": f"git@ssh.dev.azure.com:v3/{at.organization}/{of.project.name}/{of.name}",
        "webUrl": f"{at.organization_url}/{of.project.name}/_git/{of.name}",
        "isDisabled": False,
        "isInMaintenance": False,
    }


def pull_request(of: PullRequest, at: Addresses) -> dict[str, Any]:
    repository = of.repository
    base = f"{git(repository, at)}/{_REVIEWS}/{of.id}"
    merge = repository.commits[of.merge]
    closed: dict[str, Any] = {}
    if of.closed_by and of.closed_at:
        closed = {"closedDate": as_timestamp(of.closed_at), "closedBy": reference(of.closed_by, at)}
    if of.strategy:
        closed["completionOptions"] = {"mergeStrategy": of.strategy.value}
        closed["completionQueueTime"] = closed["closedDate"]
    if of.completed_automatically_for:
        closed["autoCompleteSetBy"] = reference(of.completed_automatically_for, at)
    return {
        "repository": repository_reference(repository, at),
        "pullRequestId": of.id,
        "codeReviewId": of.id,
        "status": of.status,
        "createdBy": reference(of.created_by, at),
        "creationDate": as_timestamp(of.created_at),
        **closed,
        "title": of.title,
        "description": of.title,
        "sourceRefName": of.source,
        "targetRefName": of.target,
        "mergeStatus": "succeeded",
        "isDraft": False,
        "mergeId": repository.id,
        "lastMergeSourceCommit": _link_to(of.commits[-1], repository, at),
        "lastMergeTargetCommit": _link_to(of.target_commit, repository, at),
        "lastMergeCommit": {
            **_link_to(of.merge, repository, at),
            "author": _signature(merge.author, merge),
            "committer": _signature(merge.committer, merge),
            "comment": merge.message,
        },
        "reviewers": [
            {"reviewerUrl": f"{base}/reviewers/{key}", "vote": vote, "hasDeclined": False, "isFlagged": False}
            | reference(who, at)
            for key, (who, vote) in of.reviewers.items()
        ],
        "url": base,
        "supportsIterations": True,
        "artifactId": f"vstfs:///Git/PullRequestId/{repository.project.id}%2f{repository.id}%2f{of.id}",
    }


def _link_to(id: str, repository: Repository, at: Addresses) -> dict[str, str]:
    return {"commitId": id, "url": f"{git(repository, at)}/commits/{id}"}


def git(of: Repository, at: Addresses) -> str:
    return f"{at.organization_url}/{of.project.id}/_apis/git/repositories/{of.id}"


def shorten_message(message: str) -> tuple[str, bool]:
    first = message.splitlines()[0] if message else ""
    return (first[:CUT_AFTER], True) if first[:CUT_AFTER] != message else (message, False)
