"""The operator's verbs by the JSON API: who may, what is refused by name, and what a repeat is."""

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
    made = begun(waiting, tmp_path)
    made.restart(api_access="roles", public_url=f"{BASE}/")
    use(monkeypatch, made, commands, guard, inbox)
    return made


def token(who: TokenPerson) -> dict[str, str]:
    return bearer(shared_parts(commands), who)


OLGA = person(4, "Olga", "Slipway.Operator")


def give(headers: dict[str, str] | None = None, **body: Any) -> tuple[int, dict[str, Any]]:
    sent = json.dumps({"id": ID, **body}).encode()
    answer = commands.command(
        func.HttpRequest(
            "POST",
            BASE,
            headers={"Content-Type": "application/json", **(token(OLGA) if headers is None else headers)},
            body=sent,
        )
    )
    return answer.status_code, json.loads(answer.get_body())


def outcome(installation: Installation, received: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """What becomes of a command that was received, once its hint arrives."""
    status, content = received
    assert status == 202, content
    assert ask(content)["state"] == "received"
    installation.hear()
    return ask(content)


def confirmation(handle: str) -> tuple[int, dict[str, Any]]:
    request = func.HttpRequest("GET", BASE, headers=token(OLGA), route_params={"handle": handle}, body=b"")
    answer = commands.confirmation(request)
    return answer.status_code, json.loads(answer.get_body())


def confirmed(installation: Installation, received: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """What becomes of a command that a person has to confirm, once they have."""
    status, content = received
    handle = content["address"].rpartition("/")[2]
    assert (status, content["id"], content["open"]) == (202, "", f"{BASE}/confirm/{handle}")
    assert confirmation(handle)[1]["state"] == "waiting"
    assert list(installation.inbox_table.everything(limit=1)) == []
    confirm_pending(installation, handle)
    installation.hear()
    said = confirmation(handle)[1]
    assert said["state"] == "said"
    return ask(said)


def ask(content: dict[str, Any]) -> dict[str, Any]:
    about = {"application": content["application"], "id": content["id"]}
    answer = inbox.get_outcome(func.HttpRequest("GET", BASE, headers=token(OLGA), route_params=about, body=b""))
    found: dict[str, Any] = json.loads(answer.get_body())
    return found


def frozen() -> list[dict[str, Any]]:
    answer = commands.list_freezes(func.HttpRequest("GET", BASE, headers=token(OLGA), body=b""))
    found: list[dict[str, Any]] = json.loads(answer.get_body())["freezes"]
    return found


def test_an_operator_freezes_a_lane_and_ends_that(installation: Installation) -> None:
    received = give(verb="freeze", application="shop", environment="production", reason="the sale")
    assert received[1]["address"] == f"/api/v1/inbox/shop/{ID}"
    done = outcome(installation, received)
    assert (done["state"], done["verb"], done["environment"]) == ("counted", "freeze", "production")
    (shown,) = frozen()
    assert (shown["owner"], shown["reason"], shown["kind"]) == (f"oid:{OLGA.oid}", "the sale", "freeze")
    installation.vote(1, ADA)
    installation.settle()
    assert installation.phase(1) is Phase.HELD_BACK
    ended = confirmed(installation, give(verb="unfreeze", application="shop", environment="production", id=OTHER))
    assert ended["state"] == "counted"
    installation.settle()
    assert installation.phase(1) is Phase.COMPLETED
    assert frozen() == []


def test_an_operator_freezes_everything(installation: Installation) -> None:
    done = outcome(installation, give(verb="freeze", reason="incident 4711"))
    assert (done["state"], done["application"]) == ("counted", "_installation")
    (everything,) = frozen()
    assert [everything[name] for name in ("application", "environment", "until", "release")] == [None] * 4
    again = outcome(installation, give(verb="freeze", reason="me too", id=OTHER))
    assert (again["state"], [rule["rule"] for rule in again["rules"]]) == ("refused", ["is-not-frozen"])


def test_a_repeat_is_the_same_command_and_another_freeze_is_refused_by_name(installation: Installation) -> None:
    body: dict[str, Any] = {"verb": "freeze", "application": "shop", "environment": "production", "reason": "the sale"}
    assert outcome(installation, give(**body))["state"] == "counted"
    status, again = give(**body)
    assert (status, ask(again)["state"]) == (202, "counted")
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
    asked = give(verb="rollback", environment="production", release="shop-1", reason="2.0 loses orders")
    done = confirmed(installation, asked)
    assert (done["state"], done["release"], done["phase"]) == ("counted", "shop-3", "planning")


@pytest.mark.parametrize("roles", [("reader",), ("shop-approvers",)])
def test_who_may_not_is_told_which_permission_is_missing(installation: Installation, roles: tuple[str, ...]) -> None:
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
    ("body", "status", "said"),
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
    installation: Installation, body: dict[str, Any], status: int, said: str
) -> None:
    got, answer = give(**body)
    assert got == status
    assert said in answer["detail"]


def test_a_cancel_without_a_reason_is_refused_by_name(installation: Installation) -> None:
    refused = outcome(installation, give(verb="cancel", release="shop-1"))
    assert (refused["state"], refused["reason"]) == ("refused", "cancel needs a reason")
    assert installation.phase(1) is Phase.AWAITING_APPROVAL


def test_what_was_never_said_has_no_outcome(installation: Installation) -> None:
    for application, id in (("shop", ID), ("shop", "../head"), ("../head", ID), ("_installation", "x")):
        about = {"application": application, "id": id}
        answer = inbox.get_outcome(func.HttpRequest("GET", BASE, headers=token(OLGA), route_params=about, body=b""))
        assert answer.status_code == 404


def test_nobody_confirms_what_there_is_not_or_what_has_waited_for_too_long(installation: Installation) -> None:
    assert confirmation("../head")[0] == 404
    assert confirmation(f"20261123-{'a' * 43}")[0] == 404
    outcome(installation, give(verb="freeze", application="shop", environment="production", reason="the sale"))
    asked = give(verb="unfreeze", application="shop", environment="production", id=OTHER)[1]
    handle = asked["address"].rpartition("/")[2]
    installation.wait(timedelta(minutes=15))
    assert confirmation(handle)[0] == 404
    assert installation.app.saying.pending(handle) is None


def test_who_may_not_give_it_cannot_ask_somebody_else_to_confirm_it(installation: Installation) -> None:
    headers = token(person(5, "Mallory", "reader"))
    status, refused = give(headers, verb="resume", application="shop", environment="production")
    assert (status, refused["permission"]) == (403, "resume")
    assert list(installation.challenges_table.everything(limit=1)) == []


def test_whoever_reads_ends_their_own_sessions_and_nobody_elses(installation: Installation) -> None:
    dora, platform = person(9, "Dora"), person(8, "Pat", "Slipway.Platform")
    done = outcome(installation, give(token(dora), verb="session.end"))
    assert (done["state"], done["verb"], done["application"]) == ("counted", "session.end", "_installation")
    refused, content = give(token(dora), verb="session.end", person=OLGA.oid, id=OTHER)
    assert (refused, content["permission"]) == (403, "end-sessions")
    ended = installation.app.signed_out
    assert ended.of(dora.tenant, dora.oid).since is not None
    assert ended.of(OLGA.tenant, OLGA.oid).since is None
    assert (
        outcome(installation, give(token(platform), verb="session.end", person=OLGA.oid, id=OTHER))["state"]
        == "counted"
    )
    assert ended.of(OLGA.tenant, OLGA.oid).since is not None


def test_what_would_be_refused_is_refused_at_once_with_the_rule_and_asks_nobody_to_confirm(
    installation: Installation,
) -> None:
    status, content = give(verb="resume", application="shop", environment="production")
    assert (status, content["title"], "open" in content) == (409, "Refused", False)
    assert [rule["rule"] for rule in content["rules"]] == ["is-on-hold"]
    assert "no rollback holds it" in content["detail"]


def test_whoever_waits_for_a_confirmation_hears_at_once_that_it_would_be_refused_by_now(
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
