"""Votes by the JSON API: who is believed to vote, and what is refused by the name of its rule."""

import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import guard, votes
from slipway.domain.release import Phase, Release
from slipway.domain.tokens import Purpose, read_link, sign_link
from slipway.ledger.keys import INSTALLATION
from slipway.testing import ADA, BASE, BEN, CLEO
from slipway.testing.sign_in import bearer
from tests.registered import registered
from tests.unit.api.in_process import shared_parts, use
from tests.unit.web.installation import ScriptedInstallation, hello
from tests.unit.web.visitors import OIDS, token_person


@pytest.fixture
def home() -> ScriptedInstallation:
    return ScriptedInstallation(policy=hello(approvers=(ADA, BEN), required=2))


@pytest.fixture
def subject(home: ScriptedInstallation) -> Release:
    return home.bring("1.5.0")


def use_installation(monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation, **settings: Any) -> None:
    home.restart(public_url=f"{BASE}/", **settings)
    use(monkeypatch, home, votes, guard)


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation) -> None:
    """The API of an installation whose worker handles each vote at once."""
    use_installation(monkeypatch, home)
    home.hear_at_once()


def principal(name: str = ADA) -> dict[str, str]:
    """The person with that name in the policy; anybody else is a stranger."""
    return bearer(shared_parts(votes), token_person(name))


