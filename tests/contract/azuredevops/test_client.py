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

from .support import PUBLISHED, WORKER, Story, story


@dataclass(kw_only=True)
class Asked:
    """The client, with the times that it waited."""

    told: Story
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
        return RunAddress(organization="contoso", project=self.told.project.id, run=self.told.run.id)

    @property
    def run(self) -> RunInfo:
        run = self.client.run(self.address)
        assert isinstance(run, RunInfo), run
        return run


@pytest.fixture
def asked(told: Story) -> Iterator[Asked]:
    with Double(told.organization) as double:
        yield Asked(told=told, double=double, token=double.token(WORKER))


def value[T](told: SourceAnswer[T]) -> T:
    assert not isinstance(told, Absent | CannotKnow), told
    return told


# ---- what it reads
def test_a_run_is_read_with_its_ids_and_what_it_built(asked: Asked) -> None:
    run, told = asked.run, asked.told
    assert (run.project_id, run.project, run.definition, run.pipeline, run.folder) == (
        told.project.id,
        "shop",
        told.pipeline.id,
        "shop-ci",
        "\\team\\shop",
    )
    assert (run.completed, run.result, run.branch, run.commit) == (
        True,
        "succeeded",
        "refs/heads/main",
        told.commit.id,
    )
    assert run.repository_is_here
    assert run.requested_for is not None
    assert run.requested_for.id == told.ben.storage_key


def test_a_run_is_found_by_the_projects_name_too(asked: Asked) -> None:
    by_name = asked.client.run(RunAddress(organization="contoso", project="shop", run=asked.told.run.id))
    assert by_name == asked.run


def test_what_a_run_published_is_read_from_the_host_that_was_asked_though_the_link_names_another(asked: Asked) -> None:
    (place,) = value(asked.client.attachments(asked.run, "slipway"))
    assert json.loads(value(asked.client.attachment(asked.run, "slipway", place))) == PUBLISHED
    task = next(record for record in value(asked.client.timeline(asked.run)) if record.id == place.record)
    assert (task.type, task.name) == ("Task", "Tell Slipway what was published")


def test_a_document_that_is_too_large_is_not_read(asked: Asked) -> None:
    asked.told.run.attachments.clear()
    job = asked.told.run.job("again")
    job.publish(b"x" * (64 * 1024 + 1))
    (place,) = value(asked.client.attachments(asked.run, "slipway"))
    large = asked.client.attachment(asked.run, "slipway", place)
    assert isinstance(large, CannotKnow)
    assert "65536 bytes" in large.why
    assert not large.retryable


def test_the_changes_of_a_run_are_read_to_the_last_page(asked: Asked) -> None:
    told = asked.told
    told.organization.page = 2
    for number in range(5):
        told.repository.commit(f"Change {number}", by=told.ada)
    run = told.pipeline.run(told.repository.commit("The last", by=told.ben), requested_for=told.ben)
    asked.told.run = run
    assert len(value(asked.client.changes(asked.run))) == 6


def test_commits_are_read_to_the_last_page_however_short_the_pages_are(asked: Asked) -> None:
    told = asked.told
    told.organization.page = 2
    made = [told.repository.commit(f"Change {number}", by=told.ada) for number in range(5)]
    commits = value(asked.client.commits(asked.run, told.commit.id, made[-1].id))
    assert {commit.id for commit in commits} == {commit.id for commit in made}


def test_a_list_without_an_end_is_not_read(asked: Asked) -> None:
    told = asked.told
    told.organization.page = 1
    for number in range(12):
        last = told.repository.commit(f"Change {number}", by=told.ada)
    asked.told.run = told.pipeline.run(last, requested_for=told.ada)
    assert isinstance(asked.client.changes(asked.run), CannotKnow)


