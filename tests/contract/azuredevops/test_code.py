"""Commits, who pushed them, and the pull requests that brought them."""

from typing import Any

import pytest

from local.azuredevops import AzureDevOps, Signature, Strategy
from local.azuredevops.repository import Commit

from .support import Answer, Client, Story, story


def between(ask: Client, told: Story, old: Commit, new: Commit, **more: object) -> Answer:
    query: dict[str, object] = {
        "searchCriteria.itemVersion.version": old.id,
        "searchCriteria.itemVersion.versionType": "commit",
        "searchCriteria.compareVersion.version": new.id,
        "searchCriteria.compareVersion.versionType": "commit",
    }
    return ask(f"{told.git}/commits", query | more)


def ids(answer: Answer) -> list[str]:
    return [commit["commitId"] for commit in answer.value]


def test_a_commit_says_who_pushed_it_and_what_its_author_claims(told: Story, ask: Client) -> None:
    claimed = Signature(name="Ada", email="ada@example.com")
    made = told.repository.commit("Sneak in", by=told.ben, claims=claimed)
    commit = ask(f"{told.git}/commits/{made.id}").json
    assert (commit["author"]["email"], commit["committer"]["email"]) == ("ada@example.com", "ada@example.com")
    assert commit["push"]["pushedBy"]["id"] == told.ben.storage_key


def test_the_commits_since_what_is_live_are_asked_with_the_live_one_as_the_item(told: Story, ask: Client) -> None:
    assert ids(between(ask, told, told.live, told.commit)) == [told.commit.id]
    assert ids(between(ask, told, told.commit, told.live)) == []


def test_a_list_of_commits_cuts_their_words_and_has_no_parents(told: Story, ask: Client) -> None:
    made = told.repository.commit("A headline\n\nAnd a body.", by=told.ada)
    [listed] = between(ask, told, told.commit, made).value
    assert (listed["comment"], listed["commentTruncated"]) == ("A headline", True)
    assert "parents" not in listed
    alone = ask(f"{told.git}/commits/{made.id}").json
    assert (alone["comment"], alone["parents"]) == (made.message, [told.commit.id])


def test_who_pushed_is_told_in_a_list_only_on_demand(told: Story, ask: Client) -> None:
    [plain] = between(ask, told, told.live, told.commit).value
    [full] = between(ask, told, told.live, told.commit, **{"searchCriteria.includePushData": "true"}).value
    assert "push" not in plain
    assert full["push"]["pushedBy"]["id"] == told.ben.storage_key


def test_a_list_of_commits_without_top_ends_after_a_hundred(told: Story, ask: Client) -> None:
    told.organization.page = 500
    for number in range(120):
        last = told.repository.commit(f"Commit {number}", by=told.ada)
    assert len(ids(between(ask, told, told.commit, last))) == 100
    assert len(ids(between(ask, told, told.commit, last, **{"searchCriteria.$top": 500}))) == 120


def test_the_same_list_can_be_asked_for_by_a_body(told: Story, ask: Client) -> None:
    versions = {"itemVersion": told.live.id, "compareVersion": told.commit.id}
    body: dict[str, Any] = {name: {"version": id, "versionType": "commit"} for name, id in versions.items()}
    [commit] = ask(f"{told.git}/commitsbatch", body={**body, "includePushData": True}).value
    assert commit["commitId"] == told.commit.id
    assert commit["push"]["pushedBy"]["id"] == told.ben.storage_key


def test_where_histories_have_parted_the_list_is_not_whole(told: Story, ask: Client) -> None:
    other = told.repository.commit("On a branch", by=told.ada, branch="other")
    first = told.repository.commit("One", by=told.ada)
    second = told.repository.commit("Two", by=told.ada)
    assert ids(between(ask, told, other, second)) == [second.id]
    bases = ask(f"{told.git}/commits/{other.id}/mergebases", {"otherCommitId": second.id})
    assert ids(bases) == [told.commit.id]
    assert ids(ask(f"{told.git}/commits/{first.id}/mergebases", {"otherCommitId": second.id})) == [first.id]