def post(release: str, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = votes.post_vote(
        func.HttpRequest(
            "POST",
            BASE,
            headers={"Content-Type": "application/json", **(headers or {})},
            route_params={"release": release},
            body=content,
        )
    )
    assert response.headers["Cache-Control"] == "no-store"
    return response.status_code, json.loads(response.get_body())


def list_approvals() -> list[dict[str, Any]]:
    response = votes.list_open_gates(func.HttpRequest("GET", BASE, body=b""))
    approvals = json.loads(response.get_body())["approvals"]
    assert isinstance(approvals, list)
    return approvals


def voters(home: ScriptedInstallation) -> list[tuple[str, str, str]]:
    gate = home.newest().gate
    return [(vote.voter, str(vote.decision), vote.channel) for vote in gate.votes] if gate else []


# ---- listing
@pytest.mark.usefixtures("served")
def test_open_gates_are_listed_with_plan_deadline_votes_and_the_approvers_awaited(
    home: ScriptedInstallation, subject: Release
) -> None:
    (gate,) = list_approvals()
    assert (gate["release"], gate["environment"], gate["tag"]) == ("hello-1", "production", "1.5.0")
    assert gate["plan_hash"] == subject.plan_hash
    assert gate["deadline"]
    assert (gate["approvals"], gate["required"], gate["votes"], gate["waits_for"]) == (0, 2, [], [ADA, BEN])
    post("hello-1", {"decision": "approve", "token": home.token(subject, ADA)})
    (gate,) = list_approvals()
    assert (gate["approvals"], gate["waits_for"]) == (1, [BEN])
    assert [vote["voter"] for vote in gate["votes"]] == [ADA]


@pytest.mark.usefixtures("served")
def test_a_gate_that_has_expired_is_not_listed(home: ScriptedInstallation, subject: Release) -> None:
    home.deadline(subject)
    assert list_approvals() == []


@pytest.mark.usefixtures("served", "subject")
def test_no_token_is_listed(home: ScriptedInstallation) -> None:
    assert "." not in json.dumps([gate["plan_hash"] for gate in list_approvals()])
    assert home.token(home.newest()) not in json.dumps(list_approvals())


# ---- by somebody whom no gate asks
@pytest.mark.parametrize("decision", ["reject", "withdraw", "object"])
def test_a_vote_by_a_person_whom_no_gate_asks_is_denied_and_adds_nothing_to_the_trail(
    monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation, subject: Release, decision: str
) -> None:
    use_installation(monkeypatch, home)
    before = len(home.trail())
    body = {"decision": decision, "reason": "x", "plan_hash": subject.plan_hash}
    for _ in range(5):
        status, content = post("hello-1", body, principal(CLEO))
        assert (status, content["title"]) == (403, "Not asked")
    home.hear()
    assert len(home.trail()) == before
    denied = [record for record in home.trail(INSTALLATION) if record.action == "access.denied"]
    assert [(record.details["permission"], record.details["times"]) for record in denied] == [("vote", 1)]


@pytest.mark.usefixtures("served")
def test_a_removed_approver_may_still_object_to_a_vote_in_their_name(
    home: ScriptedInstallation, subject: Release
) -> None:
    post("hello-1", {"decision": "approve", "token": home.token(subject, ADA)})
    home.change_delivery(hello(approvers=(BEN, CLEO), required=2))
    body = {"decision": "object", "reason": "not me", "environment": "production"}
    assert post("hello-1", body, principal(ADA))[0] != 403
    assert post("hello-1", body, principal("mallory@example.com"))[0] == 403


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize("field", ["voter", "on_behalf_of", "level"])
def test_an_unknown_field_of_a_vote_is_refused_by_name(subject: Release, field: str) -> None:
    body = {"decision": "reject", "reason": "x", "plan_hash": subject.plan_hash, field: ADA}
    status, content = post("hello-1", body, principal(ADA))
    assert (status, content["detail"]) == (400, f"{field}: expected no such field, got {ADA!r}")


# ---- by a link
@pytest.mark.usefixtures("served")
def test_an_approvers_token_votes_and_enough_votes_pass_the_gate(home: ScriptedInstallation, subject: Release) -> None:
    status, content = post("hello-1", {"decision": "approve", "token": home.token(subject, ADA), "channel": "cli"})
    assert (status, content["state"], content["phase"]) == (200, "counted", "awaiting_approval")
    status, content = post("hello-1", {"decision": "approve", "token": home.token(subject, BEN)})
    assert (status, content["state"], content["phase"]) == (200, "counted", "copying")
    assert voters(home) == [(ADA, "approve", "cli"), (BEN, "approve", "api")]


@pytest.mark.usefixtures("served")
def test_a_function_key_alone_lets_nobody_vote(home: ScriptedInstallation, subject: Release) -> None:
    before = home.app.ledger.head("hello")
    body = {"decision": "approve", "plan_hash": subject.plan_hash}
    status, content = post("hello-1", body, {"x-functions-key": "the key"})
    assert (status, content["title"]) == (403, "Voter not identified")
    assert "a function key or a program's token identifies no voter" in content["detail"]
    assert home.app.ledger.head("hello") == before


@pytest.mark.usefixtures("served")
def test_forged_cut_expired_and_other_tokens_are_refused_without_repeating_them(
    home: ScriptedInstallation, subject: Release
) -> None:
    good = home.token(subject, ADA)
    payload, _, mac = good.partition(".")
    for token in (
        good[:-2],
        f"{payload}.{mac[::-1]}",
        f"{mac}.{payload}",
        "x",
        sign_link(_claims(home, good).evolve(purpose=Purpose.SHOW), home.app.signer),
    ):
        status, content = post("hello-1", {"decision": "approve", "token": token})
        assert status == 403
        assert token not in json.dumps(content)
    home.wait(timedelta(days=60))
    status, content = post("hello-1", {"decision": "approve", "token": good})
    assert (status, "expired" in content["detail"]) == (403, True)
    assert voters(home) == []


def _claims(home: ScriptedInstallation, token: str) -> Any:
    return read_link(token, home.app.public_keys, now=home.now)


@pytest.mark.usefixtures("served")
def test_a_token_is_valid_only_for_its_own_release_and_plan(home: ScriptedInstallation, subject: Release) -> None:
    token = home.token(subject, ADA)
    home.bring("1.6.0")
    status, content = post("hello-2", {"decision": "approve", "token": token})
    assert (status, content["detail"]) == (409, "the token is for hello-1, the address names hello-2")
    status, content = post("hello-1", {"decision": "approve", "token": token, "plan_hash": "sha256:" + "0" * 64})
    assert (status, content["detail"]) == (409, "the token is for another plan than the one that plan_hash names")


def test_the_same_vote_request_answers_received_at_first_and_counted_later(
    monkeypatch: pytest.MonkeyPatch, home: ScriptedInstallation, subject: Release
) -> None:
    use_installation(monkeypatch, home)
    body = {"decision": "approve", "token": home.token(subject, ADA), "id": home.app.inbox_writer.new_id()}
    for _ in range(2):
        status, content = post("hello-1", body)
        assert (status, content["state"]) == (200, "received")
    assert len(home.bus.raw) == 1
    assert voters(home) == []
    home.hear()
    assert post("hello-1", body)[1]["state"] == "counted"
    assert voters(home) == [(ADA, "approve", "api")]
    assert [record.action for record in home.trail()].count("vote.approved") == 1


@pytest.mark.usefixtures("served")
def test_a_vote_that_is_sent_under_two_ids_counts_once_and_the_second_is_refused(
    home: ScriptedInstallation, subject: Release
) -> None:
    body = {"decision": "approve", "token": home.token(subject, ADA)}
    assert [post("hello-1", body)[0] for _ in range(2)] == [200, 409]
    assert len(voters(home)) == 1


@pytest.mark.usefixtures("served")
def test_a_vote_can_be_withdrawn_and_cast_again(home: ScriptedInstallation, subject: Release) -> None:
    token = home.token(subject, ADA)
    assert post("hello-1", {"decision": "approve", "token": token})[0] == 200
    assert post("hello-1", {"decision": "withdraw", "token": token})[0] == 200
    assert voters(home) == []
    assert post("hello-1", {"decision": "approve", "token": token})[0] == 200
    assert voters(home) == [(ADA, "approve", "api")]


@pytest.mark.usefixtures("served")
def test_a_vote_that_the_policy_refuses_is_answered_with_the_names_of_the_rules(
    home: ScriptedInstallation, subject: Release
) -> None:
    for approver, body, rule in [
        (CLEO, {"decision": "approve"}, "approver-is-listed"),
        (ADA, {"decision": "reject"}, "rejection-has-a-reason"),
        (ADA, {"decision": "withdraw"}, "has-voted"),
    ]:
        status, content = post("hello-1", {**body, "token": home.token(subject, approver)})
        assert (status, content["title"]) == (409, "The vote did not count")
        assert rule in [result["rule"] for result in content["rules"]]
        assert content["detail"]


@pytest.mark.usefixtures("served")
def test_a_rejection_with_its_reason_ends_the_release(home: ScriptedInstallation, subject: Release) -> None:
    body = {"decision": "reject", "reason": "the prices are wrong", "token": home.token(subject, BEN)}
    assert post("hello-1", body)[1]["phase"] == "rejected"
    assert home.newest().phase is Phase.REJECTED


@pytest.mark.usefixtures("served", "subject")
@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "body: expected JSON"),
        (b"[]", 400, "body: expected a JSON object"),
        (b'{"decision": "maybe"}', 400, "decision: expected"),
        (json.dumps({"decision": "reject", "reason": "x" * 2001}).encode(), 400, "reason: expected"),
        (
            json.dumps({"decision": "reject", "reason": "x" * 17_000}).encode(),
            400,
            "body: expected at most 16384 bytes",
        ),
        (json.dumps({"decision": "approve", "token": "x" * 3000}).encode(), 400, "token: expected"),
        (json.dumps({"decision": "approve", "plan_hash": "latest"}).encode(), 400, "plan_hash: expected"),
        (json.dumps({"decision": "approve", "id": "a b"}).encode(), 400, "id: expected"),
    ],
)
def test_a_malformed_vote_is_a_400_that_names_the_wrong_part(body: bytes, status: int, message: str) -> None:
    actual, content = post("hello-1", body)
    assert actual == status
    assert message in content["detail"]


