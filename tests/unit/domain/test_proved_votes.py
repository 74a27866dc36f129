"""Votes with a proof count by the token's content and time, once, for one opening of the gate. All others are refused,
and the refusal is recorded."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from slipway.domain.decide import Decision
from slipway.domain.events import VoteCast
from slipway.domain.gate import Level
from slipway.domain.people import SignedIn
from slipway.domain.proof import AHEAD, OLDEST, ProofFacts
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.statement import VoteStatement
from tests.unit.domain.crowd import ADA_OID, BEN_OID, KNOWN
from tests.unit.domain.gates import at_the_gate, gated, reason_of, refusals, voters
from tests.unit.domain.samples import ADA, BEN, digest
from tests.unit.domain.world import World

TENANT = "11111111-1111-4111-8111-111111111111"
ADAS, BENS = f"oid:{ADA_OID}", f"oid:{BEN_OID}"
SECOND = timedelta(seconds=1)


def vote_statement(world: World, *, salt: str = "A" * 22, **changed: Any) -> VoteStatement:
    """The statement that the page would offer now."""
    release = world.releases[1]
    assert release.gate is not None
    fields = {
        "installation": "here",
        "salt": salt,
        "application": release.application,
        "release": 1,
        "environment": release.environment,
        "attempt": release.attempt,
        "opening": release.gate.opening,
        "plan": release.plan_hash,
        "decision": VoteDecision.APPROVE,
    }
    return VoteStatement.model_validate(fields | changed)


def proved_vote(
    world: World, statement: VoteStatement, *, issued: datetime | None = None, oid: str = ADA_OID, **changed: Any
) -> VoteCast:
    times = {
        "issued_at": issued or world.now - timedelta(minutes=5),
        "expires_at": world.now + timedelta(hours=1),
        "authenticated_at": world.now,
    }
    proof = ProofFacts(proof=digest(statement.salt), statement=statement, tenant=TENANT, **(times | changed))
    return vote_cast(world, statement).evolve(
        proved=proof, signed_in=SignedIn(object_id=oid), name="Ada", voter=f"oid:{oid}"
    )


def vote_cast(world: World, statement: VoteStatement) -> VoteCast:
    return VoteCast(
        received_at=world.now,
        application=statement.application,
        release=statement.release,
        environment=statement.environment,
        plan_hash=statement.plan,
        opening=statement.opening,
        voter="unknown",
        decision=statement.decision,
        reason=statement.reason,
        channel="page",
        submission="0000000000000-0000000000000000",
    )


@pytest.fixture
def world() -> World:
    return at_the_gate(gated(ADAS, BENS))


def test_a_proved_vote_counts_for_the_object_id_of_the_token(world: World) -> None:
    statement = vote_statement(world)
    world.take(proved_vote(world, statement))
    assert world.phase(1) is Phase.COPYING
    record = world.last("vote.approved")
    assert (record.actor, record.details["name"], record.details["opening"]) == (ADAS, "Ada", 1)
    gate = world.releases[1].gate
    assert gate is not None
    assert [(vote.who, vote.proof) for vote in gate.votes] == [(f"Ada ({ADAS})", digest(statement.salt))]


def test_a_proved_vote_counts_for_a_person_whom_the_policy_lists_by_their_address() -> None:
    world = at_the_gate(gated(ADA, BEN, people=KNOWN))
    world.take(proved_vote(world, vote_statement(world)))
    assert world.phase(1) is Phase.COPYING


def test_one_statement_counts_once_however_often_it_is_sent(world: World) -> None:
    event = proved_vote(world, vote_statement(world, decision=VoteDecision.REJECT, reason="no"))
    world.take(event)
    assert world.take(event.evolve(submission="0000000000001-0000000000000000")).nothing
    assert len([record for record in world.audit if record.action == "vote.rejected"]) == 1


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"issued": -OLDEST - SECOND}, "proof-is-in-time"),
        ({"issued": AHEAD + SECOND}, "proof-is-in-time"),
        ({"expires_at": timedelta(0)}, "proof-is-in-time"),
    ],
)
def test_a_proof_out_of_time_does_not_count(world: World, changed: dict[str, timedelta], rule: str) -> None:
    times: dict[str, Any] = {name: world.now + time for name, time in changed.items()}
    decision = world.take(proved_vote(world, vote_statement(world), **times))
    assert refusals(decision) == [rule]
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.last("vote.refused").details["rules"] == [rule]


def test_a_vote_for_an_earlier_opening_does_not_count(world: World) -> None:
    earlier = vote_statement(world)
    world.change(gated(ADAS, BENS, deadline=timedelta(hours=1)))
    world.take(proved_vote(world, vote_statement(world, salt="B" * 22)))
    world.settle()
    gate = world.releases[1].gate
    assert gate is not None
    assert gate.opening == 2
    decision = world.take(proved_vote(world, earlier.evolve(plan=gate.plan_hash)))
    assert refusals(decision) == ["vote-is-for-this-opening"]
    assert reason_of(decision, "vote-is-for-this-opening") == "the gate is at opening 2, the vote is for opening 1"


def test_a_plan_that_is_made_again_and_stays_the_same_is_the_same_opening() -> None:
    world = at_the_gate(gated(ADAS, BENS, required=2))
    world.take(proved_vote(world, vote_statement(world)))
    world.change()
    world.take(proved_vote(world, vote_statement(world, salt="B" * 22), oid=BEN_OID))
    world.settle()
    world.take(proved_vote(world, vote_statement(world, salt="C" * 22, opening=1), oid=BEN_OID))
    assert voters(world) == [ADAS, BENS]
    assert world.phase(1) is Phase.COPYING


def take_unproved(world: World, reason: str = "the token does not hold: its signature is not the issuer's") -> Decision:
    event = vote_cast(world, vote_statement(world)).evolve(unproved=reason, voter=ADAS)
    return world.take(event)


def test_an_invalid_proof_is_refused_in_a_record_by_slipway_on_behalf_of_the_voter(world: World) -> None:
    assert refusals(take_unproved(world))[0] == "proof-holds"
    record = world.last("vote.refused")
    assert (record.actor, record.details["on_behalf_of"]) == ("slipway", ADAS)
    assert "signature" in record.details["reason"]
    assert voters(world) == []


def test_a_refused_proof_neither_takes_a_vote_back_nor_makes_a_plan_again(world: World) -> None:
    world.change()
    plan_hash = world.releases[1].plan_hash
    take_unproved(world)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert world.releases[1].plan_hash == plan_hash


def test_a_second_proved_vote_of_one_person_is_refused() -> None:
    world = at_the_gate(gated(ADAS, BENS, required=2))
    world.take(proved_vote(world, vote_statement(world)))
    second_vote = world.take(proved_vote(world, vote_statement(world, salt="B" * 22)))
    assert refusals(second_vote) == ["one-vote-each"]
    assert voters(world) == [ADAS]


# ---- what the gate demands
SIGNED = {"level": Level.SIGNED, "fresh": timedelta(minutes=5)}


def test_a_gate_of_level_signed_takes_no_approval_without_a_proof() -> None:
    world = at_the_gate(gated(ADA, BEN, people=KNOWN, **SIGNED))
    decision = world.vote(1, ADA, signed_in=SignedIn(object_id=ADA_OID))
    assert refusals(decision) == ["voter-is-surely-known"]
    expected = "the gate asks for votes at the level signed, this one came at the level link"
    assert reason_of(decision, "voter-is-surely-known") == expected
    world.take(proved_vote(world, vote_statement(world)))
    assert world.phase(1) is Phase.COPYING


def test_a_rejection_needs_no_proof() -> None:
    world = at_the_gate(gated(ADA, BEN, people=KNOWN, **SIGNED))
    world.vote(1, ADA, VoteDecision.REJECT, reason="not on a Friday")
    assert world.phase(1) is Phase.REJECTED


@pytest.mark.parametrize("ago", [timedelta(minutes=7, seconds=1), timedelta(hours=3), None])
def test_an_approval_without_a_fresh_sign_in_does_not_count(ago: timedelta | None) -> None:
    world = at_the_gate(gated(ADAS, BENS, **SIGNED))
    authenticated = None if ago is None else world.now - ago
    decision = world.take(proved_vote(world, vote_statement(world), authenticated_at=authenticated))
    assert refusals(decision) == ["sign-in-is-fresh"]


def test_a_rejection_needs_no_fresh_sign_in() -> None:
    world = at_the_gate(gated(ADAS, BENS, **SIGNED))
    rejects = vote_statement(world, decision=VoteDecision.REJECT, reason="no")
    world.take(proved_vote(world, rejects, authenticated_at=None))
    assert world.phase(1) is Phase.REJECTED


def test_a_more_certain_level_than_the_gate_demands_always_counts() -> None:
    world = at_the_gate(gated(ADAS, level=Level.LINK))
    world.take(proved_vote(world, vote_statement(world)))
    assert world.phase(1) is Phase.COPYING


def test_a_role_in_the_token_lets_its_holder_vote_and_only_by_a_proof() -> None:
    world = at_the_gate(gated("role:shop-approvers", **SIGNED))
    vote = proved_vote(world, vote_statement(world))
    assert refusals(world.take(vote)) == ["approver-is-listed"]
    holder = SignedIn(object_id=BEN_OID, roles=("reader", "shop-approvers"))
    holders_vote = proved_vote(world, vote_statement(world, salt="B" * 22), oid=BEN_OID).evolve(signed_in=holder)
    world.take(holders_vote)
    assert world.phase(1) is Phase.COPYING
    gate = world.releases[1].gate
    assert gate is not None
    assert gate.votes[0].signed_in == SignedIn(object_id=BEN_OID, roles=("shop-approvers",))


def test_a_voter_by_role_is_shown_as_somebody_with_the_role() -> None:
    world = at_the_gate(gated(ADA, "role:shop-approvers", required=2))
    (in_production,) = [part for part in world.explain().rules if part.environment == "production"]
    quorum = next(rule for rule in in_production.rules if rule.name == "quorum-reached")
    assert quorum.reason.endswith(f"still asked: {ADA}, somebody with the role shop-approvers")
