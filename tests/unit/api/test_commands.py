"""The operator's verbs by the JSON API: who may, what is refused by name, and what a repeat is."""

import base64
import json
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

from functions import commands, guard
from slipway.domain.release import Phase
from slipway.domain.roles import Role
from slipway.flow.commanding import Commander
from slipway.http.callers import Access
from tests.unit.flow.deliveries import ADA, write_delivery
from tests.unit.flow.house import BASE, House

SUBMISSION = "one-act-of-mine"


@pytest.fixture
def house(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> House:
    """An installation behind Easy Auth, in which roles decide."""
    write_delivery(tmp_path)
    made = House(tmp_path)
    built = SimpleNamespace(
        settings=SimpleNamespace(sign_in="easy-auth", public_url=f"{BASE}/"),
        access=Access(easy_auth=True, host_keys=False),
        commander=Commander(intake=made.intake, reader=made.reader, freezer=made.freezer, clock=made.time),
    )
    for module in (commands, guard):
        monkeypatch.setattr(module, "parts", lambda: built)
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


def test_an_operator_freezes_a_lane_and_ends_that(house: House) -> None:
    status, done = give(verb="freeze", application="shop", environment="production", reason="the sale")
    assert (status, done["environment"]) == (200, "production")
    (shown,) = frozen()
    assert (shown["owner"], shown["reason"], shown["kind"]) == ("olga@example.com", "the sale", "freeze")
    house.intake.take(house.vote(1, ADA))
    house.settle()
    assert house.phase(1) is Phase.HELD_BACK
    assert give(verb="unfreeze", application="shop", environment="production")[0] == 200
    house.settle()
    assert house.phase(1) is Phase.COMPLETED
    assert frozen() == []


def test_an_operator_freezes_everything(house: House) -> None:
    status, done = give(verb="freeze", reason="incident 4711")
    assert (status, done["told"], done["of"]) == (200, 1, 1)
    assert frozen()[0]["application"] == ""


def test_a_repeat_is_the_same_command_and_another_freeze_is_refused_by_name(house: House) -> None:
    body = {"verb": "freeze", "application": "shop", "environment": "production", "reason": "the sale"}
    assert give(**body)[0] == give(**body)[0] == 200
    assert house.actions().count("lane.frozen") == 1
    status, refused = give(**body, submission="another-act-of-mine")
    assert status == 409
    assert [rule["rule"] for rule in refused["rules"]] == ["is-not-frozen"]
    assert house.actions()[-1] == "command.refused"


def test_a_roll_back_answers_with_the_new_release(house: House) -> None:
    for number in (1, 2):
        house.intake.take(house.vote(number, ADA))
        house.settle()
        if number == 1:
            house.push("2.0")
            house.settle()
    status, done = give(verb="rollback", environment="production", release="shop-1", reason="2.0 loses orders")
    assert (status, done["release"], done["phase"]) == (200, "shop-3", "planning")


@pytest.mark.parametrize("roles", [(), (Role.READER,), (Role.APPROVER,)])
def test_who_may_not_is_told_which_permission_is_missing(house: House, roles: tuple[Role, ...]) -> None:
    headers = signed_in("mallory@example.com", *roles)
    status, refused = give(headers, verb="cancel", release="shop-1", reason="because")
    assert (status, refused["permission"]) == (403, "cancel")
    assert house.phase(1) is Phase.AWAITING_APPROVAL


def test_a_stranger_and_a_form_of_another_site_change_nothing(house: House) -> None:
    assert give({}, verb="cancel", release="shop-1", reason="because")[0] == 401
    foreign = {**OPERATOR, "Sec-Fetch-Site": "cross-site"}
    assert give(foreign, verb="cancel", release="shop-1", reason="because")[0] == 403
    assert house.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"verb": "explode"}, 400, "verb"),
        ({"verb": "cancel", "release": "shop-9", "reason": "x"}, 404, "shop-9"),
        ({"verb": "freeze", "application": "shop", "environment": "moon", "reason": "x"}, 400, "staging, production"),
        ({"verb": "freeze", "application": "nope", "environment": "production", "reason": "x"}, 404, "nope"),
        ({"verb": "cancel", "release": "shop-1"}, 409, "says why"),
        ({"verb": "cancel", "release": "shop-1", "reason": "x" * 2001}, 400, "reason"),
        ({"verb": "resume", "application": "shop", "environment": "production", "release": "shop-1"}, 400, "release"),
        ({"verb": "freeze", "reason": "x", "until": "tomorrow"}, 400, "until"),
    ],
)
def test_bad_input_is_answered_by_field(house: House, body: dict[str, Any], status: int, said: str) -> None:
    got, answer = give(**body)
    assert got == status
    assert said in answer["detail"]