# ---- by a sign-in
@pytest.mark.usefixtures("served")
def test_a_signed_in_approver_rejects_in_their_own_name(home: ScriptedInstallation, subject: Release) -> None:
    body = {"decision": "reject", "reason": "not this one", "plan_hash": subject.plan_hash}
    status, content = post("hello-1", body, principal(ADA))
    assert (status, content["state"], content["phase"]) == (200, "counted", "rejected")
    record = [record for record in home.trail() if record.action == "vote.rejected"][-1]
    assert (record.actor, record.details["signed_in"]) == (f"oid:{OIDS[ADA]}", OIDS[ADA])


@pytest.mark.usefixtures("served")
def test_an_approval_by_a_sign_in_alone_is_refused_and_the_answer_names_the_page(
    home: ScriptedInstallation, subject: Release
) -> None:
    """An access token proves who calls, not that the person said this."""
    status, content = post("hello-1", {"decision": "approve", "plan_hash": subject.plan_hash}, principal(ADA))
    assert status == 403
    assert f"{BASE}/approvals/hello/{subject.number}/production" in content["detail"]
    assert voters(home) == []


@pytest.mark.usefixtures("served")
def test_a_link_that_only_shows_the_gate_identifies_no_voter(home: ScriptedInstallation, subject: Release) -> None:
    link = home.app.links.approval(subject, BEN, purpose=Purpose.SHOW, now=home.now)
    body = {"decision": "approve", "token": link.rpartition("/")[2], "plan_hash": subject.plan_hash}
    status, content = post("hello-1", body)
    assert (status, "sign in" in content["detail"]) == (403, True)
    assert post("hello-1", body, principal(ADA))[0] == 403
    assert voters(home) == []


