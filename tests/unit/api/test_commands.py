"""The operator's verbs by the JSON API: who may, what is refused by name, and what a repeat is."""

import base64
import json
from typing import Any

import azure.functions as func
import pytest

from functions import commands, guard
from slipway.domain.release import Phase
from slipway.domain.roles import Role
from slipway.testing import ADA, BASE, Installation, write_delivery
from tests.unit.api.in_process import use

SUBMISSION = "one-act-of-mine"


@pytest.fixture
def installation(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation behind Easy Auth, in which roles decide."""
    write_delivery(tmp_path)
    settings = {"sign_in": "easy-auth", "api_access": "roles", "public_url": f"{BASE}/"}
    made = Installation(tmp_path, settings=settings)
    use(monkeypatch, made, commands, guard)
    made.push("1.0")
    made.settle()
    return made


def signed_in(name: str, *roles: Role) -> dict[str, str]:
    claims = [{"typ": "oid", "val": "00000000-0000-0000-0000-0000000000a1"}, {"typ": "preferred_username", "val": name}]
    claims += [{"typ": "roles", "val": f"Slipway.{role.capitalize()}"} for role in roles]
    text = json.dumps({"auth_typ": "aad", "claims": claims})
    return {"X-MS-CLIENT-PRINCIPAL": base64.b64encode(text.encode()).decode()}


OPERATOR = signed_in("olga@example.com", Role.OPERATOR)


def give(headers: dict[str, str] | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    sent = json.dumps({"submission": SUBMISSION, **body}).encode()
    answer = commands.command(
        func.HttpRequest(
            "POST",
            BASE,
            headers={"Content-Type": "application/json", **(OPERATOR if headers is None else headers)},
            body=sent,
        )
    )
    return answer.status_code, json.loads(answer.get_body())


def frozen() -> list[dict[str, Any]]:
    answer = commands.freezes(func.HttpRequest("GET", BASE, headers=OPERATOR, body=b""))
    found: list[dict[str, Any]] = json.loads(answer.get_body())["freezes"]
    return found


def test_an_operator_freezes_a_lane_and_ends_that(installation: Installation) -> None:
    status, done = give(verb="freeze", application="shop", environment="production", reason="the sale")
    assert (status, done["environment"]) == (200, "production")
    (shown,) = frozen()
    assert (shown["owner"], shown["reason"], shown["kind"]) == ("olga@example.com", "the sale", "freeze")
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    assert give(verb="unfreeze", application="shop", environment="production")[0] == 200
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert frozen() == []


def test_an_operator_freezes_everything(installation: Installation) -> None:
    status, done = give(verb="freeze", reason="incident 4711")
    assert (status, done["told"], done["of"]) == (200, 1, 1)
    assert frozen()[0]["application"] == ""


def test_a_repeat_is_the_same_command_and_another_freeze_is_refused_by_name(installation: Installation) -> None:
    body: dict[str, Any] = {"verb": "freeze", "application": "shop", "environment": "production", "reason": "the sale"}
    assert give(**body)[0] == give(**body)[0] == 200
    assert installation.actions().count("lane.frozen") == 1
    status, refused = give(**body, submission="another-act-of-mine")
    assert status == 409
    assert [rule["rule"] for rule in refused["rules"]] == ["is-not-frozen"]
    assert installation.actions()[-1] == "command.refused"


def test_a_roll_back_answers_with_the_new_release(installation: Installation) -> None:
    for number in (1, 2):
        installation.vote(number, ADA)
        installation.settle()
        if number == 1:
            installation.push("2.0")
            installation.settle()
    status, done = give(verb="rollback", environment="production", release="shop-1", reason="2.0 loses orders")
    assert (status, done["release"], done["phase"]) == (200, "shop-3", "planning")


@pytest.mark.parametrize("roles", [(), (Role.READER,), (Role.APPROVER,)])
def test_who_may_not_is_told_which_permission_is_missing(installation: Installation, roles: tuple[Role, ...]) -> None:
    headers = signed_in("mallory@example.com", *roles)
    status, refused = give(headers, verb="cancel", release="shop-1", reason="because")
    assert (status, refused["permission"]) == (403, "cancel")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_stranger_and_a_form_of_another_site_change_nothing(installation: Installation) -> None:
    assert give({}, verb="cancel", release="shop-1", reason="because")[0] == 401
    foreign = {**OPERATOR, "Sec-Fetch-Site": "cross-site"}
    assert give(foreign, verb="cancel", release="shop-1", reason="because")[0] == 403
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"verb": "explode"}, 400, "verb"),
        ({"verb": "cancel", "release": "shop-9", "reason": "x"}, 404, "shop-9"),
        ({"verb": "freeze", "application": "shop", "environment": "moon", "reason": "x"}, 400, "staging, production"),
        ({"verb": "freeze", "application": "nope", "environment": "production", "reason": "x"}, 404, "nope"),
        ({"verb": "cancel", "release": "shop-1"}, 409, "needs a reason"),
        ({"verb": "cancel", "release": "shop-1", "reason": "x" * 2001}, 400, "reason"),
        ({"verb": "resume", "application": "shop", "environment": "production", "release": "shop-1"}, 400, "release"),
        ({"verb": "freeze", "reason": "x", "until": "tomorrow"}, 400, "until"),
    ],
)
def test_bad_input_is_answered_by_field(
    installation: Installation, body: dict[str, Any], status: int, said: str
) -> None:
    got, answer = give(**body)
    assert got == status
    assert said in answer["detail"]
