"""`slipway approvals`, `approve`, `reject`, `withdraw`: what waits for people, and whose vote is sent where."""

import json
from datetime import timedelta
from typing import Any

import pytest

from slipway.domain.rules import Rule
from slipway.domain.tokens import ApprovalClaims
from tests.links import link_by
from tests.unit.cli.conftest import Command
from tests.unit.cli.served import KEY, ReceivedRequest, Reply, Served, problem
from tests.unit.domain.samples import ADA, MORNING

PLAN = "sha256:91c3e07d55aa" + "0" * 52
GATE = {
    "release": "shop-2",
    "application": "shop",
    "environment": "production",
    "tag": "v2",
    "digest": "sha256:" + "1" * 64,
    "plan_hash": PLAN,
    "opened_at": "2026-11-23T08:00:00Z",
    "deadline": "2026-11-24T08:00:00Z",
    "approvals": 1,
    "required": 2,
    "votes": [],
    "waits_for": [ADA, "ben@example.com"],
}
COUNTED = {
    "v": 1,
    "application": "shop",
    "id": "1795000000000-00112233aabbccdd",
    "state": "counted",
    "release": "shop-2",
    "environment": "production",
    "phase": "awaiting_approval",
}


def token(release: int = 2) -> str:
    claims = ApprovalClaims(
        application="shop",
        release=release,
        environment="production",
        plan_hash=PLAN,
        approver=ADA,
        expires_at=MORNING + timedelta(days=1),
        opening=1,
    )
    return link_by({"k": b"k" * 32}, claims)


@pytest.fixture(autouse=True)
def answers(app: Served) -> None:
    app.replies["approvals"] = Reply(body=json.dumps({"approvals": [GATE]}).encode())
    app.replies["approvals/shop-2"] = Reply(body=json.dumps(COUNTED).encode())


def sent(app: Served) -> dict[str, Any]:
    (post,) = [request for request in app.requests if request.method == "POST"]
    assert post.target == "/api/v1/approvals/shop-2"
    assert post.headers["content-type"] == "application/json"
    content = json.loads(post.body)
    assert isinstance(content, dict)
    return content


def test_a_gate_with_an_outdated_plan_is_named_without_its_page(slipway: Command, app: Served) -> None:
    gate = GATE | {"outdated": "the application changed since the plan was made"}
    app.replies["approvals"] = Reply(body=json.dumps({"approvals": [gate]}).encode())
    stderr = slipway("approvals").stderr
    assert "shop-2 is planned again before anybody can approve it: the application changed since" in stderr
    assert "decide on" not in stderr


def test_a_waiting_release_is_listed_with_its_votes_and_the_approvers_awaited(slipway: Command) -> None:
    heading, line = slipway("approvals").stdout.splitlines()
    assert heading.split()[:6] == ["RELEASE", "TAG", "ENVIRONMENT", "VOTES", "UNTIL", "PLAN"]
    assert "1 of 2" in line
    assert line.endswith(f"{ADA}, ben@example.com")


def test_the_list_as_json_is_what_the_app_answers(slipway: Command) -> None:
    assert json.loads(slipway("approvals", "--json").stdout) == {"v": 1, "approvals": [GATE]}


def test_the_page_of_each_gate_is_named_beside_the_list(slipway: Command, app: Served) -> None:
    assert slipway("approvals").stderr == f"decide on shop-2: {app.url}/approvals/shop/2/production\n"


@pytest.mark.parametrize("bearer", ["", "access-token"])
def test_an_approval_without_a_link_is_given_on_the_page_that_is_printed(
    slipway: Command, app: Served, bearer: str
) -> None:
    result = slipway("approve", "shop-2", SLIPWAY_BEARER=bearer)
    assert result.exit_code == 5
    assert f"open {app.url}/approvals/shop/2/production" in result.stderr
    assert not [request for request in app.requests if request.method == "POST"]


def test_an_empty_list_of_approvals_says_so_on_stderr(slipway: Command, app: Served) -> None:
    app.replies["approvals"] = Reply(body=b'{"approvals": []}')
    result = slipway("approvals")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing is waiting for approval\n")


