"""Gates: who may vote, what a vote is for, and what happens when the plan changes."""

from datetime import timedelta

import pytest

from slipway.domain.application import Application, Start
from slipway.domain.decide import Decision
from slipway.domain.events import StepFinished
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.samples import (
    ADA,
    BEN,
    CLEO,
    MALLORY,
    application,
    approval,
    ci_run,
    digest,
    production,
    staging,
)
from tests.unit.domain.world import World


def gated(required: int = 1, *, approvers: tuple[str, ...] = (ADA, BEN, CLEO), **fields: object) -> Application:
    gate = approval(*approvers, required=required, **fields)
    return application(staging(), production(gate=gate), notify=("team",))


def at_the_gate(delivered: Application | None = None, *, by: str = CLEO) -> World:
    """shop-1 waits for approval in production; `by` requested its run."""
    world = World(delivered or gated())
    world.push("v1")
    world.run(ci_run("v1", by=by))
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    return world


def refusals(decision: Decision) -> list[str]:
    return [rule.name for rule in decision.rules if rule.blocks]


def test_an_opened_gate_is_notified_and_recorded_with_plan_approvers_and_deadline() -> None:
    world = at_the_gate()
    record = world.last("gate.opened")
    assert record.details == {
        "plan_hash": world.releases[1].plan_hash,
        "opening": 1,
        "required": 1,
        "approvers": [ADA, BEN, CLEO],
        "deadline": (world.now + timedelta(hours=24)).isoformat(),
        "level": "link",
        "fresh": "none",
    }
    assert [step.notice for step in world.steps(StepKind.NOTIFY)] == [Notice.GATE_OPENED]


def test_one_approval_is_enough_where_one_is_required() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    world.settle()
    assert world.live("production") == 1
    assert world.last("vote.approved").actor == ADA


def test_a_quorum_needs_that_many_different_people() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING
    assert world.last("gate.passed").details["approvals"] == 2


def test_the_same_vote_cast_twice_counts_once() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert world.vote(1, ADA).nothing
    assert world.vote(1, ADA.upper()).nothing
    assert world.releases[1].gate is not None
    assert world.releases[1].gate.approvals == 1


def test_a_repeated_message_of_a_vote_is_taken_in_once() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA, submission="form-nonce-1")
    head_before = world.head
    assert world.vote(1, ADA, submission="form-nonce-1").nothing
    assert world.head == head_before


def test_a_rejection_under_the_id_of_an_approval_is_not_a_repeat_of_it() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA, submission="form-nonce-1")
    world.vote(1, ADA, VoteDecision.REJECT, reason="I saw a problem", submission="form-nonce-1")
    assert world.phase(1) is Phase.REJECTED


def test_a_rejection_ends_the_release_and_names_the_person_and_the_reason() -> None:
    world = at_the_gate()
    world.reject(1, BEN, "the release notes are missing")
    assert world.phase(1) is Phase.REJECTED
    assert world.releases[1].reason == "the release notes are missing"
    assert world.last("release.rejected").actor == BEN
    world.settle()
    assert world.live("production") is None
    assert world.lanes["production"].waiting is None


def test_one_rejection_outweighs_the_approvals_before_it() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.reject(1, BEN)
    assert world.phase(1) is Phase.REJECTED


def test_a_rejection_without_a_reason_is_refused() -> None:
    world = at_the_gate()
    assert refusals(world.reject(1, ADA, " ")) == ["rejection-has-a-reason"]
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_a_person_who_is_not_listed_is_refused_and_the_refusal_is_recorded() -> None:
    world = at_the_gate()
    assert refusals(world.vote(1, MALLORY)) == ["approver-is-listed"]
    record = world.last("vote.refused")
    assert (record.actor, record.details["rules"]) == (MALLORY, ["approver-is-listed"])


def test_an_approver_is_known_in_any_case_of_letters() -> None:
    world = at_the_gate()
    world.vote(1, "Ada@Example.COM")
    assert world.phase(1) is Phase.COPYING


