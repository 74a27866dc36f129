"""Microsoft's own Python client, unmodified, against the double: it finds the resources, and reads what they answer."""

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


def test_it_reads_a_run_with_its_people_and_its_times(told: Story, clients: dict[str, Any]) -> None:
    run = clients["build"].get_build(told.project.id, told.run.id)
    assert (run.id, run.result, run.source_version) == (told.run.id, "succeeded", told.commit.id)
    assert (run.definition.id, run.definition.path) == (told.pipeline.id, "\\team\\shop")
    assert run.requested_for.id == told.ben.storage_key
    assert run.finish_time == told.run.finished


def test_it_reads_the_timeline_over_a_retry(told: Story, clients: dict[str, Any]) -> None:
    told.run.retry("build").finish()
    timeline = clients["build"].get_build_timeline(told.project.id, told.run.id)
    [job] = [record for record in timeline.records if record.type == "Job"]
    [former] = job.previous_attempts
    older = clients["build"].get_build_timeline(told.project.id, told.run.id, former.timeline_id)
    assert former.record_id in {record.id for record in older.records}


def test_it_reads_an_attachment(told: Story, clients: dict[str, Any]) -> None:
    [attachment] = clients["build"].get_attachments(told.project.id, told.run.id, "slipway")
    steps = urlsplit(attachment._links.additional_properties["self"]["href"]).path.split("/")
    timeline, record = steps[steps.index("attachments") - 2 : steps.index("attachments")]
    pieces = clients["build"].get_attachment(told.project.id, told.run.id, timeline, record, "slipway", attachment.name)
    assert PUBLISHED["digest"] in b"".join(pieces).decode()


def test_it_reads_the_changes_of_a_run(told: Story, clients: dict[str, Any]) -> None:
    changes = clients["build"].get_build_changes(told.project.id, told.run.id, top=10)
    assert [change.id for change in changes] == [told.commit.id]


def test_it_reads_commits_pushes_and_pull_requests(told: Story, clients: dict[str, Any]) -> None:
    git, repository, project = clients["git"], told.repository.id, told.project.id
    commit = git.get_commit(told.commit.id, repository, project)
    assert (commit.push.pushed_by.id, commit.parents) == (told.ben.storage_key, [told.live.id])
    [push] = git.get_pushes(repository, project, top=1)
    assert push.pushed_by.id == told.ben.storage_key
    pull_request = git.get_pull_request(repository, told.pull_request.id, project)
    assert (pull_request.status, pull_request.closed_by.id) == ("completed", told.ben.storage_key)
    commits = git.get_pull_request_commits(repository, told.pull_request.id, project, top=10)
    assert len(commits) == 2


def test_it_finds_the_pull_request_of_a_commit(told: Story, clients: dict[str, Any]) -> None:
    from azure.devops.v7_1.git.models import GitPullRequestQuery, GitPullRequestQueryInput  # noqa: PLC0415

    asked = GitPullRequestQuery(queries=[GitPullRequestQueryInput(type="lastMergeCommit", items=[told.commit.id])])
    [found] = clients["git"].get_pull_request_query(asked, told.repository.id, told.project.id).results
    assert [each.pull_request_id for each in found[told.commit.id]] == [told.pull_request.id]


def test_it_reads_a_range_of_commits_by_a_body(told: Story, clients: dict[str, Any]) -> None:
    from azure.devops.v7_1.git.models import GitQueryCommitsCriteria, GitVersionDescriptor  # noqa: PLC0415

    criteria = GitQueryCommitsCriteria(
        item_version=GitVersionDescriptor(version=told.live.id, version_type="commit"),
        compare_version=GitVersionDescriptor(version=told.commit.id, version_type="commit"),
        include_push_data=True,
    )
    [commit] = clients["git"].get_commits_batch(criteria, told.repository.id, told.project.id)
    assert (commit.commit_id, commit.push.pushed_by.id) == (told.commit.id, told.ben.storage_key)


def test_it_reads_the_run_of_a_pipeline(told: Story, clients: dict[str, Any]) -> None:
    run = clients["pipelines"].get_run(told.project.id, told.pipeline.id, told.run.id)
    assert (run.id, run.state, run.result, run.pipeline.folder) == (
        told.run.id,
        "completed",
        "succeeded",
        "\\team\\shop",
    )


def test_it_says_what_is_not_there(told: Story, clients: dict[str, Any]) -> None:
    from azure.devops.exceptions import AzureDevOpsServiceError  # noqa: PLC0415

    with pytest.raises(AzureDevOpsServiceError, match="The requested build 999 could not be found") as raised:
        clients["build"].get_build(told.project.id, 999)
    assert raised.value.type_key == "BuildNotFoundException"


def test_it_is_told_plainly_that_its_token_is_bad(told: Story, ask: Client) -> None:
    from azure.devops.exceptions import AzureDevOpsAuthenticationError  # noqa: PLC0415

    with pytest.raises(AzureDevOpsAuthenticationError):
        of(ask, "bad")["build"].get_build(told.project.id, told.run.id)
    suppress = {"Authorization": "Bearer bad", "X-TFS-FedAuthRedirect": "Suppress"}
    answer = ask(told.build, headers=suppress)
    assert (answer.status, answer.body) == (401, b"")
