"""The operator's verbs by the JSON API: who may, what is refused by name, and what a repeat does."""

import json
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest

from functions import commands, guard, inbox
from slipway.domain.identity import TokenPerson
from slipway.domain.release import Phase
from slipway.testing import ADA, BASE, Installation
from slipway.testing.sign_in import bearer, person
from tests.beginnings import begun, waiting
from tests.confirming import confirm_pending
from tests.unit.api.in_process import shared_parts, use

ID, OTHER = "1764000000000-00000000000000aa", "1764000000000-00000000000000bb"


@pytest.fixture
def installation(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """An installation in which roles decide."""
    home = begun(waiting, tmp_path)
    home.restart(api_access="roles", public_url=f"{BASE}/")
    use(monkeypatch, home, commands, guard, inbox)
    return home


def token(who: TokenPerson) -> dict[str, str]:
    return bearer(shared_parts(commands), who)


OLGA = person(4, "Olga", "Slipway.Operator")


def give(headers: dict[str, str] | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    payload = json.dumps({"id": ID, **body}).encode()
    response = commands.command(
        func.HttpRequest(
            "POST",
            BASE,
            headers={"Content-Type": "application/json", **(token(OLGA) if headers is None else headers)},
            body=payload,
        )
    )
    return response.status_code, json.loads(response.get_body())


def outcome(installation: Installation, received: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """What becomes of a command that was received, once its hint arrives."""
    status, content = received
    assert status == 202, content
    assert ask(content)["state"] == "received"
    installation.hear()
    return ask(content)


def confirmation(handle: str) -> tuple[int, dict[str, Any]]:
    request = func.HttpRequest("GET", BASE, headers=token(OLGA), route_params={"handle": handle}, body=b"")
    response = commands.confirmation(request)
    return response.status_code, json.loads(response.get_body())


def confirmed(installation: Installation, received: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """What becomes of a command that a person has to confirm, once they have."""
    status, content = received
    handle = content["address"].rpartition("/")[2]
    assert (status, content["id"], content["open"]) == (202, "", f"{BASE}/confirm/{handle}")
    assert confirmation(handle)[1]["state"] == "waiting"
    assert list(installation.inbox_table.everything(limit=1)) == []
    confirm_pending(installation, handle)
    installation.hear()
    answer = confirmation(handle)[1]
    assert answer["state"] == "said"
    return ask(answer)


def ask(content: dict[str, Any]) -> dict[str, Any]:
    route = {"application": content["application"], "id": content["id"]}
    response = inbox.get_outcome(func.HttpRequest("GET", BASE, headers=token(OLGA), route_params=route, body=b""))
    reply: dict[str, Any] = json.loads(response.get_body())
    return reply


def list_freezes() -> list[dict[str, Any]]:
    response = commands.list_freezes(func.HttpRequest("GET", BASE, headers=token(OLGA), body=b""))
    freezes: list[dict[str, Any]] = json.loads(response.get_body())["freezes"]
    return freezes


def test_an_operator_freezes_a_lane_and_ends_the_freeze(installation: Installation) -> None:
    received = give(verb="freeze", application="shop", environment="production", reason="the sale")
    assert received[1]["address"] == f"/api/v1/inbox/shop/{ID}"
    reply = outcome(installation, received)
    assert (reply["state"], reply["verb"], reply["environment"]) == ("counted", "freeze", "production")
    (freeze,) = list_freezes()
    assert (freeze["owner"], freeze["reason"], freeze["kind"]) == (f"oid:{OLGA.oid}", "the sale", "freeze")
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    ending = confirmed(installation, give(verb="unfreeze", application="shop", environment="production", id=OTHER))
    assert ending["state"] == "counted"
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert list_freezes() == []


def test_an_operator_freezes_everything(installation: Installation) -> None:
    reply = outcome(installation, give(verb="freeze", reason="incident 4711"))
    assert (reply["state"], reply["application"]) == ("counted", "_installation")
    (freeze,) = list_freezes()
    assert [freeze[name] for name in ("application", "environment", "until", "release")] == [None] * 4
    second = outcome(installation, give(verb="freeze", reason="me too", id=OTHER))
    assert (second["state"], [rule["rule"] for rule in second["rules"]]) == ("refused", ["is-not-frozen"])


def test_a_repeated_command_counts_once_and_a_second_freeze_is_refused_by_name(installation: Installation) -> None:
    body: dict[str, Any] = {"verb": "freeze", "application": "shop", "environment": "production", "reason": "the sale"}
    assert outcome(installation, give(**body))["state"] == "counted"
    status, content = give(**body)
    assert (status, ask(content)["state"]) == (202, "counted")
    installation.hear()
    assert installation.actions().count("lane.frozen") == 1
    refused = outcome(installation, give(**body, id=OTHER))
    assert refused["state"] == "refused"
    assert [rule["rule"] for rule in refused["rules"]] == ["is-not-frozen"]
    assert installation.actions()[-1] == "command.refused"


def test_a_rollback_answers_with_the_new_release(installation: Installation) -> None:
    for number in (1, 2):
        installation.vote(number, ADA)
        installation.settle()
        if number == 1:
            installation.push("2.0")
            installation.settle()
    received = give(verb="rollback", environment="production", release="shop-1", reason="2.0 loses orders")
    reply = confirmed(installation, received)
    assert (reply["state"], reply["release"], reply["phase"]) == ("counted", "shop-3", "planning")


@pytest.mark.parametrize("roles", [("reader",), ("shop-approvers",)])
def test_a_person_without_the_permission_is_refused_with_the_name_of_the_permission(
    installation: Installation, roles: tuple[str, ...]
) -> None:
    headers = token(person(5, "Mallory", *roles))
    status, refused = give(headers, verb="cancel", release="shop-1", reason="because")
    assert (status, refused["permission"]) == (403, "cancel")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_a_stranger_and_a_form_of_another_site_change_nothing(installation: Installation) -> None:
    assert give({}, verb="cancel", release="shop-1", reason="because")[0] == 401
    foreign = {**token(OLGA), "Sec-Fetch-Site": "cross-site"}
    assert give(foreign, verb="cancel", release="shop-1", reason="because")[0] == 403
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"verb": "explode"}, 400, "verb"),
        ({"verb": "cancel", "release": "shop-9", "reason": "x"}, 404, "shop-9"),
        ({"verb": "freeze", "application": "shop", "environment": "moon", "reason": "x"}, 400, "staging, production"),
        ({"verb": "freeze", "application": "nope", "environment": "production", "reason": "x"}, 404, "nope"),
        ({"verb": "cancel", "release": "shop-1", "reason": "x" * 2001}, 400, "reason"),
        ({"verb": "resume", "application": "shop", "environment": "production", "release": "shop-1"}, 400, "release"),
        ({"verb": "freeze", "reason": "x", "until": "tomorrow"}, 400, "until"),
        ({"verb": "freeze", "reason": "x", "id": "one"}, 400, "id"),
        ({"verb": "session.end", "person": "ada"}, 400, "person: expected an object id in Entra"),
        ({"verb": "create", "application": "shop", "digest": "a"}, 400, "digest: expected sha256: and 64 hexadecimal"),
    ],
)
def test_bad_input_is_answered_by_field(
    installation: Installation, body: dict[str, Any], status: int, expected: str
) -> None:
    actual, content = give(**body)
    assert actual == status
    assert expected in content["detail"]


