"""Commits, pushes and pull requests, as `dev.azure.com` answers them."""

from collections.abc import Mapping
from typing import Any

from . import code_shapes as shapes
from .answers import Answer, NotKnown, Refusal, listed, paged
from .repository import Commit, PullRequest, Push, Repository
from .routes import Call, Host, Table

table = Table(Host.MAIN)
_GIT = "{project}/_apis/git/repositories/{repository}"
_WITHOUT_TOP = 100
"""Entries of a list of commits that was asked for without `$top`."""
_PREFIX = "searchCriteria."


@table.get(f"{_GIT}/commits/{{commit}}")
def one_commit(call: Call) -> Answer:
    repository = call.repository()
    found = _commit(repository, call.words["commit"])
    return Answer(content=shapes.commit(found, repository, call.at, in_list=False, with_push=True))


_RANGE = ("itemVersion", "compareVersion")
_CRITERIA = {
    *(f"{version}.{part}" for version in _RANGE for part in ("version", "versionType")),
    "includePushData",
    "$top",
    "$skip",
}


@table.get(f"{_GIT}/commits", *(f"{_PREFIX}{name}" for name in _CRITERIA), "$top", "$skip")
def commits(call: Call) -> Answer:
    told = {name.removeprefix(_PREFIX): value for name, value in call.query.items()}
    return _range(call, told)


@table.post(f"{_GIT}/commitsbatch", "$top", "$skip")
def commits_by_body(call: Call) -> Answer:
    told: dict[str, str] = {}
    for name, value in call.json().items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        told |= {f"{name}.{part}".rstrip("."): _word(word) for part, word in parts}
    if unknown := sorted(set(told) - _CRITERIA):
        raise NotKnown(f"{unknown[0][:50]} in the body of commitsbatch")
    return _range(call, told | dict(call.query))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _range(call: Call, told: Mapping[str, str]) -> Answer:
    """The commits of `compareVersion` that `itemVersion` lacks, the newest first.

    If the histories have parted, the real walk is said to stop somewhere; then the oldest commit is missing here.
    """
    repository = call.repository()
    for version in _RANGE:
        if told.get(f"{version}.versionType") != "commit" or f"{version}.version" not in told:
            raise NotKnown(f"a list of commits without {version}.version and {version}.versionType=commit")
    old, new = (_commit(repository, told[f"{version}.version"]) for version in _RANGE)
    found = repository.between(old.id, new.id)
    if old.id not in repository.reachable(new.id):
        found = found[:-1]
    top, skip = int(told.get("$top", _WITHOUT_TOP)), int(told.get("$skip", 0))
    with_push = told.get("includePushData", "").casefold() == "true"
    shown = found[skip : skip + min(top, call.organization.page)]
    return listed([shapes.commit(each, repository, call.at, in_list=True, with_push=with_push) for each in shown])


@table.get(f"{_GIT}/commits/{{commit}}/mergebases", "otherCommitId")
def merge_bases(call: Call) -> Answer:
    repository = call.repository()
    one = _commit(repository, call.words["commit"])
    other = _commit(repository, call.query.get("otherCommitId", ""))
    found = repository.merge_bases(one.id, other.id)
    return listed([{"commitId": id, "url": shapes.repository_reference(repository, call.at)["url"]} for id in found])


@table.get(f"{_GIT}/pushes", "$top", "$skip", "searchCriteria.refName", "searchCriteria.includeRefUpdates")
def pushes(call: Call) -> Answer:
    repository, ref = call.repository(), call.query.get("searchCriteria.refName")
    found = [push for push in reversed(repository.pushes) if ref in (None, push.branch)]
    skip, top = call.number("$skip", 0), call.number("$top")
    updates = call.query.get("searchCriteria.includeRefUpdates") == "true"
    shown = found[skip : skip + min(top, call.organization.page)]
    return listed([shapes.push(push, repository, call.at, updates=updates) for push in shown])


@table.get(f"{_GIT}/pushes/{{push}}", "includeCommits", "includeRefUpdates")
def one_push(call: Call) -> Answer:
    repository = call.repository()
    found: Push | None = next((push for push in repository.pushes if push.id == call.id("push")), None)
    if found is None:
        raise Refusal(404, "GitPushNotFoundException", f"The push {call.words['push']} was not found.")
    commits, updates = call.number("includeCommits", _WITHOUT_TOP), call.query.get("includeRefUpdates") == "true"
    return Answer(content=shapes.push(found, repository, call.at, commits=commits, updates=updates))


@table.post(f"{_GIT}/pullrequestquery")
def pull_requests_of_commits(call: Call) -> Answer:
    """For each query one object: the commits that have a pull request, each with all of its pull requests."""
    repository, given = call.repository(), call.json()
    results = []
    for query in given.get("queries", []):
        kind, items = query.get("type"), query.get("items")
        if kind not in ("lastMergeCommit", "commit") or not isinstance(items, list):
            raise NotKnown(f"the query of pull requests {kind!r}")
        found = repository.merged_by(map(str, items), as_last_merge=kind == "lastMergeCommit")
        results.append({id: [shapes.pull_request(p, call.at) for p in those] for id, those in found.items()})
    return Answer(content={"queries": given.get("queries", []), "results": results})


@table.get(f"{_GIT}/pullRequests/{{pull_request}}")
def one_pull_request(call: Call) -> Answer:
    return Answer(content=shapes.pull_request(_pull_request(call), call.at))


@table.get(f"{_GIT}/pullRequests/{{pull_request}}/commits", "$top", "continuationToken")
def commits_of_pull_request(call: Call) -> Answer:
    """The branch's own commits: readable after a squash, when no link leads to them any more."""
    found = _pull_request(call)
    repository = found.repository
    made = [repository.commits[id] for id in reversed(found.commits)]
    return paged(
        [shapes.commit(each, repository, call.at, in_list=True, with_push=False) for each in made],
        top=call.number("$top"),
        page=call.organization.page,
        after=call.query.get("continuationToken", ""),
    )


def _commit(repository: Repository, wanted: str) -> Commit:
    if (found := repository.commits.get(wanted.casefold())) is None:
        raise Refusal(
            404,
            "GitUnresolvableToCommitException",
            f"TF401175:The version descriptor <Commit: {wanted[:40]} > could not be resolved to a version in the "
            f"repository {repository.name}",
        )
    return found


def _pull_request(call: Call) -> PullRequest:
    if (found := call.repository().pull_requests.get(call.id("pull_request"))) is None:
        raise Refusal(404, "GitPullRequestNotFoundException", "TF401180: The requested pull request was not found.")
    return found