def test_the_requester_of_a_run_may_not_approve_its_release() -> None:
    world = at_the_gate(by=ADA)
    assert refusals(world.vote(1, ADA.upper())) == ["approver-is-not-requester"]
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_the_requester_of_a_run_may_approve_where_the_gate_says_so() -> None:
    world = at_the_gate(gated(own_change=True), by=ADA)
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING


def test_the_requester_of_a_run_may_reject_its_release() -> None:
    world = at_the_gate(by=ADA)
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED


def test_a_voter_who_approved_can_reject_in_one_step_and_both_votes_are_on_record() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED
    gate = world.releases[1].gate
    assert gate is not None
    assert [vote.decision for vote in gate.votes] == ["reject"]
    assert [world.last(action).actor for action in ("vote.approved", "vote.rejected")] == [ADA, ADA]


def test_nobody_approves_twice_however_different_their_reasons_are() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert world.vote(1, ADA, reason="once more").nothing
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_a_vote_for_another_plan_is_refused() -> None:
    world = at_the_gate()
    assert refusals(world.vote(1, ADA, plan_hash=digest("other"))) == ["vote-is-for-this-plan"]
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_a_vote_for_another_environment_is_refused() -> None:
    world = at_the_gate()
    assert "gate-is-open" in refusals(world.vote(1, ADA, environment="staging"))


def test_a_vote_before_the_gate_opens_is_refused() -> None:
    world = World(gated())
    world.push("v1")
    decision = world.vote(1, ADA, environment="production")
    assert "gate-is-open" in refusals(decision)
    assert decision.rules[0].reason == "shop-1 is planning in staging"


def test_a_vote_on_a_release_that_has_not_reached_any_environment_is_refused() -> None:
    world = World(application(start=Start.BOTH))
    world.push("v1")
    decision = world.vote(1, ADA)
    assert "gate-is-open" in refusals(decision)
    assert decision.rules[0].reason == "shop-1 is joining"


def test_a_vote_after_the_end_is_refused() -> None:
    world = at_the_gate()
    plan = world.releases[1].plan_hash
    world.reject(1, BEN)
    assert "gate-is-open" in refusals(world.vote(1, ADA, plan_hash=plan))


def test_a_vote_that_comes_after_the_gates_time_is_refused_although_no_reconcile_run_has_closed_it() -> None:
    world = at_the_gate()
    world.wait(timedelta(hours=24))
    decision = world.vote(1, ADA)
    assert refusals(decision) == ["gate-is-open"]
    assert decision.rules[0].reason.endswith("but its deadline passed at 2026-11-24 08:00 UTC")


def test_a_vote_on_a_release_that_does_not_exist_says_so() -> None:
    world = at_the_gate()
    decision = world.vote(99, ADA)
    assert decision.nothing
    assert decision.rules[0].reason == "there is no shop-99"


def test_a_changed_policy_voids_the_votes_and_notifies_the_voters() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    voted_on = world.releases[1].plan_hash
    world.change(gated(required=2, deadline=timedelta(hours=1)))
    assert refusals(world.vote(1, BEN)) == ["plan-is-current"]
    assert world.phase(1) is Phase.PLANNING
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.releases[1].plan_hash != voted_on
    assert world.last("vote.voided").details == {
        "voters": [ADA],
        "plan_hash": voted_on,
        "reason": "the plan changed: policy",
    }
    notices = [step.notice for step in world.steps(StepKind.NOTIFY)]
    assert notices == [Notice.GATE_OPENED, Notice.VOTE_COUNTED, Notice.VOTES_VOIDED, Notice.GATE_OPENED]


def test_voters_can_vote_again_on_the_new_plan() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.change(gated(required=2, deadline=timedelta(hours=1)))
    world.vote(1, BEN)
    world.settle()
    world.vote(1, ADA)
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_a_rejection_counts_although_its_plan_is_outdated() -> None:
    world = at_the_gate()
    world.change()
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED


def test_a_vote_on_the_plan_before_is_refused_after_the_plan_changed() -> None:
    world = at_the_gate()
    plan_hash_before = world.releases[1].plan_hash
    world.change(gated(deadline=timedelta(hours=1)))
    world.vote(1, ADA)
    world.settle()
    assert refusals(world.vote(1, ADA, plan_hash=plan_hash_before)) == ["vote-is-for-this-plan"]


def test_votes_stand_when_planning_again_gives_the_same_plan() -> None:
    world = at_the_gate(gated(required=2))
    deadline = world.releases[1].due
    world.vote(1, ADA)
    world.wait(timedelta(minutes=5))
    world.change()
    world.vote(1, BEN)
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.releases[1].due == deadline
    assert "vote.voided" not in world.actions()
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_votes_are_void_with_a_record_when_the_new_policy_asks_nobody() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.change(application(staging(), production(gate=None)))
    assert refusals(world.vote(1, BEN)) == ["approver-is-listed", "plan-is-current"]
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("vote.voided").details["voters"] == [ADA]


def test_the_first_vote_of_a_new_approver_leads_to_a_new_plan_on_which_they_can_vote() -> None:
    world = at_the_gate(gated(approvers=(ADA,)))
    world.change(gated(approvers=(BEN,)))
    assert refusals(world.vote(1, BEN)) == ["plan-is-current"]
    world.settle()
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_a_vote_in_one_environment_does_not_count_in_the_next() -> None:
    world = World(application(staging(gate=approval(ADA)), production(gate=approval(ADA))))
    world.push("v1")
    world.settle()
    staging_plan_hash = world.releases[1].plan_hash
    world.vote(1, ADA)
    world.settle()
    assert world.releases[1].environment == "production"
    assert "vote.voided" not in world.actions(1)
    assert refusals(world.vote(1, ADA, plan_hash=staging_plan_hash)) == ["vote-is-for-this-plan"]
    assert world.releases[1].gate is not None
    assert world.releases[1].gate.votes == ()


def test_a_release_that_would_be_planned_for_ever_is_cancelled() -> None:
    world = at_the_gate()
    for _ in range(60):
        if world.phase(1) is Phase.CANCELLED:
            break
        world.change()
        world.vote(1, ADA)
        world.settle()
    assert world.phase(1) is Phase.CANCELLED
    assert world.releases[1].reason == "50 plans were outdated before they could be used"


@pytest.mark.parametrize("start", [Start.PUSH, Start.BOTH])
def test_the_trail_of_an_approved_release_records_each_intent_before_its_outcome(start: Start) -> None:
    world = World(application(start=start))
    world.push("v1")
    world.run(ci_run("v1"))
    world.settle()
    world.vote(1, ADA)
    world.settle()
    in_production = [record.action for record in world.audit if record.environment == "production"]
    assert in_production == [
        "plan.requested",
        "plan.made",
        "gate.opened",
        "vote.approved",
        "gate.passed",
        "copy.requested",
        "copy.done",
        "rollout.requested",
        "rollout.applied",
        "rollout.done",
        "verification.requested",
        "verification.done",
        "release.live",
        "release.completed",
    ]


def test_a_notice_that_goes_out_after_the_end_of_a_release_does_not_change_it() -> None:
    world = World(application(staging(), production(gate=approval(ADA)), notify=("inbox",)))
    world.effects.fail(StepKind.NOTIFY, "production")
    world.push("v1")
    world.settle()
    (notice,) = world.notices(Notice.GATE_OPENED)
    world.reject(1, ADA)
    release = world.releases[1]
    assert release.phase is Phase.REJECTED
    world.take(StepFinished(received_at=world.now, step=notice.model_copy(update={"channel": "another"}), passed=True))
    assert world.releases[1] == release