def test_changes_of_a_run_count_from_the_run_before_it_and_not_from_what_is_live(told: Story, ask: Client) -> None:
    made = told.repository.commit("One more", by=told.ada)
    run = told.pipeline.run(made, requested_for=told.ada)
    [change] = ask(f"{told.project.id}/_apis/build/builds/{run.id}/changes", {"$top": 10}).value
    assert (change["id"], change["pusher"]) == (made.id, told.ada.storage_key)
    assert change["author"]["id"] == told.ada.storage_key
    assert "committer" not in change


def test_changes_come_in_pages(told: Story, ask: Client) -> None:
    for number in range(3):
        made = told.repository.commit(f"Commit {number}", by=told.ada)
    run = told.pipeline.run(made, requested_for=told.ada)
    path = f"{told.project.id}/_apis/build/builds/{run.id}/changes"
    first = ask(path, {"$top": 2})
    rest = ask(path, {"$top": 2, "continuationToken": first.headers["x-ms-continuationtoken"]})
    assert (len(first.value), len(rest.value)) == (2, 1)
    assert "x-ms-continuationtoken" not in rest.headers


def test_an_author_whose_address_two_people_have_is_nobody(told: Story, ask: Client) -> None:
    told.organization.person("Another Ada", "ada@example.com", oid="aaaaaaaa-0000-4000-8000-00000000000f")
    made = told.repository.commit("One more", by=told.ada)
    run = told.pipeline.run(made, requested_for=told.ada)
    [change] = ask(f"{told.project.id}/_apis/build/builds/{run.id}/changes", {"$top": 10}).value
    assert change["author"] == {"displayName": "Ada", "id": "ada@example.com"}


# ---- pull requests
@pytest.mark.parametrize("strategy", Strategy)
def test_a_pull_request_is_found_by_the_commit_that_it_became(strategy: Strategy) -> None:
    told = story(strategy)
    with AzureDevOps(told.organization) as azure:
        ask = Client(azure=azure)
        query = {"queries": [{"type": "lastMergeCommit", "items": [told.commit.id, told.live.id]}]}
        [found] = ask(f"{told.git}/pullrequestquery", body=query).json["results"]
        assert list(found) == [told.commit.id], "a commit without a pull request is not named at all"
        [pull_request] = found[told.commit.id]
        assert pull_request["pullRequestId"] == told.pull_request.id
        assert pull_request["completionOptions"]["mergeStrategy"] == strategy.value


def test_a_commit_of_the_branch_is_found_by_what_a_pull_request_ever_held(told: Story, ask: Client) -> None:
    [old, *_] = told.pull_request.commits
    kinds = ("lastMergeCommit", "commit")
    query = {"queries": [{"type": kind, "items": [old]} for kind in kinds]}
    as_merge, as_held = ask(f"{told.git}/pullrequestquery", body=query).json["results"]
    assert as_merge == {}
    assert [each["pullRequestId"] for each in as_held[old]] == [told.pull_request.id]


def test_a_pull_request_names_its_creator_and_who_completed_it(told: Story, ask: Client) -> None:
    found = ask(f"{told.git}/pullRequests/{told.pull_request.id}").json
    assert (found["status"], found["createdBy"]["id"]) == ("completed", told.ada.storage_key)
    assert found["closedBy"]["id"] == told.ben.storage_key
    assert [(one["id"], one["vote"]) for one in found["reviewers"]] == [(told.ben.storage_key, 10)]


def test_after_a_squash_the_commits_of_the_branch_are_found_through_the_pull_request_only(
    told: Story, ask: Client
) -> None:
    assert ids(between(ask, told, told.live, told.commit)) == [told.commit.id]
    path = f"{told.git}/pullRequests/{told.pull_request.id}/commits"
    comments = [commit["comment"] for commit in ask(path, {"$top": 10}).value]
    assert comments == ["Fill the cart", "Add a cart"]


