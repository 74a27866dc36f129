"""A person who is notified of a vote that they did not cast objects: the vote no longer counts, the release stops where
it is, and everybody is notified. An objection needs no proof, and only the voter can object to a vote."""

from datetime import timedelta

import pytest

from slipway.domain.commands import Verb
from slipway.domain.environment import OnFailure
from slipway.domain.on_record import on_record
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Notice, StepKind
from tests.unit.domain.crowd import ADA_OID, KNOWN
from tests.unit.domain.gates import at_the_gate, gated, refusals, voters
from tests.unit.domain.samples import ADA, BEN, CLEO, MALLORY, application, approval, production, staging
from tests.unit.domain.world import World

OBJECT = VoteDecision.OBJECT


def test_a_voter_is_notified_of_the_vote_counted_in_their_name() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA, reason="looks good")
    notices = world.notices(Notice.VOTE_COUNTED)
    assert {(step.channel, step.recipients) for step in notices} == {("team", (ADA,)), ("mail", (ADA,))}
    assert notices[0].why.splitlines()[0] == f"approval of {ADA}"
    assert "reason: looks good" in notices[0].why


@pytest.mark.parametrize("decision", [VoteDecision.REJECT, VoteDecision.WITHDRAW])
def test_a_rejection_and_a_withdrawal_are_reported_too(decision: VoteDecision) -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.vote(1, ADA, decision, reason="no")
    assert world.notices(Notice.VOTE_COUNTED)[-1].why.startswith(f"{decision.noun} of {ADA}")


def test_a_refused_vote_sends_no_notice_of_a_counted_vote() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, MALLORY)
    assert not world.notices(Notice.VOTE_COUNTED)


def test_a_voter_without_a_known_address_is_named_to_everybody_on_the_channels() -> None:
    world = at_the_gate(gated(f"oid:{ADA_OID}", BEN, required=2))
    world.vote(1, f"oid:{ADA_OID}")
    (notice, _) = world.notices(Notice.VOTE_COUNTED)
    assert notice.recipients == ()
    assert ADA_OID in notice.why


def test_an_objection_while_the_gate_is_open_rejects_the_release() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.vote(1, ADA, OBJECT, reason="I was on a plane")
    assert world.phase(1) is Phase.REJECTED
    record = world.last("vote.objected")
    assert (record.actor, record.details["voted"], record.details["was"]) == (ADA, "approve", "awaiting_approval")
    assert "I was on a plane" in world.releases[1].reason
    assert "I was on a plane" in world.notices(Notice.VOTE_OBJECTED)[0].why


def test_a_vote_that_was_objected_to_stands_as_a_rejection_at_the_gate() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.vote(1, ADA, OBJECT)
    gate = world.releases[1].gate
    assert gate is not None
    assert [(vote.voter, vote.decision) for vote in gate.votes] == [(ADA, VoteDecision.REJECT)]


def test_an_objection_during_the_copy_stops_the_release_before_anything_is_deployed() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    world.vote(1, ADA, OBJECT)
    world.settle()
    assert world.phase(1) is Phase.REJECTED
    assert "production" not in {step.environment for step in world.steps(StepKind.DEPLOY)}


def test_an_objection_to_a_release_that_is_held_back_rejects_it() -> None:
    world = at_the_gate()
    world.freeze_everything()
    world.vote(1, ADA)
    assert world.phase(1) is Phase.HELD_BACK
    world.vote(1, ADA, OBJECT)
    assert world.phase(1) is Phase.REJECTED


def test_an_objection_while_the_plan_is_made_again_rejects_the_release() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.change()
    world.vote(1, BEN)  # the plan is out of date, so it is made again
    assert world.phase(1) is Phase.PLANNING
    world.vote(1, ADA, OBJECT)
    assert world.phase(1) is Phase.REJECTED


def test_a_rollout_that_has_begun_is_rolled_back() -> None:
    world = at_the_gate(gated(required=1))
    world.vote(1, ADA)
    world.settle()
    world.push("v2")
    world.settle()
    world.effects.lose(StepKind.CHECK, "production")
    world.vote(2, BEN)
    world.settle()
    assert world.phase(2) is Phase.CHECKING
    world.vote(2, BEN, OBJECT)
    world.settle()
    assert world.phase(2) is Phase.ROLLED_BACK
    live = world.lanes["production"].live
    assert live is not None
    assert live.release == 1


def test_an_objection_to_a_live_release_leaves_it_live_and_a_notice_asks_for_a_rollback() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    world.settle()
    assert world.phase(1) is Phase.COMPLETED
    world.vote(1, ADA, OBJECT)
    assert world.phase(1) is Phase.COMPLETED
    assert world.last("vote.objected").details["was"] == "completed"
    assert "rolls back" in world.notices(Notice.VOTE_OBJECTED)[0].why


