"""The approval page in each of its situations; and that looking at it changes nothing."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from slipway.domain.decide.blocks import called_off_rules
from slipway.domain.errors import NotFound
from slipway.domain.events import StepFinished
from slipway.domain.gate import ApprovalGate, Level
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.rules import not_passed
from slipway.domain.steps import StepKind
from slipway.domain.tokens import Purpose, read_link, sign_link
from slipway.engine.links import EXPLAINS_FOR
from slipway.testing import ADA, BEN, CLEO
from slipway.web.answer import Answer
from slipway.web.approving import receive_vote_by_link, show_linked_changes, show_linked_gate
from slipway.web.messages import or_message
from tests.unit.web.installation import ScriptedInstallation, digest, hello
from tests.unit.web.samples import (
    FORM,
    SAMPLES,
    Headers,
    awaiting_approval,
    awaiting_two_approvals,
    cast_vote,
    nonce_of,
)


def body(answer: Answer) -> str:
    return answer.body.decode()


@pytest.mark.parametrize(
    ("sample", "expected"),
    [
        ("approval-passed", "It was approved"),
        ("approval-rejected", "The report of last night shows wrong totals."),
        ("approval-superseded", "Superseded by a newer release"),
        ("approval-expired", "The deadline has passed"),
        ("approval-plan-changed", "This link is for an earlier plan"),
    ],
)
def test_a_closed_gate_is_explained_and_takes_no_vote(sample: str, expected: str) -> None:
    answer = SAMPLES[sample]()
    assert answer.status == 200
    assert expected in body(answer)
    assert set(re.findall(r'name="decision" value="(\w+)"', body(answer))) <= {"object"}


@pytest.mark.parametrize(
    ("sample", "offered"),
    [
        ("approval-passed", True),
        ("approval-rejected", True),
        ("approval-superseded", False),
        ("approval-expired", False),
    ],
)
def test_an_objection_is_offered_to_a_voter_only_while_their_vote_counts(sample: str, offered: bool) -> None:
    assert ('value="object"' in body(SAMPLES[sample]())) is offered


def test_during_a_freeze_the_page_shows_no_deadline_and_still_lets_people_decide() -> None:
    page = body(SAMPLES["approval-frozen"]())
    assert "Its time has stood still since" in page
    assert "Decide <strong>" not in page
    assert 'value="approve"' in page


def test_an_approver_who_approved_is_offered_to_withdraw_or_reject() -> None:
    answer = SAMPLES["approval-voted"]()
    assert answer.status == 200
    assert "You approved this" in body(answer)
    assert 'value="withdraw"' in body(answer)
    assert 'value="reject"' in body(answer)
    assert 'value="approve"' not in body(answer)


def test_an_open_gate_shows_everything_that_a_decision_needs() -> None:
    home, subject = awaiting_approval()
    page = body(show_linked_gate(home.services, home.token(subject)))
    assert subject.gate is not None
    assert subject.run is not None
    for expected in (
        "Approve 1.5.0 for production?",
        "in 24 h",
        "2026-11-25 04:09 UTC",
        str(subject.digest),
        str(subject.plan_hash),
        'href="/releases/hello-2"',
        'href="/releases/hello-1"',
        subject.run.url.replace("&", "&amp;"),
        "cleo@example.com",
        "+          value: 1.5.0",
        "24 passed, 0 failed",
        "0 of 1 needed",
        "approver-is-listed",
        "plan-is-current",
    ):
        assert expected in page, expected


def test_the_second_voter_sees_the_first_vote() -> None:
    page = body(SAMPLES["approval-second-voter"]())
    assert "1 of 2 needed" in page
    assert ADA in page
    assert 'value="approve"' in page


def test_a_superseded_release_links_to_the_newer_one() -> None:
    assert 'href="/releases/hello-3"' in body(SAMPLES["approval-superseded"]())


def test_the_requester_of_the_run_may_only_reject() -> None:
    page = body(SAMPLES["approval-own-release"]())
    assert 'value="reject"' in page
    assert 'value="approve"' not in page
    assert "somebody else has to approve it" in page


def test_an_outdated_plan_cannot_be_approved_but_can_be_made_again() -> None:
    page = body(SAMPLES["approval-outdated"]())
    assert "The plan is out of date" in page
    assert "Make a new plan" in page
    assert 'value="reject"' not in page
    assert "plan-is-current" in page


def test_somebody_who_is_no_longer_asked_gets_no_form() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.change_delivery(hello(approvers=(BEN,)))
    page = body(show_linked_gate(home.services, token))
    assert "You are no longer an approver" in page
    assert "<form" not in page


def test_a_plan_that_is_being_made_again_is_waited_for() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.change_delivery()
    home.stops_before = frozenset({StepKind.PLAN})
    cast_vote(home, subject)
    assert home.newest().phase is Phase.PLANNING
    assert "A new plan is being made" in body(show_linked_gate(home.services, token))


@pytest.mark.parametrize("stop", [StepKind.COPY, StepKind.DEPLOY])
def test_an_approved_release_can_be_rejected_until_its_first_object_is_written(stop: StepKind) -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.stops_before = frozenset({stop})
    cast_vote(home, subject)
    home.settle()
    page = body(show_linked_gate(home.services, token))
    assert "It was approved" in page
    assert "A rejection still ends the release, until its rollout writes the first object" in page
    assert set(re.findall(r'name="decision" value="(\w+)"', page)) == {"reject", "object"}
    form_token = nonce_of(show_linked_gate(home.services, token))
    form = f"decision=reject&reason=wrong+prices&opening=1&form_token={form_token}".encode()
    home.follow(receive_vote_by_link(home.services, token, Headers(FORM), form))
    home.settle()
    assert "wrong prices" in " ".join(str(record.details.get("reason")) for record in home.trail())
    assert 'value="reject"' not in body(show_linked_gate(home.services, token))
    if stop is StepKind.DEPLOY:
        assert home.newest().phase is Phase.DEPLOYING
        _look_before_the_first_object(home)
    assert home.newest().phase is Phase.REJECTED
    assert "rollout.applied" not in [
        record.action
        for record in home.trail()
        if (record.release, record.environment) == (subject.id, subject.environment)
    ]
    assert "wrong prices" in body(show_linked_gate(home.services, token))


def _look_before_the_first_object(home: ScriptedInstallation) -> None:
    """The step that would write the first object looks for what is in its way, and ends there."""
    (step,) = (step for step in home.steps() if step.kind is StepKind.DEPLOY)
    broken = not_passed(called_off_rules(home.newest(), home.lane("production")))
    home.take(StepFinished(received_at=home.now, step=step, passed=False, reason="called off", broken=broken))


def test_a_passed_deadline_is_shown_before_the_reconcile_timer_has_noticed_it() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.wait(timedelta(hours=25))
    page = body(show_linked_gate(home.services, token))
    assert home.newest().phase is Phase.AWAITING_APPROVAL
    assert "The deadline has passed" in page
    assert "<form" not in page


def test_a_rollout_that_failed_after_approval_says_so() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.fails = {StepKind.CHECK: "1 of 2 pods crash"}
    cast_vote(home, subject)
    home.settle()
    page = body(show_linked_gate(home.services, token))
    assert "It was approved, failed and was rolled back" in page
    assert "1 of 2 pods crash" in page


def test_a_plan_that_is_gone_cannot_be_voted_on() -> None:
    home, subject = awaiting_approval()
    home.blobs.documents.clear()
    page = body(show_linked_gate(home.services, home.token(subject)))
    assert "You cannot vote on a plan that cannot be shown" in page
    assert "<form" not in page


def test_a_plan_that_was_tampered_with_cannot_be_voted_on() -> None:
    home, subject = awaiting_approval()
    home.blobs.documents[str(subject.plan_hash)] = b"{}"
    page = body(show_linked_gate(home.services, home.token(subject)))
    assert "was changed after it was written" in page
    assert "<form" not in page


def test_an_expired_link_is_answered_as_gone_and_a_forged_one_of_the_same_age_is_refused() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    home.wait(timedelta(days=EXPLAINS_FOR.days + 2))
    assert show_linked_gate(home.services, token).status == 410
    payload, _, signature = token.partition(".")
    forged = f"{payload}.{signature[1:4]}{signature[0]}{signature[4:]}"
    assert show_linked_gate(home.services, forged).status == 403


@pytest.mark.parametrize(
    "damage",
    [
        lambda token: "",
        lambda token: "x",
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token.replace(".", ""),
        lambda token: "A" + token[1:],
        lambda token: token * 20,
        lambda token: token.partition(".")[0] + ".",
        lambda token: "\x00.\x00",
    ],
)
def test_damaged_and_forged_links_get_the_same_friendly_page(damage: Callable[[str], str]) -> None:
    home, subject = awaiting_approval()
    answer = show_linked_gate(home.services, damage(home.token(subject)))
    assert answer.status == 403
    assert answer == show_linked_gate(ScriptedInstallation().services, "bm8.bm8")


def test_a_link_that_only_shows_leads_to_where_people_sign_in() -> None:
    home, subject = awaiting_approval()
    claims = read_link(home.token(subject), home.app.public_keys, now=home.now)
    token = sign_link(claims.evolve(purpose=Purpose.SHOW), home.app.signer)
    path = f"/approvals/hello/{subject.number}/production?plan={subject.plan_hash}"
    after_vote = receive_vote_by_link(home.services, token, Headers(FORM), b"")
    for answer in (show_linked_gate(home.services, token), show_linked_changes(home.services, token), after_vote):
        assert (answer.status, answer.headers["Location"]) == (303, path)


def test_a_link_of_an_earlier_opening_says_that_another_one_was_sent() -> None:
    home, subject = awaiting_approval()
    claims = read_link(home.token(subject), home.app.public_keys, now=home.now)
    page = body(show_linked_gate(home.services, sign_link(claims.evolve(opening=7), home.app.signer)))
    assert "You were asked again" in page
    assert 'name="decision"' not in page


def test_a_link_to_a_release_that_is_gone_is_not_found() -> None:
    home, subject = awaiting_approval()
    token = home.token(subject)
    empty = ScriptedInstallation()
    empty.now = home.now
    assert or_message(lambda: show_linked_gate(empty.services, token)).status == 404


def test_the_text_of_all_changes_needs_the_same_link() -> None:
    home, subject = awaiting_approval()
    assert show_linked_changes(home.services, "bm8.bm8").status == 403
    assert b"+          value: 1.5.0" in show_linked_changes(home.services, home.token(subject)).body
    home.blobs.documents.clear()
    with pytest.raises(NotFound):
        show_linked_changes(home.services, home.token(subject))


def test_looking_changes_nothing_in_any_state() -> None:
    for change in (_nothing, _vote, _reject, _newer, _late, _other_delivery):
        home, subject = awaiting_approval()
        token = home.token(subject)
        change(home)
        before = _snapshot(home)
        for _ in range(3):
            show_linked_gate(home.services, token)
            show_linked_changes(home.services, token)
        assert _snapshot(home) == before


def _snapshot(home: ScriptedInstallation) -> object:
    rows = [(row.key, row.values, row.etag) for row in home.table.rows("hello", "", "~")]
    return rows, list(home.bus.sent), list(home.bus.raw), dict(home.blobs.documents)


def _nothing(home: ScriptedInstallation) -> None:
    """The gate is open."""


def _vote(home: ScriptedInstallation) -> None:
    cast_vote(home, home.newest())
    home.settle()


def _reject(home: ScriptedInstallation) -> None:
    cast_vote(home, home.newest(), decision=VoteDecision.REJECT, reason="no")


def _newer(home: ScriptedInstallation) -> None:
    home.bring("1.6.0")


def _late(home: ScriptedInstallation) -> None:
    home.now += timedelta(days=2)


def _other_delivery(home: ScriptedInstallation) -> None:
    home.change_delivery()


def test_votes_of_a_later_gate_are_not_shown_on_an_earlier_link() -> None:
    home, subject = awaiting_two_approvals()
    early = read_link(home.token(subject), home.app.public_keys, now=home.now).evolve(
        plan_hash=digest("an earlier plan")
    )
    cast_vote(home, subject, BEN)
    page = body(show_linked_gate(home.services, sign_link(early, home.app.signer)))
    assert "The plan changed" in page
    assert BEN not in page
    assert CLEO in page  # who asked for the run is a fact of the release


def test_the_deadline_is_shown_in_the_approvers_own_time_too() -> None:
    home, _ = awaiting_approval()
    staging, production = home.policy.environments
    gate = ApprovalGate(approvers=(ADA,), timezone="Europe/Berlin", level=Level.LINK)
    home.change_delivery(home.policy.evolve(environments=(staging, production.evolve(gate=gate))))
    home.wait(timedelta(hours=1))
    subject = home.bring("1.6.0")
    page = body(show_linked_gate(home.services, home.token(subject)))
    assert "UTC</time>: <strong>" in page
    assert "CET (Europe/Berlin)</strong>" in page


def test_a_newer_release_is_named_with_its_link_while_the_gate_is_open() -> None:
    home, subject = awaiting_approval()
    home.stops_before = frozenset({StepKind.VERIFY})
    newer = home.bring("1.6.0")
    page = body(show_linked_gate(home.services, home.token(home.app.reader.release(subject.id))))
    assert "Approve 1.5.0 for production?" in page
    assert f'A newer release exists: <a href="/releases/{newer.id}">{newer.id}</a>' in page
    assert "1.6.0" in page
