"""Runs, their timelines with several attempts, and what they attached."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from local.azuredevops import PUBLISHING_TASK, Kind
from local.azuredevops.people import OBJECT_ID

from .support import PUBLISHED, Client, Story


def test_a_run_says_which_pipeline_ran_on_which_commit(told: Story, ask: Client) -> None:
    run = ask(told.build).json
    assert (run["id"], run["status"], run["result"]) == (told.run.id, "completed", "succeeded")
    assert (run["definition"]["id"], run["definition"]["path"]) == (told.pipeline.id, "\\team\\shop")
    assert (run["sourceBranch"], run["sourceVersion"]) == ("refs/heads/main", told.commit.id)
    assert run["repository"]["id"] == told.repository.id


def test_a_run_that_a_push_started_was_asked_for_by_azure_devops_itself(told: Story, ask: Client) -> None:
    run = ask(told.build).json
    assert run["reason"] == "individualCI"
    assert run["requestedBy"]["displayName"] == "Microsoft.VisualStudio.Services.TFS"
    assert run["requestedFor"]["id"] == told.ben.storage_key, "who completed the pull request is who pushed"


def test_a_run_can_have_been_asked_for_by_something_that_is_not_a_person(told: Story, ask: Client) -> None:
    service = told.organization.person("shop Build Service (contoso)", kind=Kind.BUILD_SERVICE)
    run = told.pipeline.start(told.commit, requested_for=service, reason="schedule")
    asked_for = ask(f"{told.project.id}/_apis/build/builds/{run.id}").json["requestedFor"]
    assert asked_for["descriptor"].startswith("svc.")
    [identity] = ask("_apis/identities", {"identityIds": asked_for["id"]}, people=True).value
    assert OBJECT_ID not in identity["properties"]


def test_the_pipelines_interface_tells_the_same_run_without_anybody_who_asked_for_it(told: Story, ask: Client) -> None:
    run = ask(f"{told.project.id}/_apis/pipelines/{told.pipeline.id}/runs/{told.run.id}").json
    assert (run["id"], run["name"], run["state"]) == (told.run.id, told.run.number, "completed")
    assert run["resources"]["repositories"]["self"]["version"] == told.commit.id
    assert "requestedFor" not in run


def test_a_run_of_another_pipeline_is_not_this_pipelines(told: Story, ask: Client) -> None:
    other = told.project.pipeline("shop-ci", told.repository, path="\\other")
    assert ask(f"shop/_apis/pipelines/{other.id}/runs/{told.run.id}").status == 404


@pytest.mark.parametrize("id", ["999", "-1", "abc", "99999999999999999999"])
def test_a_run_that_is_not_there_is_an_error_of_the_build_interface(id: str, ask: Client) -> None:
    answer = ask(f"shop/_apis/build/builds/{id}")
    assert (answer.status, answer.json["typeKey"]) == (404, "BuildNotFoundException")


def test_a_run_of_another_project_is_not_this_projects(told: Story, ask: Client) -> None:
    told.organization.project("other")
    assert ask(f"other/_apis/build/builds/{told.run.id}").status == 404


def test_a_deleted_run_is_readable_for_a_while_and_then_gone(told: Story, ask: Client) -> None:
    told.run.delete(told.ada)
    run = ask(told.build).json
    assert (run["deleted"], run["deletedBy"]["id"]) == (True, told.ada.storage_key)
    assert ask("shop/_apis/build/builds", {"buildIds": told.run.id}).value == []
    [kept] = ask("shop/_apis/build/builds", {"buildIds": told.run.id, "deletedFilter": "includeDeleted"}).value
    assert kept["id"] == told.run.id
    told.run.forget()
    assert ask(told.build).status == 404


def test_runs_are_listed_in_order_with_a_continuation_that_stands_in_a_header_only(told: Story, ask: Client) -> None:
    for _ in range(3):
        told.pipeline.run(told.commit, requested_for=told.ben)
    query: dict[str, Any] = {"definitions": told.pipeline.id, "queryOrder": "finishTimeAscending", "$top": 2}
    seen: list[int] = []
    token: str | None = ""
    while token is not None:
        answer = ask("shop/_apis/build/builds", query | ({"continuationToken": token} if token else {}))
        assert set(answer.json) == {"count", "value"}
        seen += [run["id"] for run in answer.value]
        token = answer.headers.get("x-ms-continuationtoken")
    assert seen == sorted(told.project.runs)


def test_the_time_of_a_list_is_that_of_its_order(told: Story, ask: Client) -> None:
    late = told.pipeline.run(told.commit, requested_for=told.ben)
    first = ask(told.build).json["finishTime"]
    query = {"queryOrder": "finishTimeAscending", "$top": 9, "minTime": first}
    assert [run["id"] for run in ask("shop/_apis/build/builds", query).value] == [told.run.id, late.id]


def test_a_failed_run_is_found_by_its_result(told: Story, ask: Client) -> None:
    bad = told.pipeline.run(told.commit, requested_for=told.ben, result="partiallySucceeded")
    query = {"queryOrder": "finishTimeAscending", "$top": 9, "resultFilter": "partiallySucceeded"}
    assert [run["id"] for run in ask("shop/_apis/build/builds", query).value] == [bad.id]


# ---- attachments
def _record_of(attachment: dict[str, Any]) -> list[str]:
    """Ids of the timeline and the record, taken from the link: they stand nowhere else."""
    steps: list[str] = urlsplit(attachment["_links"]["self"]["href"]).path.split("/")
    return steps[steps.index("attachments") - 2 : steps.index("attachments")]


def test_an_attachment_is_read_by_the_ids_that_its_link_holds(told: Story, ask: Client) -> None:
    [attachment] = ask(f"{told.build}/attachments/slipway").value
    assert attachment["name"] == "slipway.json"
    timeline, record = _record_of(attachment)
    answer = ask(f"{told.build}/{timeline}/{record}/attachments/slipway/slipway.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/octet-stream")
    assert answer.json == PUBLISHED


def test_the_record_of_an_attachment_names_the_task_that_made_it(told: Story, ask: Client) -> None:
    [attachment] = ask(f"{told.build}/attachments/slipway").value
    timeline, record = _record_of(attachment)
    found = ask(f"{told.build}/timeline").json
    assert found["id"] == timeline
    [task] = [each for each in found["records"] if each["id"] == record]
    assert (task["type"], task["name"], task["task"]["name"]) == ("Task", PUBLISHING_TASK, "Bash")
    [job] = [each for each in found["records"] if each["id"] == task["parentId"]]
    assert (job["type"], job["identifier"]) == ("Job", "build.__default")


def test_any_task_can_attach_and_both_are_listed(told: Story, ask: Client) -> None:
    job = told.run.job("tests")
    job.task("Run the tests").attach("slipway", "slipway.json", b"{}")
    assert len({tuple(_record_of(each)) for each in ask(f"{told.build}/attachments/slipway").value}) == 2


def test_a_task_that_attaches_the_same_name_again_replaces_it(told: Story, ask: Client) -> None:
    job = told.run.job("tests")
    task = job.task("Run the tests")
    task.attach("other", "a.json", b"1")
    task.attach("other", "a.json", b"2")
    [attachment] = ask(f"{told.build}/attachments/other").value
    timeline, record = _record_of(attachment)
    assert ask(f"{told.build}/{timeline}/{record}/attachments/other/a.json").body == b"2"


@pytest.mark.parametrize("name", ["a/b.json", "a\0.json"])
def test_the_agent_refuses_names_that_are_not_file_names(name: str, told: Story) -> None:
    with pytest.raises(ValueError, match="refuses"):
        told.run.job("tests").task("Run").attach("slipway", name, b"")


def test_a_type_without_attachments_is_an_empty_list_and_a_wrong_record_is_not_found(told: Story, ask: Client) -> None:
    assert ask(f"{told.build}/attachments/nothing").value == []
    [attachment] = ask(f"{told.build}/attachments/slipway").value
    timeline, record = _record_of(attachment)
    assert ask(f"{told.build}/{record}/{timeline}/attachments/slipway/slipway.json").status == 404


def test_attachments_may_be_in_preview(told: Story, ask: Client) -> None:
    told.organization.faults.attachments_in_preview = True
    refused = ask(f"{told.build}/attachments/slipway")
    assert (refused.status, refused.json["typeKey"]) == (400, "VssInvalidPreviewVersionException")
    assert len(ask.in_version("7.1-preview.2")(f"{told.build}/attachments/slipway").value) == 1


def test_no_link_of_an_answer_leads_to_where_it_was_asked(told: Story, ask: Client) -> None:
    for path in (told.build, f"{told.build}/attachments/slipway", f"{told.git}/pullRequests/{told.pull_request.id}"):
        body = ask(path).body.decode()
        assert "https://dev.azure.com/contoso/" in body
        assert "127.0.0.1" not in body


# ---- several attempts
def _of(records: list[dict[str, Any]], type: str) -> dict[str, Any]:
    [found] = [record for record in records if record["type"] == type]
    return found


def test_a_retry_keeps_the_run_and_its_timeline_and_makes_new_records(told: Story, ask: Client) -> None:
    before = ask(f"{told.build}/timeline").json
    again = told.run.retry("build")
    assert ask(told.build).json["status"] == "inProgress"
    again.finish()
    told.run.finish()
    after = ask(f"{told.build}/timeline").json
    assert after["id"] == before["id"]
    assert {record["id"] for record in before["records"]}.isdisjoint(record["id"] for record in after["records"])
    for type in ("Stage", "Job"):
        old, new = _of(before["records"], type), _of(after["records"], type)
        assert (new["attempt"], new["identifier"]) == (2, old["identifier"])
        assert [former["recordId"] for former in new["previousAttempts"]] == [old["id"]]
    assert (_of(after["records"], "Phase")["attempt"], _of(after["records"], "Phase")["previousAttempts"]) == (2, [])


def test_the_tasks_of_a_retried_job_begin_at_attempt_one(told: Story, ask: Client) -> None:
    told.run.retry("build").publish(b"{}")
    tasks = [record for record in ask(f"{told.build}/timeline").json["records"] if record["type"] == "Task"]
    assert {task["attempt"] for task in tasks} == {1}


def test_the_former_records_are_a_timeline_of_their_own(told: Story, ask: Client) -> None:
    before = ask(f"{told.build}/timeline").json
    told.run.retry("build").finish()
    job = _of(ask(f"{told.build}/timeline").json["records"], "Job")
    [former] = job["previousAttempts"]
    old = ask(f"{told.build}/timeline/{former['timelineId']}").json
    assert old["id"] == former["timelineId"] == _of(before["records"], "Stage")["id"]
    assert [record["id"] for record in old["records"]] == [record["id"] for record in before["records"]]


def test_a_third_attempt_names_both_that_came_before(told: Story, ask: Client) -> None:
    told.run.retry("build").finish("failed")
    told.run.retry("build").finish()
    job = _of(ask(f"{told.build}/timeline").json["records"], "Job")
    assert job["attempt"] == 3
    assert [former["attempt"] for former in job["previousAttempts"]] == [1, 2]


def test_a_timeline_that_is_not_there_is_answered_with_nothing(told: Story, ask: Client) -> None:
    answer = ask(f"{told.build}/timeline/{told.project.id}")
    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize(("hides", "listed"), [(False, 2), (True, 1)])
def test_what_a_former_attempt_attached_may_be_listed_or_not(
    hides: bool, listed: int, told: Story, ask: Client
) -> None:
    told.organization.faults.hides_earlier_attachments = hides
    told.run.retry("build").publish(b"{}")
    records = {record["id"] for record in ask(f"{told.build}/timeline").json["records"]}
    found = [tuple(_record_of(each)) for each in ask(f"{told.build}/attachments/slipway").value]
    assert len(found) == listed
    assert sum(record in records for _, record in found) == 1, "only one belongs to the last attempt"


def test_the_result_of_a_run_can_change_after_it_was_read(told: Story, ask: Client) -> None:
    first = ask(told.build).json
    told.run.retry("build").finish("failed")
    told.run.finish("failed")
    second = ask(told.build).json
    assert (first["id"], first["result"], second["result"]) == (second["id"], "succeeded", "failed")
    assert first["finishTime"] < second["finishTime"]
