"""What the worker makes of a hint about a run: it is proved, waited for, refused or contradicted."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from slipway.domain.actions import Action
from slipway.domain.events import RunReported
from slipway.domain.explain import Explained
from slipway.domain.people import SignedIn
from slipway.domain.queues import Queue
from slipway.domain.release import Phase
from slipway.domain.rules import Rule, Unknown
from slipway.domain.run_source import CannotKnow, CommitInfo, CommitSignature, RunInfo
from slipway.domain.runs import Involvement, Trust
from slipway.engine.proving_runs import ABSENT_RETRY_PERIOD, MOST_UNKNOWN, RETRY_PERIOD
from slipway.inbound.claims import claimed_run
from slipway.testing import ADA, Installation, write_application
from slipway.testing.applications import APPLICATION
from slipway.testing.runs import object_id_of, published_by_run, run_info

DAN, GRACE = "dan@example.com", "grace@example.com"
REPOSITORY = "team/shop"


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """Its application starts a release once the image was pushed and its run is proved."""
    write_application(tmp_path / "deliveries", start="both")
    return Installation(tmp_path / "deliveries")


def run_report(installation: Installation, run: RunInfo, **image: Any) -> RunReported:
    """A hook's report of the run, or with an image the report of a pipeline's message."""
    claims = claimed_run(
        organization=run.organization,
        project=run.project,
        project_id=run.project_id,
        pipeline=run.pipeline,
        id=run.id,
        number=run.number,
        result="succeeded",
        branch="refs/heads/main",
        finished_at=installation.now,
        requester="mallory@example.com",
    )
    return RunReported(received_at=installation.now, claims=claims, **image)


def report_run(installation: Installation, run: RunInfo, **image: Any) -> None:
    installation.app.run_prover.take(run_report(installation, run, **image))


def look_again(installation: Installation) -> bool:
    """Deliver the postponed hints; whether there were any."""
    waiting = [raw for raw in installation.bus.raw if raw.queue == Queue.HINTS]
    for raw in waiting:
        installation.now = max(installation.now, raw.not_before or installation.now)
    installation.hear()
    return bool(waiting)


def published_run(installation: Installation, tag: str = "v1", *, id: int = 1, number: str = "20261128.1") -> RunInfo:
    """A run that published the digest of an image it built: Dan requested the run, Grace pushed the change."""
    digest = installation.build(tag)
    run = run_info(id=id, number=number, requested_by=DAN)
    installation.runs.put(run, published_by_run(digest, REPOSITORY), pushed_by=GRACE)
    return run


def rule(installation: Installation, name: Rule, number: int = 1) -> Explained:
    (staging, *_) = installation.explain(number).rules
    return next(result for result in staging.rules if result.rule is name)


# ---- runs that do not exist
def test_nonexistent_runs_leave_few_records_and_a_genuine_one_among_them_is_taken(
    installation: Installation,
) -> None:
    run = published_run(installation)
    installation.push("v1")
    for id in range(1000, 1000 + 4 * MOST_UNKNOWN):
        report_run(installation, run_info(id=id, number=f"20261128.{id}"))
    report_run(installation, run)
    installation.settle()

    assert sum(record.action == Action.RUN_NOT_PROVED for record in installation.trail()) == MOST_UNKNOWN
    assert installation.release(1).phase is Phase.AWAITING_APPROVAL

    installation.now += ABSENT_RETRY_PERIOD
    report_run(installation, run_info(id=5000, number="20261129.1"))
    assert sum(record.action == Action.RUN_NOT_PROVED for record in installation.trail()) == MOST_UNKNOWN + 1


def test_a_genuine_run_that_its_source_does_not_know_yet_is_taken_despite_many_unknown_ones(
    installation: Installation,
) -> None:
    run = published_run(installation)
    installation.push("v1")
    stored_run = installation.runs.runs.pop((run.organization.casefold(), run.id))
    for id in range(1000, 1000 + 2 * MOST_UNKNOWN):
        report_run(installation, run_info(id=id, number=f"20261128.{id}"))
    report_run(installation, run)
    assert installation.phase(1) is Phase.JOINING
    installation.runs.runs[run.organization.casefold(), run.id] = stored_run
    look_again(installation)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert sum(record.action == Action.RUN_NOT_PROVED for record in installation.trail()) == MOST_UNKNOWN


def test_nonexistent_runs_are_asked_for_a_few_times_and_leave_no_record_beyond_the_limit(
    installation: Installation,
) -> None:
    many = [run_info(id=id, number=f"20261128.{id}") for id in range(1000, 1000 + MOST_UNKNOWN + 1)]
    for run in many:
        report_run(installation, run)
    while look_again(installation):
        pass
    request_counts = [
        sum(f"/{run.id}" in request or f" {run.id}" in request for request in installation.runs.requests)
        for run in many
    ]
    assert (request_counts[0] > 6, request_counts[-1]) == (True, 6)
    assert sum(record.action == Action.RUN_NOT_PROVED for record in installation.trail()) >= MOST_UNKNOWN
    assert not any(str(many[-1].number) in str(record.details) for record in installation.trail())


# ---- proved
def test_a_proved_run_starts_a_release_and_who_is_behind_it_is_known_by_object_id(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run)
    installation.settle()
    release = installation.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert release.run is not None
    assert {fact.trust for fact in (release.run.proof, release.run.built, release.run.behind)} == {Trust.PROVED}
    assert [(involved.part, involved.object_id, involved.trust) for involved in release.run.people] == [
        (Involvement.REQUESTER, object_id_of(DAN), Trust.PROVED),
        (Involvement.PUSHER, object_id_of(GRACE), Trust.PROVED),
        (Involvement.AUTHOR, object_id_of(GRACE), Trust.CLAIMED),
        (Involvement.COMMITTER, object_id_of(GRACE), Trust.CLAIMED),
    ]
    assert rule(installation, Rule.RUN_IS_PROVED).passed
    assert rule(installation, Rule.BUILT_BY_RUN).passed


def test_nothing_that_the_hint_claims_is_kept_once_the_source_was_asked(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run)
    stored_run = installation.release(1).run
    assert stored_run is not None
    assert "mallory@example.com" not in stored_run.model_dump_json()
    assert stored_run.url == f"https://dev.azure.com/contoso/{run.project_id}/_build/results?buildId=1"


def test_the_record_of_a_run_that_joins_says_what_is_proved(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run)
    records = [record for record in installation.trail() if record.action == "release.joined"]
    details = records[-1].details
    assert {name: fact["trust"] for name, fact in details["known"].items()} == dict.fromkeys(
        ("run", "built", "behind"), "proved"
    )
    assert {involved.get("object_id") for involved in details["people"]} == {object_id_of(DAN), object_id_of(GRACE)}
    assert details["definition"] == run.definition


@pytest.mark.parametrize(
    ("voter", "signed_in"),
    [
        (ADA, SignedIn(object_id=object_id_of(ADA))),
        (ADA, None),
        (ADA.upper(), SignedIn(object_id=object_id_of(ADA).upper())),
        ("ada@private.example", SignedIn(object_id=object_id_of(ADA))),
    ],
    ids=["address and object id", "address alone", "other case", "another address"],
)
@pytest.mark.parametrize("author", [ADA, GRACE])
def test_the_pusher_of_a_change_may_not_approve_it_however_they_sign_in_and_whatever_the_commit_says(
    installation: Installation, voter: str, signed_in: SignedIn | None, author: str
) -> None:
    run = run_info(id=1, number="1", requested_by=DAN)
    installation.runs.put(run, published_by_run(installation.build("v1"), REPOSITORY), pushed_by=ADA)
    commit = installation.runs.commit(run, run.commit)
    assert isinstance(commit, CommitInfo)
    signature = CommitSignature(name=author, mail=author)
    installation.runs.change(run, commits=(commit.evolve(author=signature, committer=signature),))
    installation.push("v1")
    report_run(installation, run)
    installation.settle()
    vote = installation.voted(1, voter).evolve(signed_in=signed_in)
    (receipt,) = installation.app.handler.handle(vote)
    assert Action.VOTE_REFUSED in receipt.actions
    assert Rule.NOT_COMMITTER in [result.rule for result in receipt.rules if result.blocks]
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize("first", ["push", "run"])
def test_push_and_run_are_joined_by_what_the_run_published_in_either_order(
    installation: Installation, first: str
) -> None:
    run = published_run(installation, number="Release 1.2 (main)")
    if first == "push":
        installation.push("v1")
    report_run(installation, run)
    if first == "run":
        installation.push("v1")
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


# ---- waited for
def test_while_the_source_is_away_the_release_waits_and_says_why(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.away = CannotKnow("dev.azure.com answers 503", retryable=True)
    report_run(installation, run, tag="v1")
    installation.settle()
    assert installation.phase(1) is Phase.JOINING
    result = rule(installation, Rule.RUN_IS_PROVED)
    assert isinstance(result, Unknown)
    assert "503" in result.reason
    assert "503" in installation.explain(1).headline
    claimed_rules = (Rule.BUILT_BY_RUN, Rule.RUN_SUCCEEDED, Rule.BRANCH_COUNTS)
    assert not any(rule(installation, unproved_rule).passed for unproved_rule in claimed_rules), (
        "an unknown is never shown as a pass"
    )
    installation.runs.away = None
    assert look_again(installation)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    assert installation.actions().count("run.not-proved") == 1


def test_a_source_that_stays_away_is_asked_with_growing_pauses_and_then_it_stays_unknown(
    installation: Installation,
) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.away = CannotKnow("dev.azure.com answers 503", retryable=True)
    started_at = installation.now
    report_run(installation, run, tag="v1")
    looks = 0
    while look_again(installation):
        looks += 1
    assert RETRY_PERIOD <= installation.now - started_at < RETRY_PERIOD + timedelta(minutes=11)
    assert looks < 200
    assert installation.phase(1) is Phase.JOINING
    assert f"it was asked {looks + 1} times" in rule(installation, Rule.RUN_IS_PROVED).reason


def test_the_pause_that_the_source_asks_for_is_kept(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.away = CannotKnow("asked too often", retryable=True, after=timedelta(minutes=7))
    report_run(installation, run, tag="v1")
    (message,) = [raw for raw in installation.bus.raw if raw.queue == Queue.HINTS]
    assert message.not_before == installation.now + timedelta(minutes=7)


def test_a_run_that_the_source_does_not_know_is_never_proved_and_asked_for_a_limited_time(
    installation: Installation,
) -> None:
    installation.push("v1")
    started_at = installation.now
    report_run(installation, run_info(id=99, number="v1"))
    while look_again(installation):
        pass
    assert ABSENT_RETRY_PERIOD <= installation.now - started_at < ABSENT_RETRY_PERIOD + timedelta(minutes=11)
    assert installation.phase(1) is Phase.JOINING
    assert "knows no run 99" in rule(installation, Rule.RUN_IS_PROVED).reason


def test_a_run_that_is_still_running_is_waited_for(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.change(run, answer=run.evolve(completed=False, result=""))
    report_run(installation, run)
    assert installation.phase(1) is Phase.JOINING
    assert "run.not-proved" not in installation.actions()
    installation.runs.change(run, answer=run)
    assert look_again(installation)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_run_that_is_not_proved_stops_nothing(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.away = CannotKnow("away", retryable=True)
    claims = run_report(installation, run, tag="v1")
    installation.app.run_prover.take(claims.evolve(claims=claims.claims.evolve(result="failed")))
    assert installation.phase(1) is Phase.JOINING


# ---- not proved
def test_a_run_that_published_nothing_starts_nothing_and_the_release_says_so(installation: Installation) -> None:
    installation.push("v1")
    run = run_info(id=1, number="v1", requested_by=DAN)
    installation.runs.put(run, pushed_by=GRACE)
    report_run(installation, run)
    installation.settle()
    assert installation.phase(1) is Phase.JOINING
    assert rule(installation, Rule.RUN_IS_PROVED).passed
    assert isinstance(rule(installation, Rule.BUILT_BY_RUN), Unknown)


def test_an_unproved_report_gives_way_to_a_proved_one_of_another_run(installation: Installation) -> None:
    """A forged report that arrives first does not keep out the genuine one."""
    run = published_run(installation, number="v1")
    installation.push("v1")
    report_run(installation, run_info(id=99, number="v1"))
    report_run(installation, run)
    installation.settle()
    release = installation.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert release.run is not None
    assert release.run.id == run.id


# ---- refused
def test_a_genuine_run_with_a_foreign_digest_is_refused_by_name_and_its_own_image_goes_on(
    installation: Installation,
) -> None:
    run = published_run(installation)
    foreign_digest = installation.push("evil") and installation.release(1).digest
    installation.push("v1")
    report_run(installation, run, repository=REPOSITORY, digest=str(foreign_digest), tag="evil")
    installation.settle()
    assert [installation.phase(number) for number in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
    (refusal,) = [record for record in installation.trail() if record.action == "run.refused"]
    assert refusal.release == "shop-1"
    assert str(installation.release(2).digest) in str(refusal.details["reason"])
    assert refusal.details["image"] == foreign_digest


def test_a_run_of_another_pipeline_is_refused_by_name(installation: Installation) -> None:
    installation.push("v1")
    run = run_info(id=1, number="v1", pipeline="other-ci", folder="\\team-a", definition=99)
    installation.runs.put(run, published_by_run(str(installation.release(1).digest), REPOSITORY))
    report_run(installation, run.evolve(pipeline="build"))
    installation.settle()
    assert installation.phase(1) is Phase.JOINING
    (refusal,) = [record for record in installation.trail() if record.action == "run.refused"]
    assert "team-a\\other-ci (99)" in str(refusal.details["reason"])


def test_a_run_of_a_pipeline_that_builds_nothing_here_reaches_no_application(installation: Installation) -> None:
    report_run(installation, run_info(id=1, number="1", pipeline="other-ci"))
    installation.settle()
    assert (installation.runs.requests, installation.actions(), list(installation.app.parking.all())) == ([], [], [])


def test_a_run_of_a_pull_request_releases_nothing(installation: Installation) -> None:
    run = published_run(installation).evolve(branch="refs/pull/7/merge", reason="pullRequest")
    installation.runs.change(run, answer=run)
    installation.push("v1")
    report_run(installation, run)
    assert installation.phase(1) is Phase.JOINING
    assert installation.actions()[-1] == "run.ignored"


# ---- contradicted
def test_two_documents_in_one_run_stop_the_release(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.change(run, documents=(*installation.runs.runs["contoso", 1].documents, b"{}"))
    report_run(installation, run, digest=str(installation.release(1).digest))
    assert installation.phase(1) is Phase.CANCELLED
    assert "2 documents" in installation.release(1).reason
    assert "run.contradicted" in installation.actions()


def test_a_document_of_another_task_stops_the_release(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.change(run, task="Run the tests")
    report_run(installation, run, digest=str(installation.release(1).digest))
    assert installation.phase(1) is Phase.CANCELLED
    assert "'Run the tests'" in installation.release(1).reason


def test_a_document_that_changed_after_it_was_proved_stops_the_release(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run)
    installation.settle()
    assert installation.phase(1) is Phase.AWAITING_APPROVAL
    other_document = published_by_run(installation.build("other"), REPOSITORY).model_dump_json().encode()
    installation.runs.change(run, documents=(other_document,))
    report_run(installation, run)
    assert installation.phase(1) is Phase.CANCELLED
    assert "published something else" in installation.release(1).reason
    report_run(installation, run)
    assert installation.actions().count("run.contradicted") == 1


def test_a_run_that_failed_and_was_run_again_contradicts_nothing(installation: Installation) -> None:
    run = published_run(installation)
    installation.push("v1")
    installation.runs.change(run, answer=run.evolve(result="failed"))
    report_run(installation, run)
    assert installation.phase(1) is Phase.CANCELLED
    second_document = (
        published_by_run(str(installation.release(1).digest), REPOSITORY, tool="build 2").model_dump_json().encode()
    )
    installation.runs.change(run, answer=run, documents=(second_document,))
    report_run(installation, run)
    installation.settle()
    assert installation.phase(2) is Phase.AWAITING_APPROVAL


# ---- at its word
def test_an_installation_that_asks_no_source_takes_reported_runs_and_marks_them_as_not_proved(
    installation: Installation,
) -> None:
    installation.restart(runs="claimed")
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run, tag="v1")
    installation.settle()
    release = installation.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert installation.runs.requests == []
    assert release.run is not None
    assert release.run.proof.trust is Trust.CLAIMED
    for unproved_rule in (Rule.RUN_IS_PROVED, Rule.BUILT_BY_RUN):
        result = rule(installation, unproved_rule)
        assert isinstance(result, Unknown)
        assert "SLIPWAY_RUNS" in result.reason


def test_unproved_reports_that_contradict_each_other_stop_the_release_and_keep_both_requesters(
    installation: Installation,
) -> None:
    installation.restart(runs="claimed")
    run = published_run(installation)
    installation.push("v1")
    report_run(installation, run, tag="v1")
    installation.settle()
    claims = run_report(installation, run, tag="v1")
    other_requester = claims.claims.people[0].evolve(mail=GRACE)
    installation.app.run_prover.take(claims.evolve(claims=claims.claims.evolve(people=(other_requester,))))
    release = installation.release(1)
    assert release.phase is Phase.CANCELLED
    assert "name another requester" in release.reason
    assert release.run is not None
    assert {involved.mail for involved in release.run.people} == {"mallory@example.com", GRACE}


# ---- an environment demands it
@pytest.fixture
def demanding(tmp_path: Path) -> Installation:
    """Its application starts at the push alone; production accepts only what a proved run built."""
    folder = tmp_path / "deliveries"
    text = APPLICATION.replace("start: {start}", "start: push")
    write_application(folder, start="run", text=text)
    project = folder / "project.yaml"
    project.write_text(
        project.read_text().replace("    registry: prod\n", "    registry: prod\n    provenance: artifact\n")
    )
    return Installation(folder)


def test_an_environment_that_demands_a_proved_run_holds_back_a_release_without_one(demanding: Installation) -> None:
    demanding.push("v1")
    demanding.settle()
    demanding.vote(1)
    assert demanding.phase(1) is Phase.HELD_BACK
    assert demanding.release(1).blocked_by == ("built-by-run",)


def test_a_held_back_release_goes_on_once_its_run_is_proved_and_people_have_voted_again(
    demanding: Installation,
) -> None:
    run = published_run(demanding)
    demanding.push("v1")
    demanding.settle()
    demanding.vote(1)
    report_run(demanding, run)
    demanding.settle()
    assert demanding.phase(1) is Phase.AWAITING_APPROVAL, "the plan that was voted on named no run"
    demanding.vote(1)
    demanding.settle()
    assert demanding.phase(1) is Phase.COMPLETED


def test_a_reported_run_is_not_enough_where_an_environment_demands_a_proved_one(demanding: Installation) -> None:
    demanding.restart(runs="claimed")
    run = published_run(demanding)
    demanding.push("v1")
    report_run(demanding, run, tag="v1")
    demanding.settle()
    demanding.vote(1)
    assert demanding.phase(1) is Phase.HELD_BACK
