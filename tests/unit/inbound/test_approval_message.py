"""Messages in `approvals`: strict, and each mistake named by its field."""

import json
from typing import Any

import pytest

from slipway.inbound import BadInput
from slipway.inbound.approval_message import LARGEST, ApprovalMessage, CommandMessage, VoteMessage, parse_approval
from tests.unit.inbound.samples import DIGEST, NOTHING, as_bytes, changed

TENANT = "00000000-0000-0000-0000-00000000000a"
OID = "00000000-0000-0000-0000-00000000000b"
WHO = {"tid": TENANT, "oid": OID}
VOTE: dict[str, Any] = {
    "v": 1,
    "id": "08584-run",
    "application": "shop",
    "release": 482,
    "environment": "production",
    "opening": 2,
    "plan": DIGEST,
    "decision": "approve",
    "on_behalf_of": WHO,
    "reason": "seen in staging",
}
CANCEL: dict[str, Any] = {
    "v": 1,
    "id": "08585-run",
    "application": "shop",
    "release": 482,
    "verb": "cancel",
    "on_behalf_of": WHO,
    "reason": "wrong branch",
}
FREEZE = changed(CANCEL, verb="freeze", release=NOTHING, environment="production")
EVERYTHING = changed(FREEZE, application=NOTHING, environment=NOTHING)


def parse(message: Any) -> ApprovalMessage:
    return parse_approval(as_bytes(message), tenant=TENANT)


def refusal(message: Any) -> BadInput:
    with pytest.raises(BadInput) as refused:
        parse(message)
    assert len(str(refused.value)) < 400
    return refused.value


def test_a_vote_names_what_it_is_for_and_on_whose_behalf_it_is_said() -> None:
    vote = parse(VOTE)
    assert isinstance(vote, VoteMessage)
    assert (vote.application, vote.release, vote.environment, vote.opening) == ("shop", 482, "production", 2)
    assert (vote.plan, vote.decision, vote.on_behalf_of.oid) == (DIGEST, "approve", OID)


@pytest.mark.parametrize("decision", ["reject", "withdraw"])
@pytest.mark.parametrize("left_out", [("plan",), ("opening",), ("plan", "opening")])
def test_a_rejection_or_withdrawal_may_leave_out_plan_and_opening(decision: str, left_out: tuple[str, ...]) -> None:
    absent: dict[str, Any] = dict.fromkeys(left_out, NOTHING)
    vote = parse(changed(VOTE, decision=decision, **absent))
    assert isinstance(vote, VoteMessage)
    assert all(getattr(vote, name) is None for name in left_out)


@pytest.mark.parametrize("message", [CANCEL, FREEZE, EVERYTHING])
def test_a_command_stops_a_release_an_environment_or_everything(message: Any) -> None:
    assert isinstance(parse(message), CommandMessage)


@pytest.mark.parametrize("oid", [OID.upper(), OID])
def test_ids_are_read_without_regard_to_case(oid: str) -> None:
    assert parse(changed(VOTE, on_behalf_of__oid=oid, on_behalf_of__tid=TENANT.upper())).on_behalf_of.oid == OID


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (changed(VOTE, v=2), "v"),
        (changed(VOTE, v=NOTHING), "v"),
        (changed(VOTE, id=NOTHING), "id"),
        (changed(VOTE, id="short"), "id"),
        (changed(VOTE, id="with a space"), "id"),
        (changed(VOTE, id="i" * 129), "id"),
        (changed(VOTE, application=NOTHING), "application"),
        (changed(VOTE, application="Shop"), "application"),
        (changed(VOTE, release="shop-482"), "release"),
        (changed(VOTE, release=0), "release"),
        (changed(VOTE, release=2**70), "release"),
        (changed(VOTE, release=True), "release"),
        (changed(VOTE, environment=NOTHING), "environment"),
        (changed(VOTE, opening=NOTHING), "opening"),
        (changed(VOTE, opening=0), "opening"),
        (changed(VOTE, plan=NOTHING), "plan"),
        (changed(VOTE, plan="80f0d5"), "plan"),
        (changed(VOTE, decision=NOTHING), "decision"),
        (changed(VOTE, decision="maybe"), "decision"),
        (changed(VOTE, decision="Approve"), "decision"),
        (changed(VOTE, on_behalf_of=NOTHING), "on_behalf_of"),
        (changed(VOTE, on_behalf_of="ada@example.com"), "on_behalf_of"),
        (changed(VOTE, on_behalf_of__oid=NOTHING), "on_behalf_of.oid"),
        (changed(VOTE, on_behalf_of__oid="ada"), "on_behalf_of.oid"),
        (changed(VOTE, on_behalf_of__tid=NOTHING), "on_behalf_of.tid"),
        (changed(VOTE, on_behalf_of__tid=OID), "on_behalf_of.tid"),
        (changed(VOTE, on_behalf_of__upn="ada@example.com"), "on_behalf_of.upn"),
        (changed(VOTE, reason="r" * 2001), "reason"),
        (changed(VOTE, reason=7), "reason"),
        (changed(VOTE, token="a.b"), "token"),
        (changed(VOTE, approver={"email": "ada@example.com"}), "approver"),
        (changed(VOTE, verb="cancel"), "opening"),
        (changed(CANCEL, verb="unfreeze"), "verb"),
        (changed(CANCEL, verb="rollback"), "verb"),
        (changed(CANCEL, verb="hold"), "verb"),
        (changed(CANCEL, release=NOTHING), "release"),
        (changed(CANCEL, application=NOTHING), "application"),
        (changed(CANCEL, environment="production"), "environment"),
        (changed(FREEZE, environment=NOTHING), "environment"),
        (changed(FREEZE, release=482), "release"),
        (changed(EVERYTHING, environment="production"), "environment"),
        (changed(CANCEL, on_behalf_of__tid=OID), "on_behalf_of.tid"),
    ],
)
def test_a_missing_or_wrong_field_is_named(message: Any, field: str) -> None:
    assert refusal(message).field == field


def test_a_reason_may_hold_any_text() -> None:
    reason = "première ✓\n<script>alert(1)</script>\t\u0000 \u202e"
    assert parse(changed(VOTE, reason=reason)).reason == reason


def test_the_longest_reason_fits_in_any_form_of_json_and_a_larger_message_does_not() -> None:
    longest = changed(VOTE, reason="☂" * 2000)  # six bytes each as json.dumps writes it
    assert parse(longest).reason == "☂" * 2000
    padded = json.dumps(VOTE).encode() + b" " * LARGEST
    with pytest.raises(BadInput, match=f"at most {LARGEST} bytes"):
        parse_approval(padded, tenant=TENANT)


def test_half_a_surrogate_pair_in_a_reason_is_refused() -> None:
    assert refusal(VOTE | {"reason": "\ud83d"}).field == "reason"