@pytest.mark.usefixtures("served")
def test_a_stranger_does_not_learn_which_releases_there_are() -> None:
    assert post("hello-99", {"decision": "approve"})[0] == 403
    plan = {"plan_hash": "sha256:" + "0" * 64}
    assert post("hello-99", {"decision": "reject", **plan}, principal(ADA))[0] == 404


@pytest.mark.usefixtures("served")
def test_a_vote_must_name_the_current_plan(subject: Release) -> None:
    status, content = post("hello-1", {"decision": "reject", "reason": "no"}, principal(ADA))
    assert (status, content["parameter"]) == (400, "plan_hash")
    body = {"decision": "withdraw", "plan_hash": "sha256:" + "0" * 64}
    status, content = post("hello-1", body, principal(ADA))
    assert "vote-is-for-this-plan" in [rule["rule"] for rule in content["rules"]]


@pytest.mark.usefixtures("served", "subject")
def test_a_malformed_token_is_refused_and_not_repeated() -> None:
    status, content = post("hello-1", {"decision": "approve"}, {"Authorization": "Bearer hunter2"})
    assert status == 401
    assert "hunter2" not in json.dumps(content)


@pytest.mark.usefixtures("served")
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_another_site_cannot_make_a_browser_vote(
    home: ScriptedInstallation, subject: Release, headers: dict[str, str]
) -> None:
    body = {"decision": "approve", "plan_hash": subject.plan_hash}
    assert post("hello-1", body, principal(ADA) | headers)[0] in (403, 415)
    assert voters(home) == []


def test_the_list_of_gates_needs_a_function_key_and_a_vote_does_not() -> None:
    routes = set()
    for function in registered(votes):
        level = str(function.trigger["authLevel"]).lower().rpartition(".")[2]
        routes.add((",".join(function.methods), function.trigger["route"], level))
    assert routes == {
        ("GET", "api/v1/approvals", "function"),
        ("POST", "api/v1/approvals/{release}", "anonymous"),
    }


@pytest.mark.usefixtures("served")
def test_an_objection_to_a_counted_vote_stops_the_release_and_any_other_is_refused(
    home: ScriptedInstallation, subject: Release
) -> None:
    token = home.token(subject, ADA)
    assert post("hello-1", {"decision": "approve", "token": token})[0] == 200
    status, content = post("hello-1", {"decision": "object", "token": token, "reason": "I was on a plane"})
    assert (status, content["phase"]) == (200, "rejected")
    assert home.newest().phase is Phase.REJECTED
    status, content = post("hello-1", {"decision": "object", "token": home.token(subject, BEN)})
    assert (status, [result["rule"] for result in content["rules"]]) == (409, ["has-voted"])
