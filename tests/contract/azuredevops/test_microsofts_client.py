"""Microsoft's own Python client, unmodified, against the double: it finds the resources and reads their responses."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from .support import PUBLISHED, WORKER, Client, Story


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The client caches the addresses of resources on disk: here in a folder of the test, and not in the user's
    home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


def of(ask: Client, token: str) -> dict[str, Any]:
    """Clients of the areas `build`, `git` and `pipelines`."""
    from azure.devops.v7_1.build.build_client import BuildClient  # noqa: PLC0415 - reads the variable
    from azure.devops.v7_1.git.git_client_base import GitClientBase  # noqa: PLC0415
    from azure.devops.v7_1.pipelines.pipelines_client import PipelinesClient  # noqa: PLC0415
    from msrest.authentication import BasicTokenAuthentication  # noqa: PLC0415

    credentials = BasicTokenAuthentication({"access_token": token})
    kinds = {"build": BuildClient, "git": GitClientBase, "pipelines": PipelinesClient}
    return {name: kind(base_url=f"{ask.azure.url}/contoso", creds=credentials) for name, kind in kinds.items()}


@pytest.fixture
def clients(ask: Client) -> dict[str, Any]:
    return of(ask, ask.azure.token(WORKER))


def test_the_client_reads_a_run_with_its_people_and_its_times(story: Story, clients: dict[str, Any]) -> None:
    run = clients["build"].get_build(story.project.id, story.run.id)
    assert (run.id, run.result, run.source_version) == (story.run.id, "succeeded", story.commit.id)
    assert (run.definition.id, run.definition.path) == (story.pipeline.id, "\\team\\shop")
    assert run.requested_for.id == story.ben.storage_key
    assert run.finish_time == story.run.finished


def test_the_client_reads_the_timeline_of_a_retried_run(story: Story, clients: dict[str, Any]) -> None:
    story.run.retry("build").finish()
    timeline = clients["build"].get_build_timeline(story.project.id, story.run.id)
    [job] = [record for record in timeline.records if record.type == "Job"]
    [former] = job.previous_attempts
    older = clients["build"].get_build_timeline(story.project.id, story.run.id, former.timeline_id)
    assert former.record_id in {record.id for record in older.records}


def test_the_client_reads_an_attachment(story: Story, clients: dict[str, Any]) -> None:
    [attachment] = clients["build"].get_attachments(story.project.id, story.run.id, "slipway")
    steps = urlsplit(attachment._links.additional_properties["self"]["href"]).path.split("/")
    timeline, record = steps[steps.index("attachments") - 2 : steps.index("attachments")]
    pieces = clients["build"].get_attachment(
        story.project.id, story.run.id, timeline, record, "slipway", attachment.name
    )
    assert PUBLISHED["digest"] in b"".join(pieces).decode()


def test_the_client_reads_the_changes_of_a_run(story: Story, clients: dict[str, Any]) -> None:
    changes = clients["build"].get_build_changes(story.project.id, story.run.id, top=10)
    assert [change.id for change in changes] == [story.commit.id]


def test_the_client_reads_commits_pushes_and_pull_requests(story: Story, clients: dict[str, Any]) -> None:
    git, repository, project = clients["git"], story.repository.id, story.project.id
    commit = git.get_commit(story.commit.id, repository, project)
    assert (commit.push.pushed_by.id, commit.parents) == (story.ben.storage_key, [story.live.id])
    [push] = git.get_pushes(repository, project, top=1)
    assert push.pushed_by.id == story.ben.storage_key
    pull_request = git.get_pull_request(repository, story.pull_request.id, project)
    assert (pull_request.status, pull_request.closed_by.id) == ("completed", story.ben.storage_key)
    commits = git.get_pull_request_commits(repository, story.pull_request.id, project, top=10)
    assert len(commits) == 2


def test_the_client_finds_the_pull_request_of_a_commit(story: Story, clients: dict[str, Any]) -> None:
    from azure.devops.v7_1.git.models import GitPullRequestQuery, GitPullRequestQueryInput  # noqa: PLC0415

    query = GitPullRequestQuery(queries=[GitPullRequestQueryInput(type="lastMergeCommit", items=[story.commit.id])])
    [by_commit] = clients["git"].get_pull_request_query(query, story.repository.id, story.project.id).results
    assert [entry.pull_request_id for entry in by_commit[story.commit.id]] == [story.pull_request.id]


def test_the_client_reads_a_range_of_commits_by_a_post_request(story: Story, clients: dict[str, Any]) -> None:
    from azure.devops.v7_1.git.models import GitQueryCommitsCriteria, GitVersionDescriptor  # noqa: PLC0415

    criteria = GitQueryCommitsCriteria(
        item_version=GitVersionDescriptor(version=story.live.id, version_type="commit"),
        compare_version=GitVersionDescriptor(version=story.commit.id, version_type="commit"),
        include_push_data=True,
    )
    [commit] = clients["git"].get_commits_batch(criteria, story.repository.id, story.project.id)
    assert (commit.commit_id, commit.push.pushed_by.id) == (story.commit.id, story.ben.storage_key)


def test_the_client_reads_the_run_of_a_pipeline(story: Story, clients: dict[str, Any]) -> None:
    run = clients["pipelines"].get_run(story.project.id, story.pipeline.id, story.run.id)
    assert (run.id, run.state, run.result, run.pipeline.folder) == (
        story.run.id,
        "completed",
        "succeeded",
        "\\team\\shop",
    )


def test_the_client_names_a_run_that_does_not_exist(story: Story, clients: dict[str, Any]) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError  # noqa: PLC0415

    with pytest.raises(AzureDevOpsServiceError, match="The requested build 999 could not be found") as raised:
        clients["build"].get_build(story.project.id, 999)
    assert raised.value.type_key == "BuildNotFoundException"


def test_the_client_gets_an_authentication_error_for_a_bad_token(story: Story, ask: Client) -> None:
    from azure.devops.exceptions import AzureDevOpsAuthenticationError  # noqa: PLC0415

    with pytest.raises(AzureDevOpsAuthenticationError):
        of(ask, "bad")["build"].get_build(story.project.id, story.run.id)
    suppress = {"Authorization": "Bearer bad", "X-TFS-FedAuthRedirect": "Suppress"}
    response = ask(story.build, headers=suppress)
    assert (response.status, response.body) == (401, b"")
