"""A vote can be taken back until the gate closes; and what voids votes tells the people who cast them why."""

from datetime import timedelta

import pytest

from slipway.domain.application import Start
from slipway.domain.events import VoteCast
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.crowd import ADA_OID, KNOWN
from tests.unit.domain.gates import at_the_gate, built, gated, refusals, voters
from tests.unit.domain.samples import ADA, BEN, CLEO, MALLORY, application, ci_run, digest
from tests.unit.domain.world import World


def test_a_vote_that_was_taken_back_no_longer_counts() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.withdraw(1, ADA, reason="not yet")
    assert voters(world) == []
    record = world.last("vote.withdrawn")
    assert record.actor == ADA
    assert record.details["voted"] == "approve"
    assert record.details["reason"] == "not yet"
    world.vote(1, BEN)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, CLEO)
    assert world.phase(1) is Phase.COPYING


def test_a_voter_who_took_an_approval_back_may_reject() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.withdraw(1, ADA)
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED


def test_a_vote_can_be_taken_back_by_another_name_of_the_same_person() -> None:
    world = at_the_gate(gated(ADA, BEN, required=2, people=KNOWN))
    world.vote(1, ADA)
    world.withdraw(1, f"oid:{ADA_OID}")
    assert voters(world) == []


def test_nobody_takes_back_a_vote_that_they_did_not_cast() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert refusals(world.withdraw(1, BEN)) == ["has-voted"]
    assert refusals(world.withdraw(1, MALLORY)) == ["has-voted"]
    assert voters(world) == [ADA]


def test_a_vote_cannot_be_taken_back_once_the_gate_is_passed() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    assert "gate-is-open" in refusals(world.withdraw(1, ADA))
    assert world.phase(1) is Phase.COPYING


def test_a_vote_cannot_be_taken_back_after_the_gates_time() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.wait(timedelta(hours=24))
    assert refusals(world.withdraw(1, ADA)) == ["gate-is-open"]


def test_a_withdrawal_that_names_an_earlier_plan_is_refused() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert refusals(world.withdraw(1, ADA, plan_hash=digest("other"))) == ["vote-is-for-this-plan"]


def test_a_vote_can_be_taken_back_while_its_plan_is_being_made_again() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    voted_on = world.releases[1].plan_hash
    world.change()
    world.vote(1, BEN)
    assert world.phase(1) is Phase.PLANNING
    world.withdraw(1, ADA, plan_hash=voted_on)
    assert voters(world) == []
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_a_vote_that_was_taken_back_does_not_come_back_by_a_repeat_of_its_message() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA, submission="form-nonce-1")
    vote_event = world.taken[-1][1]
    assert isinstance(vote_event, VoteCast)
    world.withdraw(1, ADA)
    assert world.take(vote_event).nothing
    assert voters(world) == []


def test_a_withdrawal_counts_once_however_often_its_message_comes() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.withdraw(1, ADA, submission="form-nonce-2")
    world.vote(1, ADA)
    world.withdraw(1, ADA, submission="form-nonce-2")
    assert voters(world) == [ADA]


# ---- void, and told
def test_voters_are_notified_by_name_of_the_part_of_the_plan_that_changed() -> None:
    world = at_the_gate(gated(required=3))
    world.vote(1, ADA)
    world.vote(1, BEN)
    world.change(gated(required=2))
    world.vote(1, CLEO)
    world.settle()
    notices = world.notices(Notice.VOTES_VOIDED)
    assert [(step.channel, step.recipients) for step in notices] == [("team", (ADA, BEN)), ("mail", (ADA, BEN))]
    assert {step.why for step in notices} == {"the plan changed: policy"}


def test_votes_on_a_release_whose_tag_was_pushed_again_are_void_with_the_reason() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.wait(timedelta(minutes=1))
    world.push("v1", "pushed again")
    assert world.phase(1) is Phase.SUPERSEDED, "at once, not when the new image has come as far"
    world.settle()
    record = world.last("vote.voided")
    assert (record.release, record.details["voters"]) == ("shop-1", [ADA])
    assert record.details["reason"] == "shop-1 was superseded: the tag v1 was pushed again, as shop-2"
    assert world.notices(Notice.VOTES_VOIDED)[0].recipients == (ADA,)
    assert world.phase(2) is Phase.AWAITING_APPROVAL
    assert voters(world, 2) == []


def test_a_gate_that_nobody_voted_on_voids_nothing() -> None:
    world = at_the_gate()
    world.wait(timedelta(minutes=1))
    world.push("v2")
    world.settle()
    assert world.phase(1) is Phase.SUPERSEDED
    assert "vote.voided" not in world.actions()
    assert not world.notices(Notice.VOTES_VOIDED)


# ---- a rejection is remembered
def rejected() -> World:
    world = at_the_gate()
    world.reject(1, ADA, "wrong totals")
    return world


def test_a_rejected_digest_does_not_come_back_under_another_tag() -> None:
    world = rejected()
    world.push("v1-again", "v1")
    world.settle()
    assert world.phase(1) is Phase.REJECTED
    assert list(world.releases) == [1]
    assert world.last("image.tagged").details["tag"] == "v1-again"


@pytest.mark.parametrize("source", ["event", "reconcile"])
def test_a_rejected_digest_does_not_come_back_by_a_repeated_push(source: str) -> None:
    world = rejected()
    world.wait(timedelta(days=1))
    world.push("v1", source=source)
    world.settle()
    assert list(world.releases) == [1]
    assert not world.head.active


def test_a_rejected_digest_does_not_come_back_by_replaying_everything() -> None:
    world = rejected()
    for _, event in list(world.taken):
        world.take(event)
    world.settle()
    assert list(world.releases) == [1]
    assert world.phase(1) is Phase.REJECTED


def test_a_rejected_digest_does_not_come_back_by_a_later_run() -> None:
    world = rejected()
    world.run(built(identity=99), image="v1")
    world.settle()
    assert list(world.releases) == [1]


def test_a_rejected_digest_does_not_come_back_by_a_run_that_names_it_by_a_new_tag() -> None:
    world = World(application(start=Start.RUN))
    world.effects.registry |= {"1": digest("same"), "2": digest("same")}
    world.run(ci_run("1"))
    world.settle()
    world.reject(1, ADA)
    world.run(ci_run("2"))
    world.settle()
    assert world.phase(1) is Phase.REJECTED
    assert world.phase(2) is Phase.SUPERSEDED
    assert not [step for step in world.steps(StepKind.DEPLOY) if step.release == 2]


def test_a_vote_decision_that_is_kept_is_never_a_withdrawal() -> None:
    world = at_the_gate(gated(required=3))
    for voter in (ADA, BEN):
        world.vote(1, voter)
    world.withdraw(1, BEN)
    gate = world.releases[1].gate
    assert gate is not None
    assert [vote.decision for vote in gate.votes] == [VoteDecision.APPROVE]
