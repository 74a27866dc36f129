"""From a hint about a run to what is known of it: proved, waited for, refused, contradicted."""

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
from slipway.domain.run_source import CannotKnow, RunInfo
from slipway.domain.runs import Involvement, Trust
from slipway.engine.proving_runs import ABSENT_RETRY_PERIOD, MOST_UNKNOWN, RETRY_PERIOD
from slipway.inbound.claims import claimed
from slipway.testing import ADA, Installation, write_application
from slipway.testing.applications import APPLICATION
from slipway.testing.runs import object_id_of, published_by_run, told_run

DAN, GRACE = "dan@example.com", "grace@example.com"
REPOSITORY = "team/shop"


@pytest.fixture
def both(tmp_path: Path) -> Installation:
    """Starts when the image was pushed and its run is proved."""
    write_application(tmp_path / "deliveries", start="both")
    return Installation(tmp_path / "deliveries")


def told(installation: Installation, run: RunInfo, **image: Any) -> RunReported:
    """What a hook says of the run; with an image, what a pipeline's message says."""
    claims = claimed(
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


def tell(installation: Installation, run: RunInfo, **image: Any) -> None:
    installation.app.run_prover.take(told(installation, run, **image))


def look_again(installation: Installation) -> bool:
    """Deliver the hint that was put off, if there is one."""
    waiting = [raw for raw in installation.bus.raw if raw.queue == Queue.HINTS]
    for raw in waiting:
        installation.now = max(installation.now, raw.not_before or installation.now)
    installation.hear()
    return bool(waiting)


def built(installation: Installation, tag: str = "v1", *, id: int = 1, number: str = "20261128.1") -> RunInfo:
    """An image that was pushed, and the run that says it built it: Dan asked for it, Grace pushed the change."""
    digest = installation.build(tag)
    run = told_run(id=id, number=number, requested_by=DAN)
    installation.runs.put(run, published_by_run(digest, REPOSITORY), pushed_by=GRACE)
    return run


def rule(installation: Installation, wanted: Rule, number: int = 1) -> Explained:
    (staging, *_) = installation.explain(number).rules
    return next(result for result in staging.rules if result.rule is wanted)


# ---- what there is not
def test_runs_that_there_are_not_leave_few_records_and_a_genuine_one_among_them_is_taken(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    for id in range(1000, 1000 + 4 * MOST_UNKNOWN):
        tell(both, told_run(id=id, number=f"20261128.{id}"))
    tell(both, run)
    both.settle()

    assert sum(record.action == Action.RUN_NOT_PROVED for record in both.trail()) == MOST_UNKNOWN
    assert both.release(1).phase is Phase.AWAITING_APPROVAL

    both.now += ABSENT_RETRY_PERIOD
    tell(both, told_run(id=5000, number="20261129.1"))
    assert sum(record.action == Action.RUN_NOT_PROVED for record in both.trail()) == MOST_UNKNOWN + 1


def test_a_genuine_run_that_its_source_does_not_know_yet_is_taken_however_many_others_stand_before_it(
    both: Installation,
) -> None:
    run = built(both)
    both.push("v1")
    known = both.runs.runs.pop((run.organization.casefold(), run.id))
    for id in range(1000, 1000 + 2 * MOST_UNKNOWN):
        tell(both, told_run(id=id, number=f"20261128.{id}"))
    tell(both, run)
    assert both.phase(1) is Phase.JOINING
    both.runs.runs[run.organization.casefold(), run.id] = known
    look_again(both)
    both.settle()
    assert both.phase(1) is Phase.AWAITING_APPROVAL
    assert sum(record.action == Action.RUN_NOT_PROVED for record in both.trail()) == MOST_UNKNOWN


def test_runs_that_there_are_not_are_asked_for_a_few_times_each_and_leave_no_record_in_the_end(
    both: Installation,
) -> None:
    many = [told_run(id=id, number=f"20261128.{id}") for id in range(1000, 1000 + MOST_UNKNOWN + 1)]
    for run in many:
        tell(both, run)
    while look_again(both):
        pass
    asked = [sum(f"/{run.id}" in each or f" {run.id}" in each for each in both.runs.requests) for run in many]
    assert (asked[0] > 6, asked[-1]) == (True, 6)
    assert sum(record.action == Action.RUN_NOT_PROVED for record in both.trail()) >= MOST_UNKNOWN
    assert not any(str(many[-1].number) in str(record.details) for record in both.trail())


# ---- proved
def test_a_proved_run_starts_a_release_and_who_is_behind_it_is_known_by_object_id(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    tell(both, run)
    both.settle()
    release = both.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert release.run is not None
    assert {fact.trust for fact in (release.run.proof, release.run.built, release.run.behind)} == {Trust.PROVED}
    assert [(one.part, one.object_id, one.trust) for one in release.run.people] == [
        (Involvement.REQUESTER, object_id_of(DAN), Trust.PROVED),
        (Involvement.PUSHER, object_id_of(GRACE), Trust.PROVED),
        (Involvement.AUTHOR, object_id_of(GRACE), Trust.CLAIMED),
        (Involvement.COMMITTER, object_id_of(GRACE), Trust.CLAIMED),
    ]
    assert rule(both, Rule.RUN_IS_PROVED).passed
    assert rule(both, Rule.BUILT_BY_RUN).passed


def test_nothing_that_the_hint_claims_is_kept_once_the_source_was_asked(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    tell(both, run)
    kept = both.release(1).run
    assert kept is not None
    assert "mallory@example.com" not in kept.model_dump_json()
    assert kept.url == f"https://dev.azure.com/contoso/{run.project_id}/_build/results?buildId=1"


def test_the_record_of_a_run_that_joins_says_what_is_proved(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    tell(both, run)
    joined = [record for record in both.trail() if record.action == "release.joined"]
    details = joined[-1].details
    assert {name: fact["trust"] for name, fact in details["known"].items()} == dict.fromkeys(
        ("run", "built", "behind"), "proved"
    )
    assert {one.get("object_id") for one in details["people"]} == {object_id_of(DAN), object_id_of(GRACE)}
    assert details["definition"] == run.definition


def test_whoever_pushed_the_change_may_not_approve_it_however_they_sign_in(both: Installation) -> None:
    run = told_run(id=1, number="1", requested_by=DAN)
    both.runs.put(run, published_by_run(both.build("v1"), REPOSITORY), pushed_by=ADA)
    both.push("v1")
    tell(both, run)
    both.settle()
    by_id = both.voted(1, ADA).evolve(signed_in=SignedIn(object_id=object_id_of(ADA)))
    (receipt,) = both.app.handler.handle(by_id)
    assert Action.VOTE_REFUSED in receipt.actions
    assert Rule.NOT_COMMITTER in [result.rule for result in receipt.rules if result.blocks]


@pytest.mark.parametrize("first", ["push", "run"])
def test_push_and_run_are_joined_by_what_the_run_published_in_either_order(both: Installation, first: str) -> None:
    run = built(both, number="Release 1.2 (main)")
    if first == "push":
        both.push("v1")
    tell(both, run)
    if first == "run":
        both.push("v1")
    both.settle()
    assert both.phase(1) is Phase.AWAITING_APPROVAL


# ---- waited for
def test_while_the_source_is_away_the_release_waits_and_says_why(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.away = CannotKnow("dev.azure.com answers 503", retryable=True)
    tell(both, run, tag="v1")
    both.settle()
    assert both.phase(1) is Phase.JOINING
    result = rule(both, Rule.RUN_IS_PROVED)
    assert isinstance(result, Unknown)
    assert "503" in result.reason
    assert "503" in both.explain(1).headline
    told_only = (Rule.BUILT_BY_RUN, Rule.RUN_SUCCEEDED, Rule.BRANCH_COUNTS)
    assert not any(rule(both, wanted).passed for wanted in told_only), "an unknown is never shown as a pass"
    both.runs.away = None
    assert look_again(both)
    both.settle()
    assert both.phase(1) is Phase.AWAITING_APPROVAL
    assert both.actions().count("run.not-proved") == 1


def test_a_source_that_stays_away_is_asked_with_growing_pauses_and_then_it_stays_unknown(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.away = CannotKnow("dev.azure.com answers 503", retryable=True)
    began = both.now
    tell(both, run, tag="v1")
    looks = 0
    while look_again(both):
        looks += 1
    assert RETRY_PERIOD <= both.now - began < RETRY_PERIOD + timedelta(minutes=11)
    assert looks < 200
    assert both.phase(1) is Phase.JOINING
    assert f"it was asked {looks + 1} times" in rule(both, Rule.RUN_IS_PROVED).reason


def test_the_pause_that_the_source_asks_for_is_kept(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.away = CannotKnow("asked too often", retryable=True, after=timedelta(minutes=7))
    tell(both, run, tag="v1")
    (message,) = [raw for raw in both.bus.raw if raw.queue == Queue.HINTS]
    assert message.not_before == both.now + timedelta(minutes=7)


def test_a_run_that_the_source_does_not_know_is_never_proved_and_not_asked_for_for_ever(both: Installation) -> None:
    both.push("v1")
    began = both.now
    tell(both, told_run(id=99, number="v1"))
    while look_again(both):
        pass
    assert ABSENT_RETRY_PERIOD <= both.now - began < ABSENT_RETRY_PERIOD + timedelta(minutes=11)
    assert both.phase(1) is Phase.JOINING
    assert "knows no run 99" in rule(both, Rule.RUN_IS_PROVED).reason


def test_a_run_that_goes_on_is_waited_for(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.change(run, answer=run.evolve(completed=False, result=""))
    tell(both, run)
    assert both.phase(1) is Phase.JOINING
    assert "run.not-proved" not in both.actions()
    both.runs.change(run, answer=run)
    assert look_again(both)
    both.settle()
    assert both.phase(1) is Phase.AWAITING_APPROVAL


def test_a_run_that_is_not_proved_stops_nothing(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.away = CannotKnow("away", retryable=True)
    claims = told(both, run, tag="v1")
    both.app.run_prover.take(claims.evolve(claims=claims.claims.evolve(result="failed")))
    assert both.phase(1) is Phase.JOINING


# ---- not proved
def test_a_run_that_published_nothing_starts_nothing_and_the_release_says_so(both: Installation) -> None:
    both.push("v1")
    run = told_run(id=1, number="v1", requested_by=DAN)
    both.runs.put(run, pushed_by=GRACE)
    tell(both, run)
    both.settle()
    assert both.phase(1) is Phase.JOINING
    assert rule(both, Rule.RUN_IS_PROVED).passed
    assert isinstance(rule(both, Rule.BUILT_BY_RUN), Unknown)


def test_an_unproved_report_gives_way_to_a_proved_one_of_another_run(both: Installation) -> None:
    """A forged report that comes first does not keep the true one out."""
    run = built(both, number="v1")
    both.push("v1")
    tell(both, told_run(id=99, number="v1"))
    tell(both, run)
    both.settle()
    release = both.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert release.run is not None
    assert release.run.id == run.id


# ---- refused
def test_a_genuine_run_with_a_foreign_digest_is_refused_by_name_and_its_own_image_goes_on(both: Installation) -> None:
    run = built(both)
    foreign = both.push("evil") and both.release(1).digest
    both.push("v1")
    tell(both, run, repository=REPOSITORY, digest=str(foreign), tag="evil")
    both.settle()
    assert [both.phase(number) for number in (1, 2)] == [Phase.SUPERSEDED, Phase.AWAITING_APPROVAL]
    (refused,) = [record for record in both.trail() if record.action == "run.refused"]
    assert refused.release == "shop-1"
    assert str(both.release(2).digest) in str(refused.details["reason"])
    assert refused.details["image"] == foreign


def test_a_run_of_another_pipeline_is_refused_by_name(both: Installation) -> None:
    both.push("v1")
    run = told_run(id=1, number="v1", pipeline="other-ci", folder="\\team-a", definition=99)
    both.runs.put(run, published_by_run(str(both.release(1).digest), REPOSITORY))
    tell(both, run.evolve(pipeline="build"))
    both.settle()
    assert both.phase(1) is Phase.JOINING
    (refused,) = [record for record in both.trail() if record.action == "run.refused"]
    assert "team-a\\other-ci (99)" in str(refused.details["reason"])


def test_a_run_of_a_pipeline_that_builds_nothing_here_reaches_no_application(both: Installation) -> None:
    tell(both, told_run(id=1, number="1", pipeline="other-ci"))
    both.settle()
    assert (both.runs.requests, both.actions(), list(both.app.parking.all())) == ([], [], [])


def test_a_run_of_a_pull_request_releases_nothing(both: Installation) -> None:
    run = built(both).evolve(branch="refs/pull/7/merge", reason="pullRequest")
    both.runs.change(run, answer=run)
    both.push("v1")
    tell(both, run)
    assert both.phase(1) is Phase.JOINING
    assert both.actions()[-1] == "run.ignored"


# ---- contradicted
def test_two_documents_in_one_run_stop_the_release(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.change(run, documents=(*both.runs.runs["contoso", 1].documents, b"{}"))
    tell(both, run, digest=str(both.release(1).digest))
    assert both.phase(1) is Phase.CANCELLED
    assert "2 documents" in both.release(1).reason
    assert "run.contradicted" in both.actions()


def test_a_document_of_another_task_stops_the_release(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.change(run, task="Run the tests")
    tell(both, run, digest=str(both.release(1).digest))
    assert both.phase(1) is Phase.CANCELLED
    assert "'Run the tests'" in both.release(1).reason


def test_a_document_that_changed_after_it_was_proved_stops_the_release(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    tell(both, run)
    both.settle()
    assert both.phase(1) is Phase.AWAITING_APPROVAL
    other = published_by_run(both.build("other"), REPOSITORY).model_dump_json().encode()
    both.runs.change(run, documents=(other,))
    tell(both, run)
    assert both.phase(1) is Phase.CANCELLED
    assert "published something else" in both.release(1).reason
    tell(both, run)
    assert both.actions().count("run.contradicted") == 1


def test_a_run_that_failed_and_was_run_again_contradicts_nothing(both: Installation) -> None:
    run = built(both)
    both.push("v1")
    both.runs.change(run, answer=run.evolve(result="failed"))
    tell(both, run)
    assert both.phase(1) is Phase.CANCELLED
    again = published_by_run(str(both.release(1).digest), REPOSITORY, tool="build 2").model_dump_json().encode()
    both.runs.change(run, answer=run, documents=(again,))
    tell(both, run)
    both.settle()
    assert both.phase(2) is Phase.AWAITING_APPROVAL


# ---- at its word
def test_an_installation_that_cannot_ask_takes_runs_at_their_word_and_says_everywhere_that_nothing_is_proved(
    both: Installation,
) -> None:
    both.restart(runs="claimed")
    run = built(both)
    both.push("v1")
    tell(both, run, tag="v1")
    both.settle()
    release = both.release(1)
    assert release.phase is Phase.AWAITING_APPROVAL
    assert both.runs.requests == []
    assert release.run is not None
    assert release.run.proof.trust is Trust.CLAIMED
    for wanted in (Rule.RUN_IS_PROVED, Rule.BUILT_BY_RUN):
        result = rule(both, wanted)
        assert isinstance(result, Unknown)
        assert "SLIPWAY_RUNS" in result.reason


def test_two_reports_at_their_word_that_contradict_each_other_stop_the_release_and_bar_everybody_they_name(
    both: Installation,
) -> None:
    both.restart(runs="claimed")
    run = built(both)
    both.push("v1")
    tell(both, run, tag="v1")
    both.settle()
    claims = told(both, run, tag="v1")
    other = claims.claims.people[0].evolve(mail=GRACE)
    both.app.run_prover.take(claims.evolve(claims=claims.claims.evolve(people=(other,))))
    release = both.release(1)
    assert release.phase is Phase.CANCELLED
    assert "name another requester" in release.reason
    assert release.run is not None
    assert {one.mail for one in release.run.people} == {"mallory@example.com", GRACE}


# ---- where an environment demands it
@pytest.fixture
def demanding(tmp_path: Path) -> Installation:
    """Starts by the push alone; production takes only what a proved run built."""
    folder = tmp_path / "deliveries"
    text = APPLICATION.replace("start: {start}", "start: push")
    write_application(folder, start="run", text=text)
    project = folder / "project.yaml"
    project.write_text(
        project.read_text().replace("    registry: prod\n", "    registry: prod\n    provenance: artifact\n")
    )
    return Installation(folder)


def test_an_environment_that_demands_it_holds_back_what_no_proved_run_built(demanding: Installation) -> None:
    demanding.push("v1")
    demanding.settle()
    demanding.vote(1)
    assert demanding.phase(1) is Phase.HELD_BACK
    assert demanding.release(1).blocked_by == ("built-by-run",)


def test_what_is_held_back_goes_on_once_its_run_is_proved_and_people_have_seen_that(demanding: Installation) -> None:
    run = built(demanding)
    demanding.push("v1")
    demanding.settle()
    demanding.vote(1)
    tell(demanding, run)
    demanding.settle()
    assert demanding.phase(1) is Phase.AWAITING_APPROVAL, "the plan that was voted on named no run"
    demanding.vote(1)
    demanding.settle()
    assert demanding.phase(1) is Phase.COMPLETED


def test_a_word_is_not_enough_where_an_environment_demands_a_proved_run(demanding: Installation) -> None:
    demanding.restart(runs="claimed")
    run = built(demanding)
    demanding.push("v1")
    tell(demanding, run, tag="v1")
    demanding.settle()
    demanding.vote(1)
    assert demanding.phase(1) is Phase.HELD_BACK
