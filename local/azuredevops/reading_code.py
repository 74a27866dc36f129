"""Commits, pushes and pull requests, as `dev.azure.com` returns them."""

from collections.abc import Mapping
from typing import Any

from . import code_shapes as shapes
from .answers import NotKnown, Refusal, Response, list_response, page_response
from .repository import Commit, PullRequest, Push, Repository
from .routes import Call, Host, Table

table = Table(Host.MAIN)
_GIT = "{project}/_apis/git/repositories/{repository}"
_WITHOUT_TOP = 100
"""Entries of a list of commits without `$top`."""
_PREFIX = "searchCriteria."


@table.get(f"{_GIT}/commits/{{commit}}")
def one_commit(call: Call) -> Response:
    repository = call.repository()
    commit = _commit(repository, call.words["commit"])
    return Response(content=shapes.commit(commit, repository, call.addresses, in_list=False, with_push=True))


_RANGE = ("itemVersion", "compareVersion")
_CRITERIA = {
    *(f"{version}.{part}" for version in _RANGE for part in ("version", "versionType")),
    "includePushData",
    "$top",
    "$skip",
}


@table.get(f"{_GIT}/commits", *(f"{_PREFIX}{name}" for name in _CRITERIA), "$top", "$skip")
def commits(call: Call) -> Response:
    criteria = {name.removeprefix(_PREFIX): value for name, value in call.query.items()}
    return _range(call, criteria)


@table.post(f"{_GIT}/commitsbatch", "$top", "$skip")
def commits_by_body(call: Call) -> Response:
    criteria: dict[str, str] = {}
    for name, value in call.json().items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        criteria |= {f"{name}.{part}".rstrip("."): _word(word) for part, word in parts}
    if unknown := sorted(set(criteria) - _CRITERIA):
        raise NotKnown(f"{unknown[0][:50]} in the body of commitsbatch")
    return _range(call, criteria | dict(call.query))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _range(call: Call, criteria: Mapping[str, str]) -> Response:
    """The commits of `compareVersion` that `itemVersion` lacks, the newest first.

    When the histories have diverged, the real service is said to stop its walk somewhere; here the oldest commit is
    left out.
    """
    repository = call.repository()
    for version in _RANGE:
        if criteria.get(f"{version}.versionType") != "commit" or f"{version}.version" not in criteria:
            raise NotKnown(f"a list of commits without {version}.version and {version}.versionType=commit")
    base, tip = (_commit(repository, criteria[f"{version}.version"]) for version in _RANGE)
    commits = repository.between(base.id, tip.id)
    if base.id not in repository.reachable(tip.id):
        commits = commits[:-1]
    top, skip = int(criteria.get("$top", _WITHOUT_TOP)), int(criteria.get("$skip", 0))
    with_push = criteria.get("includePushData", "").casefold() == "true"
    page = commits[skip : skip + min(top, call.organization.page)]
    return list_response(
        [shapes.commit(commit, repository, call.addresses, in_list=True, with_push=with_push) for commit in page]
    )


@table.get(f"{_GIT}/commits/{{commit}}/mergebases", "otherCommitId")
def merge_bases(call: Call) -> Response:
    repository = call.repository()
    commit = _commit(repository, call.words["commit"])
    other_commit = _commit(repository, call.query.get("otherCommitId", ""))
    base_ids = repository.merge_bases(commit.id, other_commit.id)
    return list_response(
        [{"commitId": id, "url": shapes.repository_reference(repository, call.addresses)["url"]} for id in base_ids]
    )


@table.get(f"{_GIT}/pushes", "$top", "$skip", "searchCriteria.refName", "searchCriteria.includeRefUpdates")
def pushes(call: Call) -> Response:
    repository, ref = call.repository(), call.query.get("searchCriteria.refName")
    pushes = [push for push in reversed(repository.pushes) if ref in (None, push.branch)]
    skip, top = call.number("$skip", 0), call.number("$top")
    updates = call.query.get("searchCriteria.includeRefUpdates") == "true"
    page = pushes[skip : skip + min(top, call.organization.page)]
    return list_response([shapes.push(push, repository, call.addresses, updates=updates) for push in page])


@table.get(f"{_GIT}/pushes/{{push}}", "includeCommits", "includeRefUpdates")
def one_push(call: Call) -> Response:
    repository = call.repository()
    push: Push | None = next((push for push in repository.pushes if push.id == call.id("push")), None)
    if push is None:
        raise Refusal(404, "GitPushNotFoundException", f"The push {call.words['push']} was not found.")
    commits, updates = call.number("includeCommits", _WITHOUT_TOP), call.query.get("includeRefUpdates") == "true"
    return Response(content=shapes.push(push, repository, call.addresses, commits=commits, updates=updates))


@table.post(f"{_GIT}/pullrequestquery")
def pull_requests_of_commits(call: Call) -> Response:
    """For each query one object that maps each commit with pull requests to all of them."""
    repository, body = call.repository(), call.json()
    pull_requests_by_query = []
    for query in body.get("queries", []):
        kind, items = query.get("type"), query.get("items")
        if kind not in ("lastMergeCommit", "commit") or not isinstance(items, list):
            raise NotKnown(f"the query of pull requests {kind!r}")
        by_commit = repository.merged_by(map(str, items), as_last_merge=kind == "lastMergeCommit")
        pull_requests_by_query.append(
            {
                id: [shapes.pull_request(p, call.addresses) for p in pull_requests]
                for id, pull_requests in by_commit.items()
            }
        )
    return Response(content={"queries": body.get("queries", []), "results": pull_requests_by_query})


@table.get(f"{_GIT}/pullRequests/{{pull_request}}")
def one_pull_request(call: Call) -> Response:
    return Response(content=shapes.pull_request(_pull_request(call), call.addresses))


@table.get(f"{_GIT}/pullRequests/{{pull_request}}/commits", "$top", "continuationToken")
def commits_of_pull_request(call: Call) -> Response:
    """The branch's own commits: readable even after a squash, when no commit links to them any more."""
    pull_request = _pull_request(call)
    repository = pull_request.repository
    commits = [repository.commits[id] for id in reversed(pull_request.commits)]
    return page_response(
        [shapes.commit(commit, repository, call.addresses, in_list=True, with_push=False) for commit in commits],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


def _commit(repository: Repository, id: str) -> Commit:
    if (commit := repository.commits.get(id.casefold())) is None:
        raise Refusal(
            404,
            "GitUnresolvableToCommitException",
            f"TF401175:The version descriptor <Commit: {id[:40]} > could not be resolved to a version in the "
            f"repository {repository.name}",
        )
    return commit


def _pull_request(call: Call) -> PullRequest:
    if (pull_request := call.repository().pull_requests.get(call.id("pull_request"))) is None:
        raise Refusal(404, "GitPullRequestNotFoundException", "TF401180: The requested pull request was not found.")
    return pull_request