def test_commits_between_two_are_read_with_who_pushed_them(asked: Asked) -> None:
    told = asked.told
    commits = value(asked.client.commits(asked.run, told.live.id, told.commit.id))
    assert [(commit.id, commit.pushed_by and commit.pushed_by.id) for commit in commits] == [
        (told.commit.id, told.ben.storage_key)
    ]
    assert value(asked.client.merge_bases(asked.run, told.live.id, told.commit.id)) == (told.live.id,)
    one = value(asked.client.commit(asked.run, told.commit.id))
    assert one.parents == (told.live.id,)
    assert one.author.mail == "ada@example.com"


@pytest.mark.parametrize("strategy", Strategy)
def test_a_commit_leads_to_its_pull_request_and_that_to_the_commits_of_its_branch(strategy: Strategy) -> None:
    told = story(strategy)
    with Double(told.organization) as double:
        asked = Asked(told=told, double=double, token=double.token(WORKER))
        (found,) = value(asked.client.pull_requests(asked.run, [told.commit.id]))
        assert (found.completed, found.created_by and found.created_by.id, found.closed_by and found.closed_by.id) == (
            True,
            told.ada.storage_key,
            told.ben.storage_key,
        )
        assert len(value(asked.client.commits_of(asked.run, found.id))) == 2


def test_people_are_told_by_their_object_ids(asked: Asked) -> None:
    told = asked.told
    guest = next(person for person in told.organization.people.values() if person.kind is Kind.GUEST)
    platform = next(person for person in told.organization.people.values() if person.kind is Kind.PLATFORM)
    builds = told.organization.person("shop Build Service", kind=Kind.BUILD_SERVICE)
    asking = [told.ada, guest, platform, builds]
    found = value(asked.client.identities("contoso", [person.storage_key for person in asking] + ["0" * 32]))
    assert [(one.object_id, one.tenant, one.is_service) for one in found] == [
        (told.ada.oid, told.organization.tenant, False),
        (guest.oid, told.organization.tenant, False),
        ("", "", True),
        ("", "", True),
    ]


def test_a_service_principal_is_not_a_person(asked: Asked) -> None:
    worker = next(p for p in asked.told.organization.people.values() if p.kind is Kind.SERVICE_PRINCIPAL)
    (found,) = value(asked.client.identities("contoso", [worker.storage_key]))
    assert (found.is_service, found.object_id, found.client_id) == (True, WORKER, worker.client_id)


def test_an_address_that_two_people_have_names_both(asked: Asked) -> None:
    asked.told.organization.person("Another Ada", "ada@example.com", oid="b" * 8 + "-0000-4000-8000-000000000000")
    assert len(value(asked.client.identities_named("contoso", "ada@example.com"))) == 2
    assert value(asked.client.identities_named("contoso", "nobody@example.com")) == ()


# ---- what it takes for no answer
@pytest.mark.parametrize("redirects", [False, True], ids=["a page for signing in", "a redirect to it"])
def test_a_token_that_is_not_accepted_is_not_an_answer_and_is_tried_later(asked: Asked, redirects: bool) -> None:
    asked.told.organization.faults.redirects_to_sign_in = redirects
    asked.token = "not-a-token"
    told = asked.client.run(asked.address)
    assert isinstance(told, CannotKnow)
    assert told.retryable
    assert "does not accept Slipway's identity" in told.why
    assert asked.token not in told.why


def test_a_service_principal_that_nobody_admitted_is_told_so(asked: Asked) -> None:
    asked.token = asked.double.token("99999999-0000-4000-8000-0000000000ff")
    told = asked.client.run(asked.address)
    assert isinstance(told, CannotKnow)
    assert "TF401444" in told.why


@pytest.mark.parametrize("hide", ["the run", "the project"])
def test_what_is_not_there_and_what_may_not_be_seen_are_the_same(asked: Asked, hide: str) -> None:
    if hide == "the run":
        asked.told.run.forget()
    else:
        asked.told.organization.admit("slipway-worker", oid=WORKER, projects=frozenset({"another"}))
    assert isinstance(asked.client.run(asked.address), Absent)


def test_a_reader_without_basic_sees_no_repository(asked: Asked) -> None:
    asked.told.organization.admit("slipway-worker", oid=WORKER, basic=False)
    assert isinstance(asked.client.commit(asked.run, asked.told.commit.id), Absent)


