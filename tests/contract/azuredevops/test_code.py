"""Commits, who pushed them, and the pull requests that brought them."""

from typing import Any

import pytest

from local.azuredevops import AzureDevOps, Signature, Strategy
from local.azuredevops.repository import Commit

from .support import Client, Response, Story, play_story


def between(ask: Client, story: Story, old: Commit, new: Commit, **more: object) -> Response:
    query: dict[str, object] = {
        "searchCriteria.itemVersion.version": old.id,
        "searchCriteria.itemVersion.versionType": "commit",
        "searchCriteria.compareVersion.version": new.id,
        "searchCriteria.compareVersion.versionType": "commit",
    }
    return ask(f"{story.git}/commits", query | more)


def ids(response: Response) -> list[str]:
    return [commit["commitId"] for commit in response.value]


def test_a_commit_says_who_pushed_it_and_what_its_author_claims(story: Story, ask: Client) -> None:
    claimed = Signature(name="Ada", email="ada@example.com")
    pushed = story.repository.commit("Sneak in", by=story.ben, claims=claimed)
    commit = ask(f"{story.git}/commits/{pushed.id}").json
    assert (commit["author"]["email"], commit["committer"]["email"]) == ("ada@example.com", "ada@example.com")
    assert commit["push"]["pushedBy"]["id"] == story.ben.storage_key


def test_the_commits_since_the_live_one_are_listed_with_the_live_commit_as_the_item_version(
    story: Story, ask: Client
) -> None:
    assert ids(between(ask, story, story.live, story.commit)) == [story.commit.id]
    assert ids(between(ask, story, story.commit, story.live)) == []


def test_a_list_of_commits_cuts_their_words_and_has_no_parents(story: Story, ask: Client) -> None:
    pushed = story.repository.commit("A headline\n\nAnd a body.", by=story.ada)
    [listed] = between(ask, story, story.commit, pushed).value
    assert (listed["comment"], listed["commentTruncated"]) == ("A headline", True)
    assert "parents" not in listed
    alone = ask(f"{story.git}/commits/{pushed.id}").json
    assert (alone["comment"], alone["parents"]) == (pushed.message, [story.commit.id])


def test_who_pushed_is_shown_in_a_list_only_on_demand(story: Story, ask: Client) -> None:
    [plain] = between(ask, story, story.live, story.commit).value
    [full] = between(ask, story, story.live, story.commit, **{"searchCriteria.includePushData": "true"}).value
    assert "push" not in plain
    assert full["push"]["pushedBy"]["id"] == story.ben.storage_key


def test_a_list_of_commits_without_top_ends_after_a_hundred(story: Story, ask: Client) -> None:
    story.organization.page = 500
    for number in range(120):
        last = story.repository.commit(f"Commit {number}", by=story.ada)
    assert len(ids(between(ask, story, story.commit, last))) == 100
    assert len(ids(between(ask, story, story.commit, last, **{"searchCriteria.$top": 500}))) == 120


def test_commits_can_be_listed_by_a_post_request_too(story: Story, ask: Client) -> None:
    versions = {"itemVersion": story.live.id, "compareVersion": story.commit.id}
    body: dict[str, Any] = {name: {"version": id, "versionType": "commit"} for name, id in versions.items()}
    [commit] = ask(f"{story.git}/commitsbatch", body={**body, "includePushData": True}).value
    assert commit["commitId"] == story.commit.id
    assert commit["push"]["pushedBy"]["id"] == story.ben.storage_key


def test_where_histories_have_parted_the_list_is_not_whole(story: Story, ask: Client) -> None:
    branch_commit = story.repository.commit("On a branch", by=story.ada, branch="other")
    first = story.repository.commit("One", by=story.ada)
    second = story.repository.commit("Two", by=story.ada)
    assert ids(between(ask, story, branch_commit, second)) == [second.id]
    bases = ask(f"{story.git}/commits/{branch_commit.id}/mergebases", {"otherCommitId": second.id})
    assert ids(bases) == [story.commit.id]
    assert ids(ask(f"{story.git}/commits/{first.id}/mergebases", {"otherCommitId": second.id})) == [first.id]


