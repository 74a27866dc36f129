"""Who may vote, under which of their names; one person has one vote, whatever the channel."""

from datetime import timedelta

import pytest

from slipway.domain.people import SignedIn
from slipway.domain.release import Phase, VoteDecision
from slipway.domain.steps import Notice
from tests.unit.domain.crowd import (
    ADA_OID,
    ADA_PRIVATE,
    BEN_OID,
    GUEST,
    GUEST_OID,
    KNOWN,
    MANAGERS,
    RELEASERS,
    RELEASERS_OID,
    SIGN_INS,
)
from tests.unit.domain.gates import at_the_gate, built, gated, reason_of, refusals, voters
from tests.unit.domain.samples import ADA, BEN, CLEO, MALLORY


# ---- names
@pytest.mark.parametrize("name", [ADA, ADA.upper(), f"oid:{ADA_OID}", f"oid:{ADA_OID.upper()}", ADA_PRIVATE])
def test_an_approver_may_vote_by_each_of_their_names(name: str) -> None:
    world = at_the_gate(gated(f"oid:{ADA_OID}", people=KNOWN))
    world.vote(1, name)
    assert world.phase(1) is Phase.COPYING


def test_an_object_id_that_a_sign_in_verified_is_a_name_too() -> None:
    world = at_the_gate(gated(f"oid:{ADA_OID}"))
    assert refusals(world.vote(1, ADA)) == ["approver-is-listed"]
    world.vote(1, ADA, signed_in=SIGN_INS[ADA])
    assert world.phase(1) is Phase.COPYING
    assert world.last("vote.approved").details["signed_in"] == ADA_OID


@pytest.mark.parametrize("other_name", [f"oid:{ADA_OID}", ADA_PRIVATE, ADA.upper()])
def test_one_person_who_votes_under_two_names_has_one_vote(other_name: str) -> None:
    world = at_the_gate(gated(ADA, BEN, required=2, people=KNOWN))
    world.vote(1, ADA)
    assert world.vote(1, other_name).nothing
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert voters(world) == [ADA]


def test_a_person_who_approved_by_one_name_may_reject_by_another() -> None:
    world = at_the_gate(gated(ADA, BEN, required=2, people=KNOWN))
    world.vote(1, ADA)
    world.vote(1, ADA_PRIVATE, VoteDecision.REJECT, reason="changed my mind")
    assert (world.phase(1), voters(world)) == (Phase.REJECTED, [ADA_PRIVATE])


def test_a_sign_in_shows_that_a_second_address_is_the_same_person() -> None:
    world = at_the_gate(gated(ADA, "ada@corp.example.com", BEN, required=2))
    world.vote(1, ADA, signed_in=SIGN_INS[ADA])
    assert world.vote(1, "ada@corp.example.com", signed_in=SIGN_INS[ADA]).nothing
    assert voters(world) == [ADA]


# ---- groups
def test_a_required_group_must_approve_even_if_the_quorum_is_reached() -> None:
    world = at_the_gate(gated(ADA, BEN, required=2, each=(MANAGERS,)))
    world.vote(1, ADA)
    world.vote(1, BEN)
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    world.vote(1, CLEO)
    assert world.phase(1) is Phase.COPYING
    results = world.last("gate.passed").details["results"]
    assert [(result["rule"], result["subject"]) for result in results] == [
        ("quorum-reached", ""),
        ("approved-by-group", MANAGERS.subject),
    ]


def test_members_of_a_group_in_entra_may_vote_once_they_have_signed_in() -> None:
    world = at_the_gate(gated(ADA, required=1, each=(RELEASERS,)))
    unproven = world.vote(1, GUEST)
    assert refusals(unproven) == ["approver-is-listed"]
    hint = "; people listed by a group or a role in Entra have to sign in"
    assert reason_of(unproven, "approver-is-listed").endswith(hint)
    world.vote(1, GUEST, signed_in=SIGN_INS[GUEST])
    assert world.phase(1) is Phase.COPYING