def test_a_deleted_run_is_read_as_deleted(asked: Asked) -> None:
    asked.told.run.delete(by=asked.told.ada)
    assert asked.run.deleted


def test_an_organization_that_is_stopped_is_away(asked: Asked) -> None:
    asked.told.organization.faults.stopped = True
    told = asked.client.run(asked.address)
    assert isinstance(told, CannotKnow)
    assert told.retryable
    assert "TF24668" in told.why
    assert len(asked.pauses) == asked.limits.attempts - 1


def test_a_block_is_waited_for_as_long_as_the_source_says_and_not_in_here(asked: Asked) -> None:
    asked.told.organization.faults.blocked = True
    told = asked.client.run(asked.address)
    assert isinstance(told, CannotKnow)
    assert (told.retryable, told.after) == (True, timedelta(seconds=30))
    assert asked.pauses == []


@pytest.mark.parametrize(("seconds", "waits"), [(3, True), (60, False)])
def test_a_pause_that_a_good_answer_asks_for_is_kept_before_the_next_request(
    asked: Asked, seconds: int, waits: bool
) -> None:
    asked.told.organization.faults.retry_after = seconds
    run = asked.run
    assert asked.pauses == []
    following = asked.client.timeline(run)
    assert asked.pauses == ([seconds] if waits else [])
    if not waits:
        assert isinstance(following, CannotKnow)
        assert (following.retryable, following.after) == (True, timedelta(seconds=seconds))


def test_nobody_at_the_other_end_is_away(told: Story) -> None:
    with Double(told.organization) as double:
        asked = Asked(told=told, double=double, token=double.token(WORKER))
    gone = asked.client.run(asked.address)
    assert isinstance(gone, CannotKnow)
    assert gone.retryable


@pytest.mark.parametrize(
    ("organization", "project"),
    [("contoso/..", "shop"), ("evil.example/", "shop"), ("contoso", "../contoso"), ("contoso", ".."), ("", "shop")],
)
def test_a_name_that_could_change_an_address_is_never_put_into_one(
    asked: Asked, organization: str, project: str
) -> None:
    before = len(asked.told.organization.requests)
    told = asked.client.run(RunAddress(organization=organization, project=project, run=1))
    assert isinstance(told, Absent)
    assert len(asked.told.organization.requests) == before


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
    """A pool in which one answer is given to every request."""

    def __init__(self, body: bytes, status: int = 200, kind: str = "application/json; charset=utf-8") -> None:
        self._answer = (body, status, kind)

    def request(self, method: str, url: str, **options: Any) -> urllib3.BaseHTTPResponse:
        body, status, kind = self._answer
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
QUESTIONS: dict[str, Callable[[AzureDevOps], object]] = {
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


@given(what=st.sampled_from(sorted(QUESTIONS)), content=JSON)
def test_whatever_the_other_side_answers_nothing_is_raised(what: str, content: Any) -> None:
    QUESTIONS[what](client(Answering(json.dumps(content).encode())))


@given(what=st.sampled_from(sorted(QUESTIONS)), body=st.binary(max_size=50), status=st.integers(200, 599))
def test_whatever_it_answers_that_is_not_json_is_not_an_answer(what: str, body: bytes, status: int) -> None:
    told = QUESTIONS[what](client(Answering(body, status, "text/html")))
    assert isinstance(told, Absent | CannotKnow)


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
    told = client(Answering(json.dumps({"value": [entry]}).encode())).attachments(RUN, "slipway")
    assert isinstance(told, CannotKnow)


def test_what_the_other_side_says_of_an_error_is_cut_and_harmless() -> None:
    message = "\x1b[31mred\u202e" + "x" * 1000
    told = client(Answering(json.dumps({"message": message}).encode(), 403)).run(
        RunAddress(organization="contoso", project="shop", run=1)
    )
    assert isinstance(told, CannotKnow)
    assert "\x1b" not in told.why
    assert "\u202e" not in told.why
    assert len(told.why) < 400