def test_a_link_is_enough_and_needs_no_key_and_no_address(slipway: Command, app: Served) -> None:
    link_token = token()
    result = slipway("approve", "--link", f"{app.url}/approvals/{link_token}", SLIPWAY_URL=None, SLIPWAY_KEY=None)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "✓ approved  shop-2 for production, plan sha256:91c3e07d55aa; it is awaiting approval\n"
    body = sent(app)
    assert (body["token"], body["plan_hash"], body["decision"], body["channel"]) == (link_token, PLAN, "approve", "cli")
    assert "x-functions-key" not in app.requests[0].headers


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_link_votes_on_the_release_that_it_is_for(slipway: Command, app: Served, by: str) -> None:
    link_token = token()
    link = f"{app.url}/approvals/{link_token}"
    link_option = ("--link", link) if by == "option" else ()
    result = slipway("reject", "shop-2", "--reason", "wrong", *link_option, SLIPWAY_LINK=None if link_option else link)
    assert result.exit_code == 0, result.stderr
    assert (sent(app)["token"], sent(app)["reason"]) == (link_token, "wrong")


def test_a_signed_in_voter_votes_on_the_plan_of_the_open_gate(slipway: Command, app: Served) -> None:
    result = slipway("reject", "shop-2", "--reason", "no", "--plan", "91c3e07d55aa", SLIPWAY_BEARER="access-token")
    assert result.exit_code == 0, result.stderr
    assert app.requests[-1].headers["authorization"] == "Bearer access-token"
    assert app.requests[0].headers["x-functions-key"] == KEY
    assert "authorization" not in app.requests[0].headers
    assert sent(app)["plan_hash"] == PLAN
    assert "token" not in sent(app)


def test_the_same_request_is_repeated_until_the_vote_is_decided(slipway: Command, app: Served) -> None:
    received = COUNTED | {"state": "received", "release": "", "environment": "", "phase": ""}

    def later(request: ReceivedRequest) -> None:
        state = received if len(app.requests) < 2 else COUNTED
        app.replies["approvals/shop-2"] = Reply(body=json.dumps(state).encode())

    app.before_answer = later
    result = slipway("approve", "--link", f"{app.url}/approvals/{token()}")
    assert result.exit_code == 0, result.stderr
    bodies = [json.loads(request.body) for request in app.requests if request.method == "POST"]
    assert len(bodies) >= 2
    assert all(body == bodies[0] for body in bodies)


def test_each_call_sends_its_vote_under_an_id_of_its_own(slipway: Command, app: Served) -> None:
    for _ in range(2):
        slipway("withdraw", "--link", f"{app.url}/approvals/{token()}")
    acts = [json.loads(request.body)["id"] for request in app.requests]
    assert len(set(acts)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("approve", "shop-3", "--link", "https://x.example/approvals/{token}"),
            "your link is for shop-2, not for shop-3",
        ),
        (
            ("approve", "shop-1"),
            "shop-1 is not waiting for approval, but completed; `slipway approvals` lists those that are",
        ),
        (
            ("approve", "--link", "https://x.example/approvals/{token}", "--plan", "abc"),
            "the plan of shop-2 is sha256:91c3e07d55aa, not abc",
        ),
        (("approve", "--link", "https://x.example/approvals/no-token"), "--link: expected the complete link"),
        (("approve", "--link", "https://x.example/approvals/eyJhIjoxfQ.x"), "--link: expected the complete link"),
        (("approve", "--link", "http://shop.example/approvals/{token}"), "--link: expected https"),
        (("approve", "--link", "https://shop.example/releases/shop-2"), "--link: expected the link"),
        (("approve",), "RELEASE: missing"),
        (("reject", "shop-2", "--link", "https://x.example/approvals/{token}"), "Missing option '--reason'"),
    ],
)
def test_unclear_or_contradictory_arguments_are_refused_before_anything_is_sent(
    slipway: Command, app: Served, arguments: tuple[str, ...], message: str
) -> None:
    link_token = token()
    result = slipway(*(argument.format(token=link_token) for argument in arguments))
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert link_token not in result.stdout + result.stderr
    assert not [request for request in app.requests if request.method == "POST"]