def test_a_person_who_signed_in_without_the_group_is_not_a_member() -> None:
    world = at_the_gate(gated(ADA, each=(RELEASERS,)))
    assert refusals(world.vote(1, GUEST, signed_in=SignedIn(object_id=GUEST_OID))) == ["approver-is-listed"]
    world.vote(1, ADA)
    assert world.phase(1) is Phase.AWAITING_APPROVAL


def test_only_those_groups_of_a_voter_that_the_policy_names_are_kept() -> None:
    world = at_the_gate(gated(ADA, required=2, each=(RELEASERS,)))
    world.vote(1, GUEST, signed_in=SignedIn(object_id=GUEST_OID, groups=(BEN_OID, RELEASERS_OID)))
    gate = world.releases[1].gate
    assert gate is not None
    assert gate.votes[0].signed_in == SIGN_INS[GUEST]


# ---- whose own work it is
@pytest.mark.parametrize("name", [ADA, ADA_PRIVATE.upper()])
def test_a_committer_may_not_approve_their_own_change(name: str) -> None:
    world = at_the_gate(gated(ADA, BEN, people=KNOWN), run=built(committed_by=name))
    decision = world.vote(1, ADA)
    assert refusals(decision) == ["approver-is-not-committer"]
    assert reason_of(decision, "approver-is-not-committer") == f"{name} made the commit"
    world.vote(1, BEN)
    assert world.phase(1) is Phase.COPYING


def test_a_committer_may_approve_where_the_gate_says_so_and_it_is_reported() -> None:
    world = at_the_gate(gated(ADA, own_change=True), run=built(committed_by=ADA))
    decision = world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    assert reason_of(decision, "approver-is-not-committer").endswith("and may still approve here")


def test_a_committer_may_reject_their_own_change() -> None:
    world = at_the_gate(run=built(committed_by=ADA))
    world.reject(1, ADA)
    assert world.phase(1) is Phase.REJECTED


def test_an_unknown_requester_or_committer_bars_nobody_and_the_rules_say_so() -> None:
    world = at_the_gate()
    decision = world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING
    assert reason_of(decision, "approver-is-not-requester") == "it is not known who asked for the CI run"
    assert reason_of(decision, "approver-is-not-committer") == "it is not known who made the change"


def test_nobody_approves_an_unknown_change_where_the_gate_requires_it_to_be_known() -> None:
    world = at_the_gate(gated(require_known=True))
    assert refusals(world.vote(1, ADA)) == ["change-is-known"]
    world.run(built(by=MALLORY, committed_by=BEN))
    world.settle()
    assert refusals(world.vote(1, BEN)) == ["approver-is-not-committer"]
    world.vote(1, ADA)
    assert world.phase(1) is Phase.COPYING


def test_an_approval_that_a_later_run_shows_to_be_of_the_requester_is_void() -> None:
    world = at_the_gate(gated(ADA, BEN, CLEO, required=2, people=KNOWN))
    world.vote(1, ADA)
    world.vote(1, BEN, VoteDecision.APPROVE, submission="kept-as-it-was")
    assert world.phase(1) is Phase.COPYING  # enough people before the run came: nothing to take back

    world = at_the_gate(gated(ADA, BEN, CLEO, required=3, people=KNOWN))
    world.vote(1, ADA)
    world.vote(1, BEN)
    world.run(built(by=MALLORY, committed_by=ADA_PRIVATE))
    voided = world.last("vote.voided")
    assert voided.details["voters"] == [ADA], "Ada's vote is void at once, Ben's once the plan includes the run"
    world.settle()
    voided = next(record for record in world.audit if record.action == "vote.voided")
    assert voided.details["reason"] == (
        f"the CI run is known now: approver-is-not-committer: {ADA_PRIVATE} made the commit"
    )
    notices = world.notices(Notice.VOTES_VOIDED)[:2]
    assert [(step.channel, step.recipients, step.why) for step in notices] == [
        ("team", (ADA,), voided.details["reason"]),
        ("mail", (ADA,), voided.details["reason"]),
    ]
    assert refusals(world.vote(1, ADA)) == ["approver-is-not-committer"]


