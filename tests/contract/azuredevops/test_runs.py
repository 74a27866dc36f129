"""Runs, their timelines with several attempts, and what they attached."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from local.azuredevops import PUBLISHING_TASK, Kind
from local.azuredevops.people import OBJECT_ID

from .support import PUBLISHED, Client, Story


def test_a_run_says_which_pipeline_ran_on_which_commit(story: Story, ask: Client) -> None:
    run = ask(story.build).json
    assert (run["id"], run["status"], run["result"]) == (story.run.id, "completed", "succeeded")
    assert (run["definition"]["id"], run["definition"]["path"]) == (story.pipeline.id, "\\team\\shop")
    assert (run["sourceBranch"], run["sourceVersion"]) == ("refs/heads/main", story.commit.id)
    assert run["repository"]["id"] == story.repository.id


def test_a_run_that_a_push_started_was_asked_for_by_azure_devops_itself(story: Story, ask: Client) -> None:
    run = ask(story.build).json
    assert run["reason"] == "individualCI"
    assert run["requestedBy"]["displayName"] == "Microsoft.VisualStudio.Services.TFS"
    assert run["requestedFor"]["id"] == story.ben.storage_key, "who completed the pull request is who pushed"


def test_a_run_can_have_been_asked_for_by_something_that_is_not_a_person(story: Story, ask: Client) -> None:
    service = story.organization.person("shop Build Service (contoso)", kind=Kind.BUILD_SERVICE)
    run = story.pipeline.start(story.commit, requested_for=service, reason="schedule")
    asked_for = ask(f"{story.project.id}/_apis/build/builds/{run.id}").json["requestedFor"]
    assert asked_for["descriptor"].startswith("svc.")
    [identity] = ask("_apis/identities", {"identityIds": asked_for["id"]}, people=True).value
    assert OBJECT_ID not in identity["properties"]


def test_the_pipelines_api_shows_the_same_run_without_its_requester(story: Story, ask: Client) -> None:
    run = ask(f"{story.project.id}/_apis/pipelines/{story.pipeline.id}/runs/{story.run.id}").json
    assert (run["id"], run["name"], run["state"]) == (story.run.id, story.run.number, "completed")
    assert run["resources"]["repositories"]["self"]["version"] == story.commit.id
    assert "requestedFor" not in run


def test_a_run_is_not_found_under_another_pipeline(story: Story, ask: Client) -> None:
    other_pipeline = story.project.pipeline("shop-ci", story.repository, path="\\other")
    assert ask(f"shop/_apis/pipelines/{other_pipeline.id}/runs/{story.run.id}").status == 404


@pytest.mark.parametrize("id", ["999", "-1", "abc", "99999999999999999999"])
def test_a_run_that_is_not_there_is_an_error_of_the_build_interface(id: str, ask: Client) -> None:
    response = ask(f"shop/_apis/build/builds/{id}")
    assert (response.status, response.json["typeKey"]) == (404, "BuildNotFoundException")


def test_a_run_is_not_found_under_another_project(story: Story, ask: Client) -> None:
    story.organization.project("other")
    assert ask(f"other/_apis/build/builds/{story.run.id}").status == 404


def test_a_deleted_run_is_readable_for_a_while_and_then_gone(story: Story, ask: Client) -> None:
    story.run.delete(story.ada)
    run = ask(story.build).json
    assert (run["deleted"], run["deletedBy"]["id"]) == (True, story.ada.storage_key)
    assert ask("shop/_apis/build/builds", {"buildIds": story.run.id}).value == []
    [deleted] = ask("shop/_apis/build/builds", {"buildIds": story.run.id, "deletedFilter": "includeDeleted"}).value
    assert deleted["id"] == story.run.id
    story.run.forget()
    assert ask(story.build).status == 404


def test_runs_are_listed_in_order_with_a_continuation_token_in_a_header_only(story: Story, ask: Client) -> None:
    for _ in range(3):
        story.pipeline.run(story.commit, requested_for=story.ben)
    query: dict[str, Any] = {"definitions": story.pipeline.id, "queryOrder": "finishTimeAscending", "$top": 2}
    ids: list[int] = []
    token: str | None = ""
    while token is not None:
        response = ask("shop/_apis/build/builds", query | ({"continuationToken": token} if token else {}))
        assert set(response.json) == {"count", "value"}
        ids += [run["id"] for run in response.value]
        token = response.headers.get("x-ms-continuationtoken")
    assert ids == sorted(story.project.runs)


def test_the_minimum_time_of_a_list_applies_to_the_time_it_is_sorted_by(story: Story, ask: Client) -> None:
    late = story.pipeline.run(story.commit, requested_for=story.ben)
    first = ask(story.build).json["finishTime"]
    query = {"queryOrder": "finishTimeAscending", "$top": 9, "minTime": first}
    assert [run["id"] for run in ask("shop/_apis/build/builds", query).value] == [story.run.id, late.id]


def test_a_failed_run_is_found_by_its_result(story: Story, ask: Client) -> None:
    bad = story.pipeline.run(story.commit, requested_for=story.ben, result="partiallySucceeded")
    query = {"queryOrder": "finishTimeAscending", "$top": 9, "resultFilter": "partiallySucceeded"}
    assert [run["id"] for run in ask("shop/_apis/build/builds", query).value] == [bad.id]


# ---- attachments
def _record_of(attachment: dict[str, Any]) -> list[str]:
    """Ids of the timeline and the record, taken from the link: they are nowhere else."""
    steps: list[str] = urlsplit(attachment["_links"]["self"]["href"]).path.split("/")
    return steps[steps.index("attachments") - 2 : steps.index("attachments")]


def test_an_attachment_is_read_by_the_ids_that_its_link_holds(story: Story, ask: Client) -> None:
    [attachment] = ask(f"{story.build}/attachments/slipway").value
    assert attachment["name"] == "slipway.json"
    timeline, record = _record_of(attachment)
    response = ask(f"{story.build}/{timeline}/{record}/attachments/slipway/slipway.json")
    assert (response.status, response.headers["Content-Type"]) == (200, "application/octet-stream")
    assert response.json == PUBLISHED


def test_the_record_of_an_attachment_names_the_task_that_made_it(story: Story, ask: Client) -> None:
    [attachment] = ask(f"{story.build}/attachments/slipway").value
    timeline, record = _record_of(attachment)
    content = ask(f"{story.build}/timeline").json
    assert content["id"] == timeline
    [task] = [entry for entry in content["records"] if entry["id"] == record]
    assert (task["type"], task["name"], task["task"]["name"]) == ("Task", PUBLISHING_TASK, "Bash")
    [job] = [entry for entry in content["records"] if entry["id"] == task["parentId"]]
    assert (job["type"], job["identifier"]) == ("Job", "build.__default")


def test_attachments_of_two_tasks_are_both_listed(story: Story, ask: Client) -> None:
    job = story.run.job("tests")
    job.task("Run the tests").attach("slipway", "slipway.json", b"{}")
    assert len({tuple(_record_of(attachment)) for attachment in ask(f"{story.build}/attachments/slipway").value}) == 2


def test_a_task_that_attaches_the_same_name_again_replaces_it(story: Story, ask: Client) -> None:
    job = story.run.job("tests")
    task = job.task("Run the tests")
    task.attach("other", "a.json", b"1")
    task.attach("other", "a.json", b"2")
    [attachment] = ask(f"{story.build}/attachments/other").value
    timeline, record = _record_of(attachment)
    assert ask(f"{story.build}/{timeline}/{record}/attachments/other/a.json").body == b"2"


@pytest.mark.parametrize("name", ["a/b.json", "a\0.json"])
def test_the_agent_refuses_names_that_are_not_file_names(name: str, story: Story) -> None:
    with pytest.raises(ValueError, match="refuses"):
        story.run.job("tests").task("Run").attach("slipway", name, b"")


def test_a_type_without_attachments_is_an_empty_list_and_a_wrong_record_is_not_found(story: Story, ask: Client) -> None:
    assert ask(f"{story.build}/attachments/nothing").value == []
    [attachment] = ask(f"{story.build}/attachments/slipway").value
    timeline, record = _record_of(attachment)
    assert ask(f"{story.build}/{record}/{timeline}/attachments/slipway/slipway.json").status == 404


def test_attachments_may_be_in_preview(story: Story, ask: Client) -> None:
    story.organization.faults.attachments_in_preview = True
    refused = ask(f"{story.build}/attachments/slipway")
    assert (refused.status, refused.json["typeKey"]) == (400, "VssInvalidPreviewVersionException")
    assert len(ask.in_version("7.1-preview.2")(f"{story.build}/attachments/slipway").value) == 1


def test_links_in_answers_name_the_address_of_azure_devops_and_not_the_doubles(story: Story, ask: Client) -> None:
    for path in (
        story.build,
        f"{story.build}/attachments/slipway",
        f"{story.git}/pullRequests/{story.pull_request.id}",
    ):
        body = ask(path).body.decode()
        assert "https://dev.azure.com/contoso/" in body
        assert "127.0.0.1" not in body


# ---- several attempts
def _of(records: list[dict[str, Any]], type: str) -> dict[str, Any]:
    [match] = [record for record in records if record["type"] == type]
    return match


def test_a_retry_keeps_the_run_and_its_timeline_and_makes_new_records(story: Story, ask: Client) -> None:
    before = ask(f"{story.build}/timeline").json
    again = story.run.retry("build")
    assert ask(story.build).json["status"] == "inProgress"
    again.finish()
    story.run.finish()
    after = ask(f"{story.build}/timeline").json
    assert after["id"] == before["id"]
    assert {record["id"] for record in before["records"]}.isdisjoint(record["id"] for record in after["records"])
    for type in ("Stage", "Job"):
        old, new = _of(before["records"], type), _of(after["records"], type)
        assert (new["attempt"], new["identifier"]) == (2, old["identifier"])
        assert [former["recordId"] for former in new["previousAttempts"]] == [old["id"]]
    assert (_of(after["records"], "Phase")["attempt"], _of(after["records"], "Phase")["previousAttempts"]) == (2, [])


def test_the_tasks_of_a_retried_job_begin_at_attempt_one(story: Story, ask: Client) -> None:
    story.run.retry("build").publish(b"{}")
    tasks = [record for record in ask(f"{story.build}/timeline").json["records"] if record["type"] == "Task"]
    assert {task["attempt"] for task in tasks} == {1}


def test_the_records_of_the_earlier_attempt_are_a_timeline_of_their_own(story: Story, ask: Client) -> None:
    before = ask(f"{story.build}/timeline").json
    story.run.retry("build").finish()
    job = _of(ask(f"{story.build}/timeline").json["records"], "Job")
    [former] = job["previousAttempts"]
    old = ask(f"{story.build}/timeline/{former['timelineId']}").json
    assert old["id"] == former["timelineId"] == _of(before["records"], "Stage")["id"]
    assert [record["id"] for record in old["records"]] == [record["id"] for record in before["records"]]


def test_a_third_attempt_names_both_that_came_before(story: Story, ask: Client) -> None:
    story.run.retry("build").finish("failed")
    story.run.retry("build").finish()
    job = _of(ask(f"{story.build}/timeline").json["records"], "Job")
    assert job["attempt"] == 3
    assert [former["attempt"] for former in job["previousAttempts"]] == [1, 2]


def test_a_timeline_that_is_not_there_is_answered_with_nothing(story: Story, ask: Client) -> None:
    response = ask(f"{story.build}/timeline/{story.project.id}")
    assert (response.status, response.body) == (204, b"")


@pytest.mark.parametrize(("hides", "listed"), [(False, 2), (True, 1)])
def test_attachments_of_an_earlier_attempt_may_be_listed_or_hidden(
    hides: bool, listed: int, story: Story, ask: Client
) -> None:
    story.organization.faults.hides_earlier_attachments = hides
    story.run.retry("build").publish(b"{}")
    records = {record["id"] for record in ask(f"{story.build}/timeline").json["records"]}
    attachments = [tuple(_record_of(attachment)) for attachment in ask(f"{story.build}/attachments/slipway").value]
    assert len(attachments) == listed
    assert sum(record in records for _, record in attachments) == 1, "only one belongs to the last attempt"


def test_the_result_of_a_run_can_change_after_it_was_read(story: Story, ask: Client) -> None:
    first = ask(story.build).json
    story.run.retry("build").finish("failed")
    story.run.finish("failed")
    second = ask(story.build).json
    assert (first["id"], first["result"], second["result"]) == (second["id"], "succeeded", "failed")
    assert first["finishTime"] < second["finishTime"]