@pytest.mark.parametrize("command", ["approve", "withdraw"])
def test_a_vote_on_a_release_that_does_not_exist_ends_with_3(slipway: Command, app: Served, command: str) -> None:
    result = slipway(command, "shop-9")
    assert (result.exit_code, "shop-9" in result.stderr) == (3, True)
    assert not [request for request in app.requests if request.method == "POST"]


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (("approve", "shop-2"), "shop/2/production"),
        (("reject", "shop-2", "--reason", "no"), "shop/2/production"),
        (("withdraw", "shop-2"), "shop/2/production"),
        (("object", "shop-2", "--environment", "staging"), "shop/2/staging"),
        (("object", "shop-1"), "shop/1/production"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, tuple) else words,
)
@pytest.mark.parametrize("bearer", ["", "a program's"])
def test_an_unidentified_voter_is_referred_to_the_page_where_they_sign_in(
    slipway: Command, app: Served, arguments: tuple[str, ...], place: str, bearer: str
) -> None:
    nobody = problem(403, "Voter not identified", "a function key or a program's token identifies no voter")
    app.replies["approvals/shop-1"] = app.replies["approvals/shop-2"] = nobody
    result = slipway(*arguments, SLIPWAY_BEARER=bearer)
    assert result.exit_code == 5, result.stderr
    assert f"{arguments[0]} on its page, with a sign-in; open {app.url}/approvals/{place}" in result.stderr
    assert "function key" not in result.stderr


def test_nobody_is_led_to_a_page_to_reject_a_release_that_has_ended(slipway: Command, app: Served) -> None:
    app.replies["approvals/shop-1"] = problem(403, "Voter not identified", "a function key identifies no voter")
    result = slipway("reject", "shop-1", "--reason", "no")
    assert (result.exit_code, "shop-1 is completed, and has ended" in result.stderr) == (1, True), result.stderr


def test_nobody_is_led_to_a_page_of_an_environment_that_the_release_never_saw(slipway: Command, app: Served) -> None:
    app.replies["approvals/shop-2"] = problem(403, "Voter not identified", "a function key identifies no voter")
    result = slipway("object", "shop-2", "--environment", "nowhere")
    assert result.exit_code == 1
    assert "shop-2 was never in nowhere, only in staging" in result.stderr


def test_a_refusal_names_its_rules_and_ends_with_1(slipway: Command, app: Served) -> None:
    refused = {
        "title": "The vote did not count",
        "status": 409,
        "detail": "the commit is yours",
        "rules": [Rule.NOT_COMMITTER.fails("the commit is yours").model_dump(mode="json")],
    }
    app.replies["approvals/shop-2"] = Reply(409, json.dumps(refused).encode())
    result = slipway("approve", "--link", f"{app.url}/approvals/{token()}")
    assert result.exit_code == 1
    assert "The vote did not count: the commit is yours (approver-is-not-committer)" in result.stderr


def test_the_apps_own_403_is_reported_and_not_taken_for_a_wrong_key(slipway: Command, app: Served) -> None:
    refused = {"title": "Voter not identified", "status": 403, "detail": "the token cannot be used: it expired"}
    app.replies["approvals/shop-2"] = Reply(403, json.dumps(refused).encode())
    result = slipway("approve", "--link", f"{app.url}/approvals/{token()}")
    assert result.exit_code == 1
    assert "Voter not identified: the token cannot be used: it expired" in result.stderr


def test_a_counted_vote_as_json_is_what_the_app_answers(slipway: Command, app: Served) -> None:
    assert json.loads(slipway("approve", "--link", f"{app.url}/approvals/{token()}", "--json").stdout) == COUNTED


def test_an_objection_names_no_plan_and_asks_for_no_open_gate(slipway: Command, app: Served) -> None:
    app.replies["approvals"] = Reply(body=b'{"approvals": []}')
    result = slipway("object", "shop-2", "--environment", "staging", "--reason", "not I", SLIPWAY_BEARER="access-token")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "✓ objected  shop-2 for production; it is awaiting approval\n"
    body = sent(app)
    assert (body["decision"], body["environment"], body["reason"]) == ("object", "staging", "not I")
    assert body["plan_hash"] is None