def test_changes_of_a_run_count_from_the_run_before_it_and_not_from_what_is_live(story: Story, ask: Client) -> None:
    pushed = story.repository.commit("One more", by=story.ada)
    run = story.pipeline.run(pushed, requested_for=story.ada)
    [change] = ask(f"{story.project.id}/_apis/build/builds/{run.id}/changes", {"$top": 10}).value
    assert (change["id"], change["pusher"]) == (pushed.id, story.ada.storage_key)
    assert change["author"]["id"] == story.ada.storage_key
    assert "committer" not in change


def test_changes_come_in_pages(story: Story, ask: Client) -> None:
    for number in range(3):
        pushed = story.repository.commit(f"Commit {number}", by=story.ada)
    run = story.pipeline.run(pushed, requested_for=story.ada)
    path = f"{story.project.id}/_apis/build/builds/{run.id}/changes"
    first = ask(path, {"$top": 2})
    second = ask(path, {"$top": 2, "continuationToken": first.headers["x-ms-continuationtoken"]})
    assert (len(first.value), len(second.value)) == (2, 1)
    assert "x-ms-continuationtoken" not in second.headers


def test_an_author_whose_address_two_people_have_is_not_matched_to_a_person(story: Story, ask: Client) -> None:
    story.organization.person("Another Ada", "ada@example.com", oid="aaaaaaaa-0000-4000-8000-00000000000f")
    pushed = story.repository.commit("One more", by=story.ada)
    run = story.pipeline.run(pushed, requested_for=story.ada)
    [change] = ask(f"{story.project.id}/_apis/build/builds/{run.id}/changes", {"$top": 10}).value
    assert change["author"] == {"displayName": "Ada", "id": "ada@example.com"}


# ---- pull requests
@pytest.mark.parametrize("strategy", Strategy)
def test_a_pull_request_is_found_by_the_commit_that_it_became(strategy: Strategy) -> None:
    story = play_story(strategy)
    with AzureDevOps(story.organization) as azure:
        ask = Client(azure=azure)
        query = {"queries": [{"type": "lastMergeCommit", "items": [story.commit.id, story.live.id]}]}
        [by_commit] = ask(f"{story.git}/pullrequestquery", body=query).json["results"]
        assert list(by_commit) == [story.commit.id], "a commit without a pull request is not named at all"
        [pull_request] = by_commit[story.commit.id]
        assert pull_request["pullRequestId"] == story.pull_request.id
        assert pull_request["completionOptions"]["mergeStrategy"] == strategy.value


def test_a_commit_of_the_branch_is_found_through_the_commits_that_a_pull_request_held(
    story: Story, ask: Client
) -> None:
    [old, *_] = story.pull_request.commits
    kinds = ("lastMergeCommit", "commit")
    query = {"queries": [{"type": kind, "items": [old]} for kind in kinds]}
    as_merge, as_held = ask(f"{story.git}/pullrequestquery", body=query).json["results"]
    assert as_merge == {}
    assert [entry["pullRequestId"] for entry in as_held[old]] == [story.pull_request.id]


def test_a_pull_request_names_its_creator_and_who_completed_it(story: Story, ask: Client) -> None:
    pull_request = ask(f"{story.git}/pullRequests/{story.pull_request.id}").json
    assert (pull_request["status"], pull_request["createdBy"]["id"]) == ("completed", story.ada.storage_key)
    assert pull_request["closedBy"]["id"] == story.ben.storage_key
    assert [(reviewer["id"], reviewer["vote"]) for reviewer in pull_request["reviewers"]] == [
        (story.ben.storage_key, 10)
    ]


def test_after_a_squash_the_commits_of_the_branch_are_found_through_the_pull_request_only(
    story: Story, ask: Client
) -> None:
    assert ids(between(ask, story, story.live, story.commit)) == [story.commit.id]
    path = f"{story.git}/pullRequests/{story.pull_request.id}/commits"
    comments = [commit["comment"] for commit in ask(path, {"$top": 10}).value]
    assert comments == ["Fill the cart", "Add a cart"]


