"""Votes from the queue: the token decides who votes about what; everything else is checked against it."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.events import VoteCast
from slipway.domain.signing import PublicKeys
from slipway.domain.tokens import ApprovalClaims, Purpose
from slipway.inbound import BadInput, parse_vote
from tests.links import link_by, public_of
from tests.unit.inbound.samples import DIGEST, NOTHING, NOW, as_bytes, changed

OLD, NEW = b"o" * 32, b"n" * 32
SEEDS = {"new": NEW, "old": OLD}
KEYS = public_of(SEEDS)
CLAIMS = ApprovalClaims(
    expires_at=NOW + timedelta(hours=1),
    application="shop",
    release=482,
    environment="production",
    plan_hash=DIGEST,
    approver="ada@example.com",
    opening=3,
    purpose=Purpose.VOTE,
)
TOKEN = link_by(SEEDS, CLAIMS)
SHOWING = link_by(SEEDS, CLAIMS.evolve(purpose=Purpose.SHOW))
"""The token of a gate where people sign in to vote."""
VOTE: dict[str, Any] = {"token": TOKEN, "decision": "approve", "reason": "seen in staging"}


TENANT = "00000000-0000-0000-0000-00000000000a"
OID = "00000000-0000-0000-0000-00000000000b"
ANSWER = (
    VOTE
    | {"token": SHOWING}
    | {"channel": "teams", "approver": {"object_id": OID, "tenant": TENANT, "upn": "ada@contoso.com"}}
)


def parse(message: Any, *, keys: PublicKeys = KEYS, message_id: str = "message-1") -> VoteCast:
    return parse_vote(as_bytes(message), keys, tenant=TENANT, message_id=message_id, now=NOW)


def refusal(message: Any, *, keys: PublicKeys = KEYS) -> BadInput:
    with pytest.raises(BadInput) as refused:
        parse(message, keys=keys)
    for token in (TOKEN, SHOWING):
        assert token not in str(refused.value)
    assert len(str(refused.value)) < 300
    return refused.value


def test_a_vote_is_cast_by_the_person_whom_the_token_was_issued_for() -> None:
    vote = parse(VOTE)
    assert (vote.application, vote.release, vote.environment, vote.plan_hash) == ("shop", 482, "production", DIGEST)
    assert (vote.voter, vote.decision, vote.reason) == ("ada@example.com", "approve", "seen in staging")
    assert (vote.channel, vote.submission, vote.received_at) == ("service-bus", "message-1", NOW)
    assert vote.opening == 3


def test_the_channel_and_the_approver_may_be_named() -> None:
    named = changed(VOTE, channel="chat-bot", approver__email="Ada@Example.com", approver__upn="ada@example.com")
    assert parse(named).channel == "chat-bot"


@pytest.mark.parametrize("token", [SHOWING, TOKEN])
def test_an_answer_in_teams_is_that_of_whom_teams_identified_and_names_whose_token_it_was(token: str) -> None:
    vote = parse(changed(ANSWER, token=token))
    assert vote.signed_in is not None
    assert (vote.voter, vote.signed_in.object_id, vote.issued_to) == ("ada@contoso.com", OID, "ada@example.com")
    assert vote.channel == "teams"


@pytest.mark.parametrize("upn", ["", "x", "u" * 255])
def test_who_has_no_name_is_called_by_their_object_id(upn: str) -> None:
    assert parse(changed(ANSWER, approver__upn=upn)).voter == f"oid:{OID}"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (changed(ANSWER, approver__object_id=NOTHING), "approver.object_id"),
        (changed(ANSWER, approver__object_id=""), "approver.object_id"),
        (changed(ANSWER, approver__object_id="ada"), "approver.object_id"),
        (changed(ANSWER, approver=NOTHING), "approver.object_id"),
        (changed(ANSWER, approver=NOTHING, token=TOKEN), "approver.object_id"),
        (changed(ANSWER, approver=NOTHING, channel=NOTHING), "approver.object_id"),
        (changed(ANSWER, approver__tenant=NOTHING), "approver.tenant"),
        (changed(ANSWER, approver__tenant=OID), "approver.tenant"),
    ],
)
def test_nobody_is_believed_to_be_identified_without_object_id_and_our_own_tenant(message: Any, field: str) -> None:
    assert refusal(message).field == field


def test_a_token_that_only_shows_says_nothing_about_who_answers() -> None:
    refused = refusal(changed(VOTE, token=SHOWING, approver__email="ada@example.com"))
    assert refused.field == "approver.object_id"


@pytest.mark.parametrize("claim", ["email", "upn"])
def test_an_approver_who_is_somebody_else_is_refused(claim: str) -> None:
    refused = refusal(changed(VOTE, **{f"approver__{claim}": "eve@example.com"}))
    assert str(refused).startswith("approver: expected the person whom the token was issued for")


@pytest.mark.parametrize(
    "token",
    [
        TOKEN[:-1],
        TOKEN[: len(TOKEN) // 2],
        TOKEN.partition(".")[0],
        TOKEN.partition(".")[0] + ".",
        "." + TOKEN.partition(".")[2],
        ("A" if TOKEN[40] != "A" else "B").join([TOKEN[:40], TOKEN[41:]]),
        TOKEN + "=",
        TOKEN + " ",
        TOKEN + "." + TOKEN,
        "not-a-token",
        "ünï.cødé",
        "\ud800.\ud800",
        "e30.e30",
    ],
)
def test_a_damaged_token_is_refused(token: str) -> None:
    assert refusal(changed(VOTE, token=token)).field == "token"


def test_an_expired_token_is_refused() -> None:
    expired = link_by(SEEDS, CLAIMS.evolve(expires_at=NOW))
    assert "expired at 2026-11-23 08:00 UTC" in str(refusal(changed(VOTE, token=expired)))


def test_a_token_of_another_installation_is_refused() -> None:
    forged = link_by({"new": b"x" * 32}, CLAIMS)
    assert "signature with the key new is wrong" in str(refusal(changed(VOTE, token=forged)))


def test_both_live_keys_count_and_a_retired_one_does_not() -> None:
    of_old = link_by({"old": OLD}, CLAIMS)
    assert parse(changed(VOTE, token=of_old)).voter == "ada@example.com"
    assert "none of this installation's" in str(refusal(changed(VOTE, token=of_old), keys=public_of({"new": NEW})))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", NOTHING),
        ("token", ""),
        ("token", "a" * 2049),
        ("token", {"a": 1}),
        ("decision", NOTHING),
        ("decision", "maybe"),
        ("decision", "Approve"),
        ("reason", "r" * 2001),
        ("reason", 7),
        ("channel", ""),
        ("channel", "Teams"),
        ("channel", "c" * 33),
        ("channel", "teams\n"),
        ("approver", "ada@example.com"),
        ("approver__email", "e" * 2049),
    ],
)
def test_what_is_wrong_is_named(field: str, value: Any) -> None:
    assert refusal(changed(VOTE, **{field: value})).field == field.replace("__", ".")


@pytest.mark.parametrize(("message_id", "submission"), [("m", "m-------"), ("m" * 200, "m" * 128)])
def test_the_messages_id_names_the_vote(message_id: str, submission: str) -> None:
    assert parse(VOTE, message_id=message_id).submission == submission


def test_votes_without_a_message_id_are_told_apart_by_what_they_say() -> None:
    first, again = parse(VOTE, message_id=""), parse(VOTE, message_id="")
    other = parse(changed(VOTE, decision="reject"), message_id="")
    assert first.mark == again.mark != other.mark


def test_a_reason_may_hold_any_text() -> None:
    reason = "première ✓\n<script>alert(1)</script>\t\u0000 \u202e"
    assert parse(changed(VOTE, reason=reason)).reason == reason


def test_half_a_surrogate_pair_in_a_reason_is_refused() -> None:
    body = json.dumps(VOTE | {"reason": "\ud83d"}).encode()
    with pytest.raises(BadInput, match=r"^reason: "):
        parse_vote(body, KEYS, tenant=TENANT, message_id="message-1", now=NOW)