def test_an_objection_to_a_vote_in_an_earlier_environment_stops_the_release_where_it_is() -> None:
    world = World(application(staging(gate=approval(ADA)), production(gate=approval(BEN)), notify=("team",)))
    world.push("v1")
    world.settle()
    world.vote(1, ADA)
    world.settle()
    assert (world.phase(1), world.releases[1].environment) == (Phase.AWAITING_APPROVAL, "production")
    world.vote(1, ADA, OBJECT, environment="staging")
    assert world.phase(1) is Phase.REJECTED
    assert world.last("vote.objected").environment == "staging"


def test_an_objection_counts_under_another_name_of_the_same_person() -> None:
    world = at_the_gate(gated(ADA, BEN, required=2, people=KNOWN))
    world.vote(1, ADA)
    world.vote(1, f"oid:{ADA_OID}", OBJECT)
    assert world.phase(1) is Phase.REJECTED


@pytest.mark.parametrize("who", [BEN, MALLORY])
def test_an_objection_by_a_person_without_a_vote_there_stops_nothing(who: str) -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    assert refusals(world.vote(1, who, OBJECT)) == ["has-voted"]
    assert (world.phase(1), voters(world)) == (Phase.AWAITING_APPROVAL, [ADA])


def test_a_vote_that_was_taken_back_leaves_nothing_to_object_to() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    world.withdraw(1, ADA)
    assert refusals(world.vote(1, ADA, OBJECT)) == ["has-voted"]


def test_a_second_objection_stops_nothing_more() -> None:
    world = at_the_gate()
    world.vote(1, ADA)
    world.settle()
    world.vote(1, ADA, OBJECT)
    assert refusals(world.vote(1, ADA, OBJECT)) == ["has-voted"]
    assert len(world.notices(Notice.VOTE_OBJECTED)) == 2  # one for each channel


def test_an_objection_rolls_nothing_back_where_the_environment_stops_on_failure() -> None:
    world = World(application(production(gate=approval(ADA, CLEO), on_failure=OnFailure.STOP)))
    world.push("v1")
    world.settle()
    world.effects.lose(StepKind.CHECK, "production")
    world.vote(1, ADA)
    world.settle()
    world.vote(1, ADA, OBJECT)
    assert world.phase(1) is Phase.FAILED


HALF_AN_HOUR = timedelta(minutes=30)


def test_nothing_is_copied_before_the_time_to_object_is_over() -> None:
    world = at_the_gate(gated(objection=HALF_AN_HOUR))
    world.vote(1, ADA)
    assert (world.phase(1), world.releases[1].blocked_by) == (Phase.HELD_BACK, ("objection-time",))
    assert world.releases[1].due == world.now + HALF_AN_HOUR
    world.wait(HALF_AN_HOUR - timedelta(seconds=1))
    world.reconcile()
    assert world.phase(1) is Phase.HELD_BACK
    world.wait(timedelta(seconds=1))
    world.settle()
    assert world.phase(1) is Phase.COMPLETED


def test_an_objection_in_the_time_to_object_rejects_the_release_before_anything_is_copied() -> None:
    world = at_the_gate(gated(objection=HALF_AN_HOUR))
    world.vote(1, ADA)
    world.wait(timedelta(minutes=29))
    world.vote(1, ADA, OBJECT)
    assert world.phase(1) is Phase.REJECTED
    assert "production" not in {step.environment for step in world.steps(StepKind.COPY)}


def test_no_override_shortens_the_time_to_object() -> None:
    world = at_the_gate(gated(objection=HALF_AN_HOUR))
    world.vote(1, ADA)
    world.command(Verb.OVERRIDE, 1, "production")
    world.settle()
    assert world.phase(1) is Phase.HELD_BACK


def test_a_row_that_says_that_the_time_to_object_is_over_lets_nothing_through_before_the_records_do() -> None:
    world = at_the_gate(gated(objection=HALF_AN_HOUR))
    world.vote(1, ADA)
    release, environment = world.releases[1], world.application.environments[-1]
    records = world.audit[release.first_sequence - 1 :]
    assert release.gate is not None
    gate = release.gate.evolve(deadline=world.now)
    copying = release.evolve(phase=Phase.COPYING, due=world.now, gate=gate, blocked_by=())
    for row in (release, release.evolve(due=None), copying):
        for early in (timedelta(0), HALF_AN_HOUR - timedelta(seconds=1)):
            result = on_record(records, row, environment, world.now + early)
            assert (result.passed, "may object until" in result.reason) == (False, True)
        assert on_record(records, row, environment, world.now + HALF_AN_HOUR).passed