def test_newer_evidence_voids_the_votes_and_notifies_the_voters() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    plan_hash = world.releases[1].plan_hash
    world.run(built(by=MALLORY, committed_by=MALLORY))
    assert world.last("plan.outdated").details["reason"] == "there is newer evidence: the CI run v1 is known now"
    world.settle()
    assert world.phase(1) is Phase.AWAITING_APPROVAL
    assert voters(world) == []
    record = world.last("vote.voided")
    assert (record.details["voters"], record.details["plan_hash"]) == ([ADA], plan_hash)
    assert record.details["reason"] == "the plan changed: evidence"
    assert {step.recipients for step in world.notices(Notice.VOTES_VOIDED)} == {(ADA,)}


def test_a_run_that_is_reported_twice_is_not_newer_evidence() -> None:
    world = at_the_gate(gated(required=2))
    world.run(built(by=MALLORY, committed_by=MALLORY))
    world.settle()
    world.vote(1, ADA)
    world.run(built(by=MALLORY, committed_by=MALLORY))
    world.settle()
    assert voters(world) == [ADA]


# ---- reasons
def test_an_approval_needs_a_reason_where_the_gate_requires_one() -> None:
    world = at_the_gate(gated(reason={"approve": "required"}))
    assert refusals(world.vote(1, ADA)) == ["approval-has-a-reason"]
    world.vote(1, ADA, reason="tested by hand")
    assert world.phase(1) is Phase.COPYING
    assert world.last("vote.approved").details["reason"] == "tested by hand"


# ---- records
def test_the_reason_that_a_refused_voter_wrote_is_recorded() -> None:
    world = at_the_gate(run=built(by=ADA))
    world.vote(1, ADA, reason="I made it, and it is urgent")
    assert world.last("vote.refused").details["why"] == "I made it, and it is urgent"
    world.vote(1, MALLORY, VoteDecision.REJECT, reason="the totals are wrong")
    assert world.last("vote.refused").details["why"] == "the totals are wrong"


def test_a_refusal_is_recorded_with_every_rule_and_its_result() -> None:
    world = at_the_gate(run=built(by=ADA))
    decision = world.vote(1, ADA)
    details = world.last("vote.refused").details
    assert details["rules"] == ["approver-is-not-requester"]
    assert details["results"] == [rule.model_dump() for rule in decision.rules]


def test_a_vote_that_counted_is_recorded_with_the_rules_that_it_met() -> None:
    world = at_the_gate(gated(required=2))
    world.vote(1, ADA)
    results = world.last("vote.approved").details["results"]
    assert not any(result["verdict"] in ("fail", "not-yet") for result in results)
    assert "one-vote-each" in [result["rule"] for result in results]


def test_a_gate_holds_no_more_votes_than_fit_into_its_row() -> None:
    oids = [f"{number:08d}-0000-4000-8000-000000000000" for number in range(101)]
    world = at_the_gate(gated(ADA, required=1, each=(RELEASERS, MANAGERS)))
    for oid in oids[:100]:
        member = SignedIn(object_id=oid, groups=(RELEASERS_OID,))
        assert not refusals(world.vote(1, f"{oid}@example.com", signed_in=member))[1:]
    last = SignedIn(object_id=oids[100], groups=(RELEASERS_OID,))
    assert refusals(world.vote(1, "late@example.com", signed_in=last)) == ["gate-has-room"]
    world.vote(1, "late@example.com", VoteDecision.REJECT, reason="too many cooks", signed_in=last)
    assert world.phase(1) is Phase.REJECTED


def test_a_late_vote_is_refused_and_the_reconcile_timer_closes_the_gate_within_a_minute() -> None:
    world = at_the_gate()
    world.outbox.clear()  # the message that would have closed it is lost
    world.wait(timedelta(hours=24))
    assert refusals(world.vote(1, ADA)) == ["gate-is-open"]
    world.wait(timedelta(seconds=60))
    world.reconcile()
    assert world.phase(1) is Phase.EXPIRED
