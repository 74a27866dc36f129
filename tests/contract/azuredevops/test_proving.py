"""What the product's own client and rules prove about a run of the double: above all, who is behind it."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from local.azuredevops import AzureDevOps as Double
from local.azuredevops import Kind, Strategy
from local.azuredevops.people import PLATFORM, Person, Signature
from slipway.domain.events import RunReported
from slipway.domain.runs import InvolvedPerson, Involvement, Run, Trust
from slipway.effects.azure_devops import AzureDevOps, Endpoints, Exchange, RequestLimits
from slipway.inbound.claims import claimed_run
from slipway.inbound.proving import AskLater, ProvedRun, UnprovedRun, prove

from .support import PUBLISHED, WORKER, Story, play_story

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
DOCUMENT = json.dumps(PUBLISHED).encode()


class Prover:
    """Asks the double about a run of the story."""

    def __init__(self, story: Story, double: Double) -> None:
        self.story = story
        exchange = Exchange(lambda: double.token(WORKER), limits=RequestLimits(attempts=1), pause=lambda _: None)
        self.source = AzureDevOps(exchange, Endpoints(main=double.url, people=double.people_url))

    def ask(self, run: int | None = None, *, live: Sequence[str] = ()) -> ProvedRun | UnprovedRun | AskLater:
        claims = claimed_run(
            organization="contoso",
            project="shop",
            pipeline="shop-ci",
            id=self.story.run.id if run is None else run,
            number="1",
            result="failed",
            finished_at=NOW,
        )
        return prove(self.source, RunReported(received_at=NOW, claims=claims), live=live, now=NOW)

    def proved(self, run: int | None = None, *, live: Sequence[str] = ()) -> Run:
        outcome = self.ask(run, live=live)
        assert isinstance(outcome, ProvedRun), outcome
        return outcome.run


@pytest.fixture
def prover(story: Story) -> Iterator[Prover]:
    with Double(story.organization) as double:
        yield Prover(story, double)


def parts(run: Run) -> set[tuple[str, str]]:
    return {(str(person.part), person.name) for person in run.people}


def by_part(run: Run, part: Involvement) -> list[InvolvedPerson]:
    return [person for person in run.people if person.part is part]


def vouched(person: Person, part: Involvement) -> InvolvedPerson:
    return InvolvedPerson(
        part=part,
        trust=Trust.PROVED,
        name=person.name,
        mail=person.mail,
        object_id=person.oid,
        tenant=person.tenant,
    )


# ---- the run
def test_a_run_is_proved_by_its_ids_whatever_the_hint_claims(prover: Prover) -> None:
    run, story = prover.proved(), prover.story
    assert (run.organization, run.project, run.project_id) == ("contoso", "shop", story.project.id)
    assert (run.definition, run.pipeline, run.folder) == (story.pipeline.id, "shop-ci", "\\team\\shop")
    assert (run.number, run.result, run.branch, run.commit) == (
        story.run.number,
        "succeeded",
        "refs/heads/main",
        story.commit.id,
    )
    assert run.proof.trust is run.built.trust is run.behind.trust is Trust.PROVED


def test_the_proof_names_the_published_image_and_the_task_that_published_it(prover: Prover) -> None:
    built = prover.proved().built
    assert f"{PUBLISHED['repository']}@{PUBLISHED['digest']}" in built.why
    assert "Tell Slipway what was published" in built.why


def test_a_run_that_was_deleted_is_proved_as_long_as_it_is_kept(prover: Prover) -> None:
    prover.story.run.delete(by=prover.story.ada)
    assert "deleted" in prover.proved().proof.why
    prover.story.run.forget()
    assert isinstance(prover.ask(), UnprovedRun)


def test_a_run_that_is_run_again_is_waited_for_and_then_counts_as_it_ended(prover: Prover) -> None:
    again = prover.story.run.retry("build")
    assert isinstance(prover.ask(), AskLater)
    again.finish("failed")
    prover.story.run.finish("failed")
    assert prover.proved().result == "failed"


@pytest.mark.parametrize("hides", [False, True], ids=["earlier attachments are listed", "they are hidden"])
def test_only_the_document_published_by_the_last_attempt_counts(prover: Prover, hides: bool) -> None:
    prover.story.organization.faults.hides_earlier_attachments = hides
    first = prover.proved().document
    again = prover.story.run.retry("build")
    other_document = json.dumps(PUBLISHED | {"digest": "sha256:" + "b" * 64}).encode()
    again.publish(other_document)
    again.finish()
    prover.story.run.finish()
    run = prover.proved()
    assert run.built.trust is Trust.PROVED
    assert "b" * 64 in run.built.why
    assert run.document != first


def test_a_job_that_was_run_again_without_publishing_proves_nothing(prover: Prover) -> None:
    again = prover.story.run.retry("build")
    again.finish()
    prover.story.run.finish()
    assert prover.proved().built.trust is Trust.NOT_PROVED


def test_two_documents_contradict_each_other(prover: Prover) -> None:
    job = prover.story.run.job("tests")
    job.task("Run the tests").attach("slipway", "slipway.json", DOCUMENT)
    built = prover.proved().built
    assert built.trust is Trust.CONTRADICTED
    assert "'Run the tests'" in built.why


def test_a_document_of_another_task_is_contradicted_even_when_it_is_the_only_one(prover: Prover) -> None:
    prover.story.run.attachments.clear()
    prover.story.run.job("tests").task("Run the tests").attach("slipway", "slipway.json", DOCUMENT)
    assert prover.proved().built.trust is Trust.CONTRADICTED


@pytest.mark.parametrize(
    "document",
    [b"", b"{}", b"[]", b'{"v":2}', json.dumps(PUBLISHED | {"more": 1}).encode(), DOCUMENT + b" " * 70_000],
    ids=["empty", "nothing in it", "a list", "another version", "an unknown field", "too large"],
)
def test_an_invalid_document_proves_nothing(prover: Prover, document: bytes) -> None:
    prover.story.run.attachments.clear()
    prover.story.run.job("again").publish(document)
    built = prover.proved().built
    assert built.trust is Trust.NOT_PROVED
    assert built.why.startswith("built by: not proved")


# ---- who is behind it
@pytest.mark.parametrize("strategy", Strategy)
def test_a_run_has_its_requester_and_the_pull_requests_creator_completer_and_pushers_behind_it(
    strategy: Strategy,
) -> None:
    story = play_story(strategy)
    with Double(story.organization) as double:
        run = Prover(story, double).proved()
    assert run.behind.trust is Trust.PROVED
    assert by_part(run, Involvement.REQUESTER) == [vouched(story.ben, Involvement.REQUESTER)]
    assert by_part(run, Involvement.CREATOR) == [vouched(story.ada, Involvement.CREATOR)]
    assert by_part(run, Involvement.COMPLETER) == [vouched(story.ben, Involvement.COMPLETER)]
    assert {person.name for person in by_part(run, Involvement.PUSHER)} == {"Ada", "Ben"}


def test_a_squash_of_other_peoples_commits_names_every_one_of_them(prover: Prover) -> None:
    story = prover.story
    cleo = story.organization.person("Cleo", "cleo@example.com")
    story.repository.commit("One", by=story.ada, branch="more")
    story.repository.commit("Two", by=cleo, branch="more", claims=Signature(name="Dan", email="dan@example.com"))
    request = story.repository.pull_request("More", by=story.ada, branch="more")
    run = story.pipeline.run(request.complete(by=story.ben), requested_for=story.ben, publishes=DOCUMENT)
    proved = prover.proved(run.id)
    assert proved.behind.trust is Trust.PROVED
    assert {person.name for person in by_part(proved, Involvement.PUSHER)} == {"Ada", "Ben", "Cleo"}
    dan = next(person for person in by_part(proved, Involvement.AUTHOR) if person.mail == "dan@example.com")
    assert (dan.trust, dan.object_id) == (Trust.CLAIMED, None)


def test_a_claimed_author_who_is_one_member_is_known_by_object_id_and_stays_claimed(prover: Prover) -> None:
    story = prover.story
    cleo = story.organization.person("Cleo", "cleo@example.com")
    commit = story.repository.commit("Fix", by=story.ada, claims=Signature(name="Cleo", email="cleo@example.com"))
    run = story.pipeline.run(commit, requested_for=story.ada, publishes=DOCUMENT)
    author = next(person for person in by_part(prover.proved(run.id), Involvement.AUTHOR))
    assert (author.object_id, author.trust) == (cleo.oid, Trust.CLAIMED)


def test_an_address_that_two_members_have_names_neither(prover: Prover) -> None:
    story = prover.story
    for oid in ("c0000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"):
        story.organization.person("Cleo", "cleo@example.com", oid=oid)
    commit = story.repository.commit("Fix", by=story.ada, claims=Signature(name="Cleo", email="cleo@example.com"))
    run = story.pipeline.run(commit, requested_for=story.ada, publishes=DOCUMENT)
    author = next(person for person in by_part(prover.proved(run.id), Involvement.AUTHOR))
    assert (author.object_id, author.mail) == (None, "cleo@example.com")


def test_a_guest_is_known_by_the_object_id_in_our_tenant(prover: Prover) -> None:
    story = prover.story
    guest = next(person for person in story.organization.people.values() if person.kind is Kind.GUEST)
    run = story.pipeline.run(story.repository.commit("Fix", by=guest), requested_for=guest, publishes=DOCUMENT)
    proved = prover.proved(run.id)
    assert by_part(proved, Involvement.REQUESTER) == [vouched(guest, Involvement.REQUESTER)]
    assert proved.behind.trust is Trust.PROVED


def test_a_scheduled_run_has_a_service_as_requester_and_still_names_the_people_behind_the_change(
    prover: Prover,
) -> None:
    story = prover.story
    commit = story.repository.commit("Fix", by=story.ada)
    started = story.pipeline.start(commit, requested_for=PLATFORM, reason="schedule")
    job = started.job()
    job.publish(DOCUMENT)
    job.finish()
    started.finish()
    proved = prover.proved(started.id)
    assert proved.behind.trust is Trust.PROVED
    assert [person.is_service for person in by_part(proved, Involvement.REQUESTER)] == [True]
    assert [person.name for person in by_part(proved, Involvement.PUSHER)] == ["Ada"]


def test_a_change_that_a_service_pushed_has_somebody_behind_it_who_is_not_known(prover: Prover) -> None:
    story = prover.story
    robot = story.organization.person("shop Build Service", kind=Kind.BUILD_SERVICE)
    run = story.pipeline.run(story.repository.commit("Bump", by=robot), requested_for=story.ada, publishes=DOCUMENT)
    proved = prover.proved(run.id)
    assert proved.behind.trust is Trust.NOT_PROVED
    assert "is not a person" in proved.behind.why


def test_a_service_principal_behind_a_change_is_known_where_the_project_names_its_application(prover: Prover) -> None:
    story = prover.story
    bumper = story.organization.person(
        "Bumper", oid="b" * 8 + "-0000-4000-8000-000000000001", kind=Kind.SERVICE_PRINCIPAL
    )
    run = story.pipeline.run(story.repository.commit("Bump", by=bumper), requested_for=story.ada, publishes=DOCUMENT)
    proved = prover.proved(run.id)
    assert proved.behind.trust is Trust.NOT_PROVED
    (pusher,) = by_part(proved, Involvement.PUSHER)
    assert (pusher.client_id, bool(pusher.unknown), proved.all_named) == (bumper.client_id, True, True)
    assert proved.is_everybody_known([f"app:{bumper.client_id}"])
    assert not proved.is_everybody_known([f"app:{bumper.oid}"])
    assert not proved.is_everybody_known([])


def test_everybody_who_pushed_since_the_live_commit_is_behind_the_run(prover: Prover) -> None:
    story = prover.story
    cleo = story.organization.person("Cleo", "cleo@example.com")
    story.repository.commit("Between", by=cleo)
    story.pipeline.run(story.repository.commit("Too", by=cleo), requested_for=cleo)
    run = story.pipeline.run(story.repository.commit("Last", by=story.ada), requested_for=story.ada, publishes=DOCUMENT)
    since_the_run_before, since_live = prover.proved(run.id), prover.proved(run.id, live=[story.live.id])
    assert {person.name for person in by_part(since_the_run_before, Involvement.PUSHER)} == {"Ada"}
    assert {person.name for person in by_part(since_live, Involvement.PUSHER)} == {"Ada", "Ben", "Cleo"}


def test_the_people_behind_a_run_are_found_if_the_live_commit_is_on_another_branch(prover: Prover) -> None:
    story = prover.story
    hotfix = story.repository.commit("Hotfix", by=story.ben, branch="hotfix")
    cleo = story.organization.person("Cleo", "cleo@example.com")
    run = story.pipeline.run(story.repository.commit("Next", by=cleo), requested_for=cleo, publishes=DOCUMENT)
    proved = prover.proved(run.id, live=[hotfix.id])
    assert "Cleo" in {person.name for person in by_part(proved, Involvement.PUSHER)}
    assert proved.behind.trust is Trust.PROVED


def test_an_older_commit_that_comes_back_has_only_its_requester_behind_it(prover: Prover) -> None:
    story = prover.story
    proved = prover.proved(live=[story.repository.commit("Newer", by=story.ada).id])
    assert proved.behind.trust is Trust.PROVED
    assert {person.part for person in proved.people} == {Involvement.REQUESTER}


def test_a_live_commit_that_the_repository_does_not_know_leaves_somebody_unknown(prover: Prover) -> None:
    behind = prover.proved(live=["f" * 40]).behind
    assert behind.trust is Trust.NOT_PROVED


def test_more_commits_than_are_looked_at_leave_somebody_unknown(prover: Prover) -> None:
    story = prover.story
    for number in range(101):
        last = story.repository.commit(f"Change {number}", by=story.ada)
    run = story.pipeline.run(last, requested_for=story.ada, publishes=DOCUMENT)
    behind = prover.proved(run.id).behind
    assert behind.trust is Trust.NOT_PROVED
    assert "more than 100 commits" in behind.why


# ---- rights that are missing
def test_without_a_basic_licence_the_run_is_proved_and_the_people_behind_it_are_not(prover: Prover) -> None:
    prover.story.organization.admit("slipway-worker", oid=WORKER, basic=False)
    run = prover.proved()
    assert (run.proof.trust, run.built.trust, run.behind.trust) == (Trust.PROVED, Trust.PROVED, Trust.NOT_PROVED)
    assert by_part(run, Involvement.REQUESTER) == [vouched(prover.story.ben, Involvement.REQUESTER)]


def test_the_pushers_of_a_repository_at_github_are_unknown(story: Story) -> None:
    elsewhere = story.project.repository("octo/shop", kind="GitHub")
    commit = elsewhere.commit("Fix", by=story.ada)
    pipeline = story.project.pipeline("gh-ci", elsewhere)
    run = pipeline.run(commit, requested_for=story.ada, publishes=DOCUMENT)
    with Double(story.organization) as double:
        proved = Prover(story, double).proved(run.id)
    behind = proved.behind
    assert behind.trust is Trust.NOT_PROVED
    assert "not in Azure Repos" in behind.why
    assert [(person.mail, person.trust) for person in by_part(proved, Involvement.AUTHOR)] == [
        ("ada@example.com", Trust.CLAIMED)
    ]


@pytest.mark.parametrize("fault", ["stopped", "blocked"])
def test_an_unavailable_source_is_asked_again_later(prover: Prover, fault: str) -> None:
    setattr(prover.story.organization.faults, fault, True)
    outcome = prover.ask()
    assert isinstance(outcome, AskLater)
    assert outcome.after == (timedelta(seconds=30) if fault == "blocked" else timedelta(0))


def test_attachments_that_need_a_preview_version_of_the_api_are_read(prover: Prover) -> None:
    prover.story.organization.faults.attachments_in_preview = True
    assert prover.proved().built.trust is Trust.PROVED