def test_a_squash_hides_who_else_wrote_and_pushed_on_the_branch(told: Story, ask: Client) -> None:
    grace = told.organization.person("Grace", "grace@example.com")
    told.repository.commit("Begin a list", by=told.ada, branch="list")
    told.repository.commit("Fill the list", by=grace, branch="list")
    made = told.repository.pull_request("A list", by=told.ada, branch="list")
    squashed = ask(f"{told.git}/commits/{made.complete(by=told.ben).id}").json
    assert {squashed["author"]["name"], squashed["committer"]["name"]} == {"Ada", "Ben"}
    commits = ask(f"{told.git}/pullRequests/{made.id}/commits", {"$top": 10}).value
    assert {commit["author"]["name"] for commit in commits} == {"Ada", "Grace"}
    alone = ask(f"{told.git}/commits/{commits[0]['commitId']}").json
    assert alone["push"]["pushedBy"]["id"] == grace.storage_key


def test_a_merge_brings_the_commits_of_the_branch_with_it() -> None:
    told = story(Strategy.MERGE)
    assert {commit.message for commit in told.repository.between(told.live.id, told.commit.id)} == {
        "Add a cart",
        "Fill the cart",
        f"Merged PR {told.pull_request.id}: A cart",
    }


def test_a_validation_run_builds_the_merge_commit_of_a_reference_of_its_own(told: Story, ask: Client) -> None:
    told.repository.commit("More", by=told.ada, branch="more")
    active = told.repository.pull_request("More", by=told.ada, branch="more")
    merge = told.repository.commits[active.merge]
    run = told.pipeline.start(merge, requested_for=told.ada, reason="pullRequest", branch=active.ref)
    shown = ask(f"{told.project.id}/_apis/build/builds/{run.id}").json
    assert (shown["sourceBranch"], shown["reason"]) == (f"refs/pull/{active.id}/merge", "pullRequest")
    assert shown["sourceVersion"] not in (told.commit.id, active.commits[-1])


def test_pushes_are_told_with_who_pushed_the_newest_first(told: Story, ask: Client) -> None:
    query = {"$top": 10, "searchCriteria.refName": "refs/heads/main", "searchCriteria.includeRefUpdates": "true"}
    newest, first = ask(f"{told.git}/pushes", query).value
    assert [push["pushedBy"]["id"] for push in (newest, first)] == [told.ben.storage_key, told.ada.storage_key]
    assert newest["refUpdates"][0]["newObjectId"] == told.commit.id
    alone = ask(f"{told.git}/pushes/{newest['pushId']}", {"includeCommits": 5}).json
    assert [commit["commitId"] for commit in alone["commits"]] == [told.commit.id]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("commits/" + "0" * 40, "GitUnresolvableToCommitException"),
        ("pullRequests/99", "GitPullRequestNotFoundException"),
        ("pushes/99", "GitPushNotFoundException"),
    ],
)
def test_what_a_repository_has_not_is_not_found(path: str, key: str, told: Story, ask: Client) -> None:
    answer = ask(f"{told.git}/{path}")
    assert (answer.status, answer.json["typeKey"]) == (404, key)


def test_of_a_repository_in_github_there_is_only_what_a_run_says(told: Story, ask: Client) -> None:
    elsewhere = told.project.repository("contoso/shop", kind="GitHub")
    made = elsewhere.commit("From GitHub", by=told.ada)
    run = told.project.pipeline("github-ci", elsewhere).run(made, requested_for=told.ada)
    shown = ask(f"{told.project.id}/_apis/build/builds/{run.id}").json
    assert (shown["repository"]["type"], shown["sourceVersion"]) == ("GitHub", made.id)
    assert ask(f"shop/_apis/git/repositories/contoso%2Fshop/commits/{made.id}").status == 404