def test_a_cancel_without_a_reason_is_refused_by_name(installation: Installation) -> None:
    refused = outcome(installation, give(verb="cancel", release="shop-1"))
    assert (refused["state"], refused["reason"]) == ("refused", "cancel needs a reason")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_an_unknown_statement_has_no_outcome(installation: Installation) -> None:
    for application, id in (("shop", ID), ("shop", "../head"), ("../head", ID), ("_installation", "x")):
        route = {"application": application, "id": id}
        response = inbox.get_outcome(func.HttpRequest("GET", BASE, headers=token(OLGA), route_params=route, body=b""))
        assert response.status_code == 404


def test_an_unknown_and_an_expired_confirmation_are_not_found(installation: Installation) -> None:
    assert confirmation("../head")[0] == 404
    assert confirmation(f"20261123-{'a' * 43}")[0] == 404
    outcome(installation, give(verb="freeze", application="shop", environment="production", reason="the sale"))
    received = give(verb="unfreeze", application="shop", environment="production", id=OTHER)[1]
    handle = received["address"].rpartition("/")[2]
    installation.wait(timedelta(minutes=15))
    assert confirmation(handle)[0] == 404
    assert installation.app.saying.pending(handle) is None


def test_a_person_without_the_permission_cannot_have_a_command_confirmed_by_somebody_else(
    installation: Installation,
) -> None:
    headers = token(person(5, "Mallory", "reader"))
    status, refused = give(headers, verb="resume", application="shop", environment="production")
    assert (status, refused["permission"]) == (403, "resume")
    assert list(installation.challenges_table.everything(limit=1)) == []


def test_a_reader_ends_only_their_own_sessions_and_the_platform_those_of_others(installation: Installation) -> None:
    dora, platform = person(9, "Dora"), person(8, "Pat", "Slipway.Platform")
    reply = outcome(installation, give(token(dora), verb="session.end"))
    assert (reply["state"], reply["verb"], reply["application"]) == ("counted", "session.end", "_installation")
    refused, content = give(token(dora), verb="session.end", person=OLGA.oid, id=OTHER)
    assert (refused, content["permission"]) == (403, "end-sessions")
    signed_out = installation.app.signed_out
    assert signed_out.of(dora.tenant, dora.oid).since is not None
    assert signed_out.of(OLGA.tenant, OLGA.oid).since is None
    assert (
        outcome(installation, give(token(platform), verb="session.end", person=OLGA.oid, id=OTHER))["state"]
        == "counted"
    )
    assert signed_out.of(OLGA.tenant, OLGA.oid).since is not None


def test_a_command_that_would_be_refused_is_refused_before_anybody_is_asked_to_confirm_it(
    installation: Installation,
) -> None:
    status, content = give(verb="resume", application="shop", environment="production")
    assert (status, content["title"], "open" in content) == (409, "Refused", False)
    assert [rule["rule"] for rule in content["rules"]] == ["is-on-hold"]
    assert "no rollback holds it" in content["detail"]


def test_a_pending_confirmation_is_refused_once_its_command_would_be_refused(
    installation: Installation,
) -> None:
    outcome(installation, give(verb="freeze", application="shop", environment="production", reason="the sale"))
    thaw: dict[str, Any] = {"verb": "unfreeze", "application": "shop", "environment": "production"}
    first, second = give(**thaw, id=OTHER), give(**thaw, id=OTHER)
    assert confirmed(installation, first)["state"] == "counted"
    handles = [content["address"].rpartition("/")[2] for _, content in (first, second)]
    assert confirmation(handles[0])[1]["state"] == "said", "what was carried out is not refused afterwards"
    status, refused = confirmation(handles[1])
    assert (status, [rule["rule"] for rule in refused["rules"]]) == (409, ["is-frozen"])