def test_a_squash_hides_who_else_wrote_and_pushed_on_the_branch(story: Story, ask: Client) -> None:
    grace = story.organization.person("Grace", "grace@example.com")
    story.repository.commit("Begin a list", by=story.ada, branch="list")
    story.repository.commit("Fill the list", by=grace, branch="list")
    pull_request = story.repository.pull_request("A list", by=story.ada, branch="list")
    squashed = ask(f"{story.git}/commits/{pull_request.complete(by=story.ben).id}").json
    assert {squashed["author"]["name"], squashed["committer"]["name"]} == {"Ada", "Ben"}
    commits = ask(f"{story.git}/pullRequests/{pull_request.id}/commits", {"$top": 10}).value
    assert {commit["author"]["name"] for commit in commits} == {"Ada", "Grace"}
    alone = ask(f"{story.git}/commits/{commits[0]['commitId']}").json
    assert alone["push"]["pushedBy"]["id"] == grace.storage_key


def test_a_merge_brings_the_commits_of_the_branch_with_it() -> None:
    story = play_story(Strategy.MERGE)
    assert {commit.message for commit in story.repository.between(story.live.id, story.commit.id)} == {
        "Add a cart",
        "Fill the cart",
        f"Merged PR {story.pull_request.id}: A cart",
    }


def test_a_validation_run_builds_the_merge_commit_of_a_reference_of_its_own(story: Story, ask: Client) -> None:
    story.repository.commit("More", by=story.ada, branch="more")
    active = story.repository.pull_request("More", by=story.ada, branch="more")
    merge = story.repository.commits[active.merge]
    run = story.pipeline.start(merge, requested_for=story.ada, reason="pullRequest", branch=active.ref)
    build = ask(f"{story.project.id}/_apis/build/builds/{run.id}").json
    assert (build["sourceBranch"], build["reason"]) == (f"refs/pull/{active.id}/merge", "pullRequest")
    assert build["sourceVersion"] not in (story.commit.id, active.commits[-1])


def test_pushes_are_shown_with_who_pushed_the_newest_first(story: Story, ask: Client) -> None:
    query = {"$top": 10, "searchCriteria.refName": "refs/heads/main", "searchCriteria.includeRefUpdates": "true"}
    newest, first = ask(f"{story.git}/pushes", query).value
    assert [push["pushedBy"]["id"] for push in (newest, first)] == [story.ben.storage_key, story.ada.storage_key]
    assert newest["refUpdates"][0]["newObjectId"] == story.commit.id
    alone = ask(f"{story.git}/pushes/{newest['pushId']}", {"includeCommits": 5}).json
    assert [commit["commitId"] for commit in alone["commits"]] == [story.commit.id]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("commits/" + "0" * 40, "GitUnresolvableToCommitException"),
        ("pullRequests/99", "GitPullRequestNotFoundException"),
        ("pushes/99", "GitPushNotFoundException"),
    ],
)
def test_an_unknown_commit_pull_request_or_push_is_not_found(path: str, key: str, story: Story, ask: Client) -> None:
    response = ask(f"{story.git}/{path}")
    assert (response.status, response.json["typeKey"]) == (404, key)


def test_a_repository_in_github_is_named_by_its_runs_but_its_commits_cannot_be_read(story: Story, ask: Client) -> None:
    elsewhere = story.project.repository("contoso/shop", kind="GitHub")
    pushed = elsewhere.commit("From GitHub", by=story.ada)
    run = story.project.pipeline("github-ci", elsewhere).run(pushed, requested_for=story.ada)
    build = ask(f"{story.project.id}/_apis/build/builds/{run.id}").json
    assert (build["repository"]["type"], build["sourceVersion"]) == ("GitHub", pushed.id)
    assert ask(f"shop/_apis/git/repositories/contoso%2Fshop/commits/{pushed.id}").status == 404
