"""The product's client of Azure DevOps against the double: the data that it reads, and the answers that it rejects."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from local.azuredevops import AzureDevOps as Double
from local.azuredevops import Kind, Strategy
from slipway.domain.run_source import Absent, CannotKnow, RunAddress, RunInfo, SourceAnswer
from slipway.effects.azure_devops import AzureDevOps, Endpoints, Exchange, RequestLimits

from .support import PUBLISHED, WORKER, Story, play_story


@dataclass(kw_only=True)
class Setup:
    """The client, and how long it paused each time."""

    story: Story
    double: Double
    token: str
    limits: RequestLimits = field(default_factory=lambda: RequestLimits(attempts=2))
    pauses: list[float] = field(default_factory=list)
    now: float = 1_000_000.0

    def __post_init__(self) -> None:
        endpoints = Endpoints(main=self.double.url, people=self.double.people_url)
        exchange = Exchange(lambda: self.token, limits=self.limits, clock=lambda: self.now, pause=self._pause)
        self.client = AzureDevOps(exchange, endpoints)

    def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    @property
    def address(self) -> RunAddress:
        return RunAddress(organization="contoso", project=self.story.project.id, run=self.story.run.id)

    @property
    def run(self) -> RunInfo:
        run = self.client.run(self.address)
        assert isinstance(run, RunInfo), run
        return run


@pytest.fixture
def setup(story: Story) -> Iterator[Setup]:
    with Double(story.organization) as double:
        yield Setup(story=story, double=double, token=double.token(WORKER))


def value[T](answer: SourceAnswer[T]) -> T:
    assert not isinstance(answer, Absent | CannotKnow), answer
    return answer


# ---- what it reads
def test_a_run_is_read_with_its_ids_and_what_it_built(setup: Setup) -> None:
    run, story = setup.run, setup.story
    assert (run.project_id, run.project, run.definition, run.pipeline, run.folder) == (
        story.project.id,
        "shop",
        story.pipeline.id,
        "shop-ci",
        "\\team\\shop",
    )
    assert (run.completed, run.result, run.branch, run.commit) == (
        True,
        "succeeded",
        "refs/heads/main",
        story.commit.id,
    )
    assert run.repository_is_here
    assert run.requested_for is not None
    assert run.requested_for.id == story.ben.storage_key


def test_a_run_is_found_by_the_projects_name_too(setup: Setup) -> None:
    by_name = setup.client.run(RunAddress(organization="contoso", project="shop", run=setup.story.run.id))
    assert by_name == setup.run


def test_what_a_run_published_is_read_from_the_host_that_was_asked_though_the_link_names_another(setup: Setup) -> None:
    (place,) = value(setup.client.attachments(setup.run, "slipway"))
    assert json.loads(value(setup.client.attachment(setup.run, "slipway", place))) == PUBLISHED
    task = next(record for record in value(setup.client.timeline(setup.run)) if record.id == place.record)
    assert (task.type, task.name) == ("Task", "Tell Slipway what was published")


def test_a_document_that_is_too_large_is_not_read(setup: Setup) -> None:
    setup.story.run.attachments.clear()
    job = setup.story.run.job("again")
    job.publish(b"x" * (64 * 1024 + 1))
    (place,) = value(setup.client.attachments(setup.run, "slipway"))
    large = setup.client.attachment(setup.run, "slipway", place)
    assert isinstance(large, CannotKnow)
    assert "65536 bytes" in large.why
    assert not large.retryable


def test_the_changes_of_a_run_are_read_to_the_last_page(setup: Setup) -> None:
    story = setup.story
    story.organization.page = 2
    for number in range(5):
        story.repository.commit(f"Change {number}", by=story.ada)
    run = story.pipeline.run(story.repository.commit("The last", by=story.ben), requested_for=story.ben)
    setup.story.run = run
    assert len(value(setup.client.changes(setup.run))) == 6


def test_commits_are_read_to_the_last_page_however_short_the_pages_are(setup: Setup) -> None:
    story = setup.story
    story.organization.page = 2
    pushed = [story.repository.commit(f"Change {number}", by=story.ada) for number in range(5)]
    commits = value(setup.client.commits(setup.run, story.commit.id, pushed[-1].id))
    assert {commit.id for commit in commits} == {commit.id for commit in pushed}


def test_a_list_with_too_many_pages_is_not_read(setup: Setup) -> None:
    story = setup.story
    story.organization.page = 1
    for number in range(12):
        last = story.repository.commit(f"Change {number}", by=story.ada)
    setup.story.run = story.pipeline.run(last, requested_for=story.ada)
    assert isinstance(setup.client.changes(setup.run), CannotKnow)


def test_commits_between_two_are_read_with_who_pushed_them(setup: Setup) -> None:
    story = setup.story
    commits = value(setup.client.commits(setup.run, story.live.id, story.commit.id))
    assert [(commit.id, commit.pushed_by and commit.pushed_by.id) for commit in commits] == [
        (story.commit.id, story.ben.storage_key)
    ]
    assert value(setup.client.merge_bases(setup.run, story.live.id, story.commit.id)) == (story.live.id,)
    released = value(setup.client.commit(setup.run, story.commit.id))
    assert released.parents == (story.live.id,)
    assert released.author.mail == "ada@example.com"


@pytest.mark.parametrize("strategy", Strategy)
def test_a_commit_leads_to_its_pull_request_and_that_to_the_commits_of_its_branch(strategy: Strategy) -> None:
    story = play_story(strategy)
    with Double(story.organization) as double:
        setup = Setup(story=story, double=double, token=double.token(WORKER))
        (pull_request,) = value(setup.client.pull_requests(setup.run, [story.commit.id]))
        assert (
            pull_request.completed,
            pull_request.created_by and pull_request.created_by.id,
            pull_request.closed_by and pull_request.closed_by.id,
        ) == (
            True,
            story.ada.storage_key,
            story.ben.storage_key,
        )
        assert len(value(setup.client.commits_of(setup.run, pull_request.id))) == 2


def test_people_are_named_by_their_object_ids(setup: Setup) -> None:
    story = setup.story
    guest = next(person for person in story.organization.people.values() if person.kind is Kind.GUEST)
    platform = next(person for person in story.organization.people.values() if person.kind is Kind.PLATFORM)
    builds = story.organization.person("shop Build Service", kind=Kind.BUILD_SERVICE)
    people = [story.ada, guest, platform, builds]
    identities = value(setup.client.identities("contoso", [person.storage_key for person in people] + ["0" * 32]))
    assert [(identity.object_id, identity.tenant, identity.is_service) for identity in identities] == [
        (story.ada.oid, story.organization.tenant, False),
        (guest.oid, story.organization.tenant, False),
        ("", "", True),
        ("", "", True),
    ]


def test_a_service_principal_is_not_a_person(setup: Setup) -> None:
    worker = next(p for p in setup.story.organization.people.values() if p.kind is Kind.SERVICE_PRINCIPAL)
    (identity,) = value(setup.client.identities("contoso", [worker.storage_key]))
    assert (identity.is_service, identity.object_id, identity.client_id) == (True, WORKER, worker.client_id)


def test_an_address_that_two_people_have_names_both(setup: Setup) -> None:
    setup.story.organization.person("Another Ada", "ada@example.com", oid="b" * 8 + "-0000-4000-8000-000000000000")
    assert len(value(setup.client.identities_named("contoso", "ada@example.com"))) == 2
    assert value(setup.client.identities_named("contoso", "nobody@example.com")) == ()


# ---- what counts as no answer
@pytest.mark.parametrize("redirects", [False, True], ids=["a page for signing in", "a redirect to it"])
def test_a_token_that_is_not_accepted_is_not_an_answer_and_is_tried_later(setup: Setup, redirects: bool) -> None:
    setup.story.organization.faults.redirects_to_sign_in = redirects
    setup.token = "not-a-token"
    outcome = setup.client.run(setup.address)
    assert isinstance(outcome, CannotKnow)
    assert outcome.retryable
    assert "does not accept Slipway's identity" in outcome.why
    assert setup.token not in outcome.why


def test_the_reason_of_a_refusal_says_that_the_service_principal_was_not_admitted(setup: Setup) -> None:
    setup.token = setup.double.token("99999999-0000-4000-8000-0000000000ff")
    outcome = setup.client.run(setup.address)
    assert isinstance(outcome, CannotKnow)
    assert "TF401444" in outcome.why


@pytest.mark.parametrize("hide", ["the run", "the project"])
def test_an_absent_run_and_a_run_of_a_hidden_project_are_both_absent(setup: Setup, hide: str) -> None:
    if hide == "the run":
        setup.story.run.forget()
    else:
        setup.story.organization.admit("slipway-worker", oid=WORKER, projects=frozenset({"another"}))
    assert isinstance(setup.client.run(setup.address), Absent)


def test_a_reader_without_basic_sees_no_repository(setup: Setup) -> None:
    setup.story.organization.admit("slipway-worker", oid=WORKER, basic=False)
    assert isinstance(setup.client.commit(setup.run, setup.story.commit.id), Absent)


def test_a_deleted_run_is_read_as_deleted(setup: Setup) -> None:
    setup.story.run.delete(by=setup.story.ada)
    assert setup.run.deleted


def test_a_stopped_organization_counts_as_a_temporary_outage(setup: Setup) -> None:
    setup.story.organization.faults.stopped = True
    outcome = setup.client.run(setup.address)
    assert isinstance(outcome, CannotKnow)
    assert outcome.retryable
    assert "TF24668" in outcome.why
    assert len(setup.pauses) == setup.limits.attempts - 1


def test_a_blocked_client_reports_when_to_ask_again_and_does_not_wait_itself(setup: Setup) -> None:
    setup.story.organization.faults.blocked = True
    outcome = setup.client.run(setup.address)
    assert isinstance(outcome, CannotKnow)
    assert (outcome.retryable, outcome.after) == (True, timedelta(seconds=30))
    assert setup.pauses == []


@pytest.mark.parametrize(("seconds", "waits"), [(3, True), (60, False)])
def test_a_pause_that_a_good_answer_asks_for_is_kept_before_the_next_request(
    setup: Setup, seconds: int, waits: bool
) -> None:
    setup.story.organization.faults.retry_after = seconds
    run = setup.run
    assert setup.pauses == []
    following = setup.client.timeline(run)
    assert setup.pauses == ([seconds] if waits else [])
    if not waits:
        assert isinstance(following, CannotKnow)
        assert (following.retryable, following.after) == (True, timedelta(seconds=seconds))


def test_an_address_where_nothing_listens_counts_as_a_temporary_outage(story: Story) -> None:
    with Double(story.organization) as double:
        setup = Setup(story=story, double=double, token=double.token(WORKER))
    outcome = setup.client.run(setup.address)
    assert isinstance(outcome, CannotKnow)
    assert outcome.retryable


@pytest.mark.parametrize(
    ("organization", "project"),
    [("contoso/..", "shop"), ("evil.example/", "shop"), ("contoso", "../contoso"), ("contoso", ".."), ("", "shop")],
)
def test_a_name_that_could_change_an_address_is_never_put_into_one(
    setup: Setup, organization: str, project: str
) -> None:
    before = len(setup.story.organization.requests)
    outcome = setup.client.run(RunAddress(organization=organization, project=project, run=1))
    assert isinstance(outcome, Absent)
    assert len(setup.story.organization.requests) == before


@pytest.mark.parametrize(
    "url",
    [
        "https://dev.azure.com.evil.example",
        "http://dev.azure.com",
        "https://evil.example",
        "http://127.0.0.1:1/contoso",
    ],
)
def test_no_other_host_can_be_configured(url: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Endpoints(main=url)


# ---- hostile answers
class Answering:
    """A pool that gives every request the same response."""

    def __init__(self, body: bytes, status: int = 200, kind: str = "application/json; charset=utf-8") -> None:
        self._response = (body, status, kind)

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        body, status, kind = self._response
        return urllib3.HTTPResponse(
            body=io.BytesIO(body), status=status, headers={"Content-Type": kind}, preload_content=False
        )


def client(pool: Answering) -> AzureDevOps:
    exchange = Exchange(lambda: "token", pool=pool, limits=RequestLimits(attempts=1), pause=lambda _: None)
    return AzureDevOps(exchange, Endpoints())


RUN = RunInfo(
    organization="contoso",
    project_id="00000000-0000-0000-0000-000000000001",
    project="shop",
    definition=1,
    pipeline="shop-ci",
    folder="\\",
    id=1,
    number="1",
    completed=True,
    result="succeeded",
    reason="individualCI",
    branch="refs/heads/main",
    commit="a" * 40,
    repository="shop",
    repository_is_here=True,
    requested_for=None,
    finished_at=None,
    deleted=False,
)
QUERIES: dict[str, Callable[[AzureDevOps], object]] = {
    "run": lambda ask: ask.run(RunAddress(organization="contoso", project="shop", run=1)),
    "timeline": lambda ask: ask.timeline(RUN),
    "attachments": lambda ask: ask.attachments(RUN, "slipway"),
    "changes": lambda ask: ask.changes(RUN),
    "commit": lambda ask: ask.commit(RUN, "a" * 40),
    "commits": lambda ask: ask.commits(RUN, "a" * 40, "b" * 40),
    "pull requests": lambda ask: ask.pull_requests(RUN, ["a" * 40]),
    "identities": lambda ask: ask.identities("contoso", ["1"]),
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["value", "id", "records", "results", "properties", "_links", "self", "href", "name", "status"]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@given(query=st.sampled_from(sorted(QUERIES)), content=JSON)
def test_no_json_answer_of_the_service_raises_an_error(query: str, content: Any) -> None:
    QUERIES[query](client(Answering(json.dumps(content).encode())))


@given(query=st.sampled_from(sorted(QUERIES)), body=st.binary(max_size=50), status=st.integers(200, 599))
def test_an_answer_that_is_not_json_is_never_taken_for_data(query: str, body: bytes, status: int) -> None:
    outcome = QUERIES[query](client(Answering(body, status, "text/html")))
    assert isinstance(outcome, Absent | CannotKnow)


@pytest.mark.parametrize(
    "href",
    [
        "https://dev.azure.com/contoso/x/_apis/build/builds/1/../../attachments/slipway/slipway.json",
        "https://evil.example/",
        "not a link",
        "https://dev.azure.com/a/b/c/attachments/slipway/another.json",
    ],
)
def test_a_link_that_leads_to_no_attachment_is_not_read(href: str) -> None:
    entry = {"name": "slipway.json", "_links": {"self": {"href": href}}}
    outcome = client(Answering(json.dumps({"value": [entry]}).encode())).attachments(RUN, "slipway")
    assert isinstance(outcome, CannotKnow)


def test_the_error_message_of_the_service_is_shortened_and_stripped_of_control_characters() -> None:
    message = "\x1b[31mred\u202e" + "x" * 1000
    outcome = client(Answering(json.dumps({"message": message}).encode(), 403)).run(
        RunAddress(organization="contoso", project="shop", run=1)
    )
    assert isinstance(outcome, CannotKnow)
    assert "\x1b" not in outcome.why
    assert "\u202e" not in outcome.why
    assert len(outcome.why) < 400
